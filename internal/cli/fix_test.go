package cli

import (
	"testing"

	"github.com/kars-dev/kars/internal/azure/credential"
	"github.com/kars-dev/kars/internal/home"
)

func TestCommandsForALocalRunWorkLocally(t *testing.T) {
	local := &session{local: true, as: "ada", subscription: sub, caller: credential.Caller{ObjectID: "oid"}}
	for command, want := range map[string]string{
		"kars up --region <region>": "kars up --region <region> --local --as ada",
		"kars preflight":            "kars preflight --local --as ada",
		"kars list":                 "kars list",
		"az role assignment create --assignee oid --role Contributor --scope /subscriptions/" + sub:                                       "kars local principal add ada --role 'Contributor'",
		`az role assignment create --assignee oid --role "User Access Administrator" --scope /subscriptions/` + sub + "/resourceGroups/g": "kars local principal add ada --role 'User Access Administrator@/subscriptions/" + sub + "/resourceGroups/g'",
		"az role assignment create --assignee another --role Contributor --scope /subscriptions/" + sub:                                   "",
		"az provider register -n Microsoft.KeyVault":                                                                                      "",
	} {
		if got := (&app{session: local}).pasteable(command); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", command, got, want)
		}
		if got := (&app{session: &session{}}).pasteable(command); got != command {
			t.Errorf("on Azure %q became %q", command, got)
		}
	}
}

func TestTheCommandThatMakesAContextAgain(t *testing.T) {
	for want, x := range map[string]home.Context{
		"kars up --local": {Local: true, Region: "eastus2", ResourceGroup: "kars-eastus2", Cluster: "kars", Model: "gpt-4.1"},
		"kars up --subscription s --region uksouth --resource-group g --cluster-name demo --model o4": {Subscription: "s", Region: "uksouth", ResourceGroup: "g", Cluster: "demo", Model: "o4"},
		"kars up --local --region uksouth --as ada":                                                   {Local: true, As: "ada", Region: "uksouth", ResourceGroup: "kars-uksouth", Cluster: "kars", Model: "gpt-4.1"},
	} {
		if got := new(app).upCommandOf(x); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
