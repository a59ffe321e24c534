package resources

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/store"
)

func read(t *testing.T, template, parameters string) ([]item, error) {
	t.Helper()
	var tree, values store.Tree
	if err := json.Unmarshal([]byte(template), &tree); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(parameters), &values); err != nil {
		t.Fatal(err)
	}
	return readTemplate(tree, values, armid.ID{Subscription: "s", ResourceGroup: "g"})
}

const vaultTemplate = `{
	"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
	"contentVersion": "1.0.0.0",
	"parameters": {"region": {"type": "string", "defaultValue": "eastus2"}, "days": {"type": "int"}},
	"resources": [
		{"type": "Microsoft.Authorization/roleAssignments", "apiVersion": "2022-04-01", "name": "a", "scope": "Microsoft.KeyVault/vaults/v", "dependsOn": ["v"]},
		{"type": "Microsoft.KeyVault/vaults/providers/roleAssignments", "apiVersion": "2022-04-01", "name": "v/Microsoft.Authorization/b", "dependsOn": ["v"]},
		{"type": "Microsoft.KeyVault/vaults", "apiVersion": "2023-07-01", "name": "v", "location": "[parameters('region')]",
			"properties": {"days": "[parameters('days')]"},
			"resources": [{"type": "secrets", "apiVersion": "2023-07-01", "name": "s", "dependsOn": ["v"]}]}
	]
}`

func TestTemplatesPlaceTheirResources(t *testing.T) {
	items, err := read(t, vaultTemplate, `{"days": {"value": 7}}`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, it := range items {
		got = append(got, strings.TrimPrefix(it.ID.String(), "/subscriptions/s/resourceGroups/g/providers/"))
	}
	want := []string{
		"Microsoft.KeyVault/vaults/v",
		"Microsoft.KeyVault/vaults/v/secrets/s",
		"Microsoft.KeyVault/vaults/v/providers/Microsoft.Authorization/roleAssignments/a",
		"Microsoft.KeyVault/vaults/v/providers/Microsoft.Authorization/roleAssignments/b",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(store.Tree{"location": "eastus2", "properties": store.Tree{"days": 7.0}}, items[0].Body); diff != "" {
		t.Errorf("the vault's body (-want +got):\n%s", diff)
	}
}

func TestParametersAreCheckedAgainstTheirDeclaration(t *testing.T) {
	for name, c := range map[string]struct{ parameters, want string }{
		"one is missing":          {`{}`, "is not provided"},
		"one is of another type":  {`{"days": {"value": "seven"}}`, "type is not valid"},
		"one is not declared":     {`{"days": {"value": 7}, "more": {"value": 1}}`, "not present in the original template"},
		"a default is overridden": {`{"days": {"value": 7}, "region": {"value": "westus"}}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(t, vaultTemplate, c.parameters)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func FuzzReadTemplate(f *testing.F) {
	f.Add(vaultTemplate, `{"days": {"value": 7}}`)
	f.Add(`{"$schema":"x","contentVersion":"1","resources":[{"type":"a/b","name":"c","apiVersion":"1","dependsOn":["c"]}]}`, `{}`)
	f.Add(`{"$schema":"x","contentVersion":"1","resources":[{"type":"a/b","name":"[[c]","apiVersion":"1","scope":"/"}]}`, `{}`)
	f.Fuzz(func(t *testing.T, template, parameters string) {
		var tree, values store.Tree
		if json.Unmarshal([]byte(template), &tree) != nil || json.Unmarshal([]byte(parameters), &values) != nil {
			return
		}
		items, err := readTemplate(tree, values, armid.ID{Subscription: "s", ResourceGroup: "g"})
		if err != nil {
			return
		}
		done := map[string]bool{}
		for _, it := range items {
			for _, d := range it.DependsOn {
				if !done[d] {
					t.Fatalf("%s comes before %s, on which it depends", it.ID, d)
				}
			}
			done[strings.ToLower(it.ID.String())] = true
		}
	})
}
