package localazure_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/kars-dev/kars/localazure"
)

func TestARequestWithoutAValidTokenIsRefused(t *testing.T) {
	w := newWorld(t)
	graph, err := w.token(w.owner, "https://graph.microsoft.com/.default")
	if err != nil {
		t.Fatal(err)
	}
	other := newWorld(t)
	foreign, err := other.token(other.owner, "https://management.azure.com/.default")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ header, code string }{
		"no header":                      {"", "AuthenticationFailed"},
		"another scheme":                 {"Basic b3duZXI6", "AuthenticationFailedInvalidHeader"},
		"not a token":                    {"Bearer nonsense", "InvalidAuthenticationToken"},
		"a token for Microsoft Graph":    {"Bearer " + graph.Token, "InvalidAuthenticationToken"},
		"a token of another local Azure": {"Bearer " + foreign.Token, "InvalidAuthenticationToken"},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequest(http.MethodGet, "https://management.azure.com/subscriptions?api-version=2022-12-01", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			if c.header != "" {
				req.Header.Set("Authorization", c.header)
			}
			resp, err := w.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			tree := readTree(t, resp)
			if resp.StatusCode != http.StatusUnauthorized || code(tree) != c.code {
				t.Errorf("%d %v, want 401 %s", resp.StatusCode, tree, c.code)
			}
			challenge := resp.Header.Get("WWW-Authenticate")
			if !strings.HasPrefix(challenge, `Bearer authorization_uri="https://login.microsoftonline.com/`+w.server.TenantID()+`"`) {
				t.Errorf("challenge %q", challenge)
			}
			if resp.Header.Get("x-ms-request-id") == "" || resp.Header.Get("x-ms-correlation-request-id") == "" {
				t.Error("the answer has no request ids")
			}
		})
	}
}

func TestAccessIsDecidedByRoleAssignments(t *testing.T) {
	w := newWorld(t)
	sub := w.subscription()
	w.must("PUT", sub+"/resourceGroups/g", map[string]any{"location": "eastus2"})
	w.must("PUT", sub+"/resourceGroups/other", map[string]any{"location": "eastus2"})
	identity := sub + "/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i-d"
	w.must("PUT", identity, map[string]any{"location": "eastus2"})
	people := map[string]localazure.Credential{
		"nobody":      w.principal("nobody", "user"),
		"reader":      w.principal("reader", "sp", "Reader"),
		"contributor": w.principal("contributor", "user", "Contributor@g"),
		"operator":    w.principal("operator", "user", "Managed Identity Operator@g", "Cognitive Services Contributor@g"),
	}
	account := sub + "/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/"
	accountBody := map[string]any{
		"location": "eastus2", "kind": "AIServices", "sku": map[string]any{"name": "S0"},
		"identity": map[string]any{"type": "UserAssigned", "userAssignedIdentities": map[string]any{identity: map[string]any{}}},
	}
	people["half"] = w.principal("half", "user", "Cognitive Services Contributor@g")
	for name, c := range map[string]struct {
		who, method, path string
		body              any
		status            int
		code, action      string
		scope             string
	}{
		"nobody may not read a group":            {"nobody", "GET", sub + "/resourceGroups/g", nil, 403, "AuthorizationFailed", "Microsoft.Resources/subscriptions/resourceGroups/read", sub + "/resourceGroups/g"},
		"nobody may not even learn what is not":  {"nobody", "GET", sub + "/resourceGroups/none", nil, 403, "AuthorizationFailed", "Microsoft.Resources/subscriptions/resourceGroups/read", sub + "/resourceGroups/none"},
		"a reader reads":                         {"reader", "GET", sub + "/resourceGroups/g", nil, 200, "", "", ""},
		"a reader does not create a group":       {"reader", "PUT", sub + "/resourceGroups/new", map[string]any{"location": "eastus2"}, 403, "AuthorizationFailed", "Microsoft.Resources/subscriptions/resourceGroups/write", sub + "/resourceGroups/new"},
		"a reader does not register a provider":  {"reader", "POST", sub + "/providers/Microsoft.KeyVault/register", nil, 403, "AuthorizationFailed", "Microsoft.KeyVault/register/action", sub},
		"a contributor of a group writes in it":  {"contributor", "PUT", sub + "/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/second", map[string]any{"location": "eastus2"}, 201, "", "", ""},
		"a contributor of a group stays in it":   {"contributor", "GET", sub + "/resourceGroups/other", nil, 403, "AuthorizationFailed", "Microsoft.Resources/subscriptions/resourceGroups/read", sub + "/resourceGroups/other"},
		"a contributor does not assign roles":    {"contributor", "PUT", identity + "/providers/Microsoft.Authorization/roleAssignments/4b1e0c0f-7a5e-4d9c-9d77-0a1a2b3c4d5e", map[string]any{"properties": map[string]any{}}, 403, "AuthorizationFailed", "Microsoft.Authorization/roleAssignments/write", identity + "/providers/Microsoft.Authorization/roleAssignments/4b1e0c0f-7a5e-4d9c-9d77-0a1a2b3c4d5e"},
		"an identity is linked":                  {"half", "PUT", account + "one", accountBody, 403, "LinkedAuthorizationFailed", "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action", identity},
		"an identity's operator may assign it":   {"operator", "PUT", account + "two", accountBody, 201, "", "", ""},
		"the version is asked for before rights": {"nobody", "GET", sub + "/resourceGroups/g?api-version=tomorrow", nil, 400, "InvalidApiVersionParameter", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			who := people[c.who]
			status, tree := w.do(who, c.method, c.path, c.body)
			if status != c.status || code(tree) != c.code {
				t.Fatalf("%d %v, want %d %s", status, tree, c.status, c.code)
			}
			client := who.Username
			if who.Type == "sp" {
				client = who.ClientID
			}
			var want string
			switch c.code {
			case "AuthorizationFailed":
				want = fmt.Sprintf("The client '%s' with object id '%s' does not have authorization to perform action '%s' over scope '%s' or the scope is invalid. If access was recently granted, please refresh your credentials.",
					client, who.ObjectID, c.action, c.scope)
			case "LinkedAuthorizationFailed":
				want = fmt.Sprintf("The client '%s' with object id '%s' has permission to perform action 'Microsoft.CognitiveServices/accounts/write' on scope '%s'; however, it does not have permission to perform action(s) '%s' on the linked scope(s) '%s' (respectively) or the linked scope(s) are invalid.",
					client, who.ObjectID, c.path, c.action, c.scope)
			default:
				return
			}
			if got := message(tree); got != want {
				t.Errorf("message\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestNothingWithoutAVersion(t *testing.T) {
	w := newWorld(t)
	resp, err := w.client.Get("https://management.azure.com/subscriptions")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if tree := readTree(t, resp); resp.StatusCode != http.StatusBadRequest || code(tree) != "MissingApiVersionParameter" {
		t.Errorf("%d %v, want 400 MissingApiVersionParameter", resp.StatusCode, tree)
	}
}

func TestASubscriptionIsListedForThoseWhoMayReadIt(t *testing.T) {
	w := newWorld(t)
	for who, want := range map[string]int{"owner": 1, "nobody": 0} {
		c := w.owner
		if who != "owner" {
			c = w.principal(who, "user")
		}
		_, tree := w.do(c, "GET", "/subscriptions", nil)
		if got := len(tree["value"].([]any)); got != want {
			t.Errorf("%s sees %d subscriptions, want %d", who, got, want)
		}
	}
}

func TestPermissionsAreTheCallersAtAndAboveTheScope(t *testing.T) {
	w := newWorld(t)
	w.must("PUT", w.subscription()+"/resourceGroups/g", map[string]any{"location": "eastus2"})
	reader := w.principal("reader", "user", "Reader")
	w.principal("reader", "user", "Contributor@g")
	for scope, want := range map[string]int{w.subscription(): 1, w.subscription() + "/resourceGroups/g": 2} {
		status, tree := w.do(reader, "GET", scope+"/providers/Microsoft.Authorization/permissions", nil)
		sets, _ := tree["value"].([]any)
		if status != http.StatusOK || len(sets) != want {
			t.Errorf("at %s: %d %v, want %d permission sets", scope, status, tree, want)
		}
	}
}

func TestTheOwnerOfAGroupFollowsOperationsWithoutRightsAtTheSubscription(t *testing.T) {
	w := newWorld(t)
	group := w.group("g")
	tenant := w.principal("tenant", "user", "Owner@g")
	_, header, tree := w.exchange(tenant, "PUT", group+"/providers/Microsoft.Network/networkSecurityGroups/n", object{"location": "eastus2"})
	status, end := w.do(tenant, "GET", header.Get("Azure-AsyncOperation"), nil)
	if status != http.StatusOK {
		t.Errorf("following %v: %d %v", tree, status, end)
	}
	_, header, _ = w.exchange(tenant, "DELETE", group, nil)
	if status, end := w.do(tenant, "GET", header.Get("Location"), nil); status != http.StatusAccepted && status != http.StatusNoContent {
		t.Errorf("following the group's deletion: %d %v", status, end)
	}
}
