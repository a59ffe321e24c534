package policy

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/policyrule"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

func TestTheBuiltinDefinitionsAreWhole(t *testing.T) {
	if len(builtins()) != 4 {
		t.Errorf("%d definitions", len(builtins()))
	}
	for _, tree := range builtins() {
		properties := resource.Properties(tree)
		name := resource.Text(tree, "name")
		if _, err := uuid.Parse(name); err != nil || resource.Text(properties, "displayName") == "" || resource.Text(properties, "policyType") != "BuiltIn" {
			t.Errorf("%s: %v, %v", name, err, properties)
		}
		if _, err := policyrule.Parse(properties["policyRule"]); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if parameters, err := declared(properties); err != nil || len(parameters) == 0 {
			t.Errorf("%s: parameters %v, %v", name, parameters, err)
		}
	}
}

func TestAQuestionNamesItsSubject(t *testing.T) {
	const group = "/subscriptions/s/resourceGroups/g"
	container := armid.ID{Subscription: "s", ResourceGroup: "g"}
	for name, c := range map[string]struct{ details, id, fullName string }{
		"a resource":                   {`{"resourceContent": {"type": "A.B/c", "name": "n"}}`, group + "/providers/A.B/c/n", "n"},
		"a resource without name":      {`{"resourceContent": {"type": "A.B/c"}}`, "", ""},
		"a child by its parent":        {`{"resourceContent": {"type": "A.B/c/d", "name": "m"}, "scope": "` + group + `/providers/A.B/c/n"}`, group + "/providers/A.B/c/n/d/m", "n/m"},
		"a child by its whole name":    {`{"resourceContent": {"type": "A.B/c/d", "name": "n/m"}}`, group + "/providers/A.B/c/n/d/m", "n/m"},
		"a child by its name alone":    {`{"resourceContent": {"type": "A.B/c/d", "name": "m"}}`, "", "m"},
		"an extension":                 {`{"resourceContent": {"type": "X.Y/z", "name": "e"}, "scope": "` + group + `/providers/A.B/c/n"}`, group + "/providers/A.B/c/n/providers/X.Y/z/e", "e"},
		"one whose scope is its group": {`{"resourceContent": {"type": "A.B/c", "name": "n"}, "scope": "` + group + `"}`, group + "/providers/A.B/c/n", "n"},
	} {
		var body store.Tree
		if err := json.Unmarshal([]byte(`{"resourceDetails": `+c.details+`}`), &body); err != nil {
			t.Fatal(err)
		}
		q, err := readQuestion(body)
		if err != nil {
			t.Fatal(err)
		}
		s, err := q.subject(container)
		if err != nil || s.ID != c.id || s.FullName != c.fullName {
			t.Errorf("%s: %q %q, %v", name, s.ID, s.FullName, err)
		}
	}
}

// FuzzQuestion proves that a question, however odd, is refused or is about
// something in the scope that it is asked at.
func FuzzQuestion(f *testing.F) {
	f.Add(`{"resourceDetails": {"resourceContent": {"type": "A.B/c/d", "name": "n/m", "tags": {"a": 1}}, "scope": "/subscriptions/s/resourceGroups/g"}, "pendingFields": [{"field": "tags", "values": [1]}]}`)
	f.Add(`{"resourceDetails": {"resourceContent": {"type": "Microsoft.Resources/subscriptions/resourceGroups", "name": "x"}, "scope": "/subscriptions/s"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		var body store.Tree
		if json.Unmarshal([]byte(text), &body) != nil {
			return
		}
		q, err := readQuestion(body)
		if err != nil {
			return
		}
		s, err := q.subject(armid.ID{Subscription: "s"})
		if err != nil {
			return
		}
		if !armid.Within(s.at.String(), "/subscriptions/s") || s.ID != "" && !strings.EqualFold(s.ID, s.at.String()) {
			t.Fatalf("%q at %q", s.ID, s.at)
		}
		for _, field := range q.Pending {
			for _, v := range field.Values {
				s.With(field.Field, v)
			}
		}
	})
}
