package arm

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestMissing(t *testing.T) {
	for name, test := range map[string]struct{ message, action, scope string }{
		"AuthorizationFailed": {
			"The client 'x' with object id 'y' does not have authorization to perform action 'Microsoft.Storage/storageAccounts/write' over scope '/subscriptions/s/resourceGroups/g' or the scope is invalid. If access was recently granted, please refresh your credentials.",
			"Microsoft.Storage/storageAccounts/write", "/subscriptions/s/resourceGroups/g",
		},
		"LinkedAuthorizationFailed names first what was allowed": {
			"The client 'x' with object id 'y' has permission to perform action 'Microsoft.ContainerService/managedClusters/write' on scope '/a'; however, it does not have permission to perform action(s) 'Microsoft.Network/virtualNetworks/subnets/join/action' on the linked scope(s) '/b,/c' (respectively) or the linked scope(s) are invalid.",
			"Microsoft.Network/virtualNetworks/subnets/join/action", "/b",
		},
		"the older wording of the linked check": {
			"The client 'x' has permission to perform action 'a/write' on scope '/a', however the client does not have permission to perform action 'b/assign/action' on the linked scope(s) '/b' or the linked scope(s) are invalid.",
			"b/assign/action", "/b",
		},
		"another message": {"The subscription is not registered to use namespace 'X'.", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			action, scope := missing(test.message)
			if action != test.action || scope != test.scope {
				t.Errorf("got %q at %q, want %q at %q", action, scope, test.action, test.scope)
			}
		})
	}
}

func FuzzParseError(f *testing.F) {
	for _, seed := range []string{
		`{"error":{"code":"A","message":"m","details":[{"code":"B","message":"{\"error\":{\"code\":\"C\"}}"}]}}`,
		`{"code":"A","message":"{\"message\":\"{}\"}"}`,
		`{"properties":{"error":{"code":"A"}}}`,
		strings.Repeat(`{"error":`, 40) + `{}` + strings.Repeat(`}`, 40),
		`null`, `[]`, `"text"`, ``, `{"details":[null]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		e := parseError(raw)
		if e.Root() == nil || len(e.Leaves()) == 0 || e.Error() == "" && json.Valid(raw) && e.Code != "" {
			t.Errorf("parseError(%q) = %+v", raw, e)
		}
	})
}

func TestLeavesAreTheCauses(t *testing.T) {
	e := parseError([]byte(`{"error":{"code":"DeploymentFailed","details":[{"code":"A","details":[{"code":"A1"},{"code":"A2"}]},{"code":"B"}]}}`))
	var codes []string
	for _, leaf := range e.Leaves() {
		codes = append(codes, leaf.Code)
	}
	if got := strings.Join(codes, " "); got != "A1 A2 B" {
		t.Errorf("leaves %s", got)
	}
	if !HasCode(e, "a2") || HasCode(e, "c") {
		t.Error("codes are not found among the details")
	}
}
