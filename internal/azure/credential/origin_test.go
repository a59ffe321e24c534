package credential

import (
	"strings"
	"testing"
)

const profile = "\ufeff" + `{"subscriptions":[
	{"id":"other","tenantId":"t2","isDefault":false,"user":{"name":"x","type":"user"}},
	{"id":"s1","tenantId":"t1","isDefault":true,"user":{"name":"ada@example.com","type":"user"}}]}`

func TestOriginOfTellsWhichCredentialAnswered(t *testing.T) {
	const cli, app = "04b07795-8ddb-461a-bbee-02f9e1bf7b46", "11111111-0000-0000-0000-000000000001"
	robot := Caller{Type: ServicePrincipal, AppID: app}
	proved := robot
	proved.Assertion = true
	identity := robot
	identity.ManagedIdentity = true
	asRobot := strings.Replace(profile, "ada@example.com", app, 1)
	tests := map[string]struct {
		caller     Caller
		env        map[string]string
		profile    string
		credential string
		federated  bool
		disagrees  string
	}{
		"a person by the Azure CLI":            {Caller{Type: User, AppID: cli}, nil, profile, "AzureCLICredential", false, ""},
		"a secret in the environment is first": {robot, map[string]string{"AZURE_CLIENT_ID": app, "AZURE_CLIENT_SECRET": "x"}, "", "EnvironmentCredential", false, ""},
		"P10: a workload's federated token":    {robot, map[string]string{"AZURE_CLIENT_ID": app, "AZURE_FEDERATED_TOKEN_FILE": "/t"}, "", "WorkloadIdentityCredential", true, ""},
		"P10: a pipeline's sign-in of the CLI": {proved, map[string]string{"ACTIONS_ID_TOKEN_REQUEST_URL": "https://x"}, asRobot, "AzureCLICredential", true, ""},
		"a certificate outside a pipeline":     {proved, nil, asRobot, "AzureCLICredential", false, ""},
		"a managed identity":                   {identity, nil, "", "ManagedIdentityCredential", false, ""},
		"nothing that is known":                {robot, nil, "no json", "", false, ""},
		"the variables name another tenant than the CLI": {
			Caller{Type: User, AppID: cli},
			map[string]string{"AZURE_TENANT_ID": "t2"},
			profile, "AzureCLICredential", false,
			"AZURE_TENANT_ID says the tenant t2, the Azure CLI t1",
		},
		"the variables name an application, the CLI a person": {
			robot,
			map[string]string{"AZURE_CLIENT_ID": app, "AZURE_CLIENT_SECRET": "x", "AZURE_TENANT_ID": "T1"},
			profile, "EnvironmentCredential", false,
			"AZURE_CLIENT_ID says the application " + app + ", the Azure CLI is signed in as ada@example.com",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := OriginOf(tt.caller, func(k string) string { return tt.env[k] }, []byte(tt.profile))
			if o.Credential != tt.credential || o.Federated != tt.federated || strings.Join(o.Disagreements, "; ") != tt.disagrees {
				t.Errorf("got %+v, want %q, federated %t, disagreeing in %q", o, tt.credential, tt.federated, tt.disagrees)
			}
		})
	}
}

func TestACallerSaysHowItProvedItself(t *testing.T) {
	c, err := decode(token(t, map[string]any{"oid": "o", "tid": "t", "idtyp": "app", "appidacr": "2", "xms_mirid": "/subscriptions/s/x"}))
	if err != nil || !c.Assertion || !c.ManagedIdentity {
		t.Errorf("got %+v, %v", c, err)
	}
}

func FuzzOriginOf(f *testing.F) {
	f.Add([]byte(profile))
	f.Add([]byte(`{"subscriptions":[{}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		o := OriginOf(Caller{}, func(string) string { return "" }, raw)
		if o.Credential != "" || len(o.Disagreements) != 0 {
			t.Errorf("of nobody it says %+v", o)
		}
	})
}
