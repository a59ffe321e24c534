package policyrule_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/localazure/policyrule"
)

// thing is the example of
// learn.microsoft.com/azure/governance/policy/how-to/author-policies-for-arrays,
// with an envelope.
const thing = `{
	"location": "East US 2", "kind": "AIServices", "sku": {"name": "Standard"}, "identity": {"type": "SystemAssigned"},
	"tags": {"env": "prod", "Acct.CostCenter": "7", "it's": "odd"},
	"properties": {
		"stringArray": ["a", "b", "c"],
		"objectArray": [
			{"property": "value1", "nestedArray": [1, 2]},
			{"property": "value2", "nestedArray": [3, 4]}
		],
		"emptyArray": [],
		"subnets": [{"name": "nodes", "properties": {"addressPrefix": "10.0.0.0/16"}}],
		"publicNetworkAccess": "Enabled", "count": 3, "enabled": true, "created": "2024-05-01T00:00:00Z", "version": "1.33.2"
	}
}`

func tree(t *testing.T, text string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

func input(t *testing.T) policyrule.Input {
	return policyrule.Input{
		Resource: policyrule.Resource{
			ID:   "/subscriptions/s/resourceGroups/my-rg/providers/Microsoft.Test/resourceType/one/parts/two",
			Type: "Microsoft.Test/resourceType", Name: "two", FullName: "one/two", APIVersion: "2024-01-01", Content: tree(t, thing),
			Group:        map[string]any{"name": "my-rg", "location": "eastus2", "tags": map[string]any{"owner": "ada"}},
			Subscription: map[string]any{"subscriptionId": "s"},
		},
		Parameters: map[string]any{"regions": []any{"eastus2", "westus"}, "tagName": "env", "effect": "Audit"},
		Now:        time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	}
}

// holds evaluates a condition.
func holds(t *testing.T, condition string) (bool, error) {
	t.Helper()
	rule, err := policyrule.Parse(tree(t, `{"if": `+condition+`, "then": {"effect": "deny"}}`))
	if err != nil {
		t.Fatalf("parsing %s: %v", condition, err)
	}
	out, err := rule.Evaluate(input(t))
	return out.Matches, err
}

func TestConditionsHoldAsDocumentedP12(t *testing.T) {
	for condition, want := range map[string]bool{
		`{"field": "name", "equals": "TWO"}`:                                      true,
		`{"field": "name", "notEquals": "two"}`:                                   false,
		`{"field": "fullName", "equals": "one/two"}`:                              true,
		`{"field": "type", "like": "Microsoft.Test/*"}`:                           true,
		`{"field": "type", "notLike": "Microsoft.Test/*"}`:                        false,
		`{"field": "id", "contains": "/resourcegroups/my-rg/"}`:                   true,
		`{"field": "kind", "in": ["aiservices", "OpenAI"]}`:                       true,
		`{"field": "kind", "notIn": ["OpenAI"]}`:                                  true,
		`{"field": "location", "equals": "eastus2"}`:                              true,
		`{"field": "location", "notIn": "[parameters('regions')]"}`:               false,
		`{"field": "identity.type", "exists": true}`:                              true,
		`{"field": "tags", "containsKey": "ENV"}`:                                 true,
		`{"field": "tags['Acct.CostCenter']", "equals": 7}`:                       true,
		`{"field": "tags.env", "match": "pr.?"}`:                                  true,
		`{"field": "tags[env]", "exists": "false"}`:                               false,
		`{"field": "tags['''it''s''']", "exists": "true"}`:                        false,
		`{"field": "tags['it''s']", "exists": "true"}`:                            true,
		`{"field": "tags['missing']", "exists": "false"}`:                         true,
		`{"field": "[concat('tags[', parameters('tagName'), ']')]", "exists": 1}`: false,

		`{"field": "Microsoft.Test/resourceType/sku.name", "equals": "standard"}`:                       true,
		`{"field": "Microsoft.Test/resourceType/publicNetworkAccess", "equals": "Enabled"}`:             true,
		`{"field": "Microsoft.Test/resourceType/missing", "equals": "x"}`:                               false,
		`{"field": "Microsoft.Test/resourceType/missing", "notEquals": "x"}`:                            true,
		`{"field": "Microsoft.Test/resourceType/missing", "notIn": ["x"]}`:                              true,
		`{"field": "Microsoft.Test/resourceType/missing", "less": 4}`:                                   false,
		`{"field": "Microsoft.Test/resourceType/missing", "exists": false}`:                             true,
		`{"field": "Microsoft.Other/type/publicNetworkAccess", "exists": false}`:                        true,
		`{"field": "Microsoft.Test/resourceType/count", "greater": 2}`:                                  true,
		`{"field": "Microsoft.Test/resourceType/count", "lessOrEquals": 2}`:                             false,
		`{"field": "Microsoft.Test/resourceType/enabled", "equals": "true"}`:                            true,
		`{"field": "Microsoft.Test/resourceType/created", "less": "[addDays(utcNow(), -365)]"}`:         true,
		`{"field": "Microsoft.Test/resourceType/version", "match": "#.##.#"}`:                           true,
		`{"field": "Microsoft.Test/resourceType/version", "notMatch": "?.##.#"}`:                        true,
		`{"field": "Microsoft.Test/resourceType/publicNetworkAccess", "matchInsensitively": "ENABLED"}`: true,

		`{"field": "Microsoft.Test/resourceType/stringArray[*]", "equals": "a"}`:                                                   false,
		`{"field": "Microsoft.Test/resourceType/stringArray[*]", "in": ["a", "b", "c"]}`:                                           true,
		`{"field": "Microsoft.Test/resourceType/stringArray[*]", "notEquals": "d"}`:                                                true,
		`{"field": "Microsoft.Test/resourceType/stringArray", "contains": "B"}`:                                                    true,
		`{"field": "Microsoft.Test/resourceType/emptyArray[*]", "equals": "a"}`:                                                    true,
		`{"field": "Microsoft.Test/resourceType/missing[*].name", "equals": "a"}`:                                                  true,
		`{"field": "Microsoft.Test/resourceType/missing[*]", "exists": true}`:                                                      false,
		`{"field": "Microsoft.Test/resourceType/objectArray[*].property", "like": "value*"}`:                                       true,
		`{"field": "Microsoft.Test/resourceType/objectArray[*].nestedArray[*]", "greater": 0}`:                                     true,
		`{"field": "Microsoft.Test/resourceType/objectArray[*].nestedArray[*]", "greater": 1}`:                                     false,
		`{"field": "Microsoft.Test/resourceType/subnets[*].addressPrefix", "equals": "10.0.0.0/16"}`:                               true,
		`{"value": "[length(field('Microsoft.Test/resourceType/stringArray'))]", "greater": 2}`:                                    true,
		`{"value": "[field('Microsoft.Test/resourceType/missing')]", "equals": ""}`:                                                true,
		`{"value": "[length(field('Microsoft.Test/resourceType/missing[*]'))]", "equals": 0}`:                                      true,
		`{"value": "[less(length(field('tags')), 4)]", "equals": "true"}`:                                                          true,
		`{"value": "[resourceGroup().name]", "like": "*-rg"}`:                                                                      true,
		`{"value": "[resourceGroup().tags['owner']]", "equals": "Ada"}`:                                                            true,
		`{"value": "[requestContext().apiVersion]", "less": "2024-06-01"}`:                                                         true,
		`{"value": "[if(greaterOrEquals(length(field('name')), 9), substring(field('name'), 0, 9), 'short')]", "equals": "short"}`: true,
		`{"value": "[[not an expression]", "equals": "[[not an expression]"}`:                                                      true,
		`{"value": "[last(split(field('type'), '/'))]", "equals": "resourceType"}`:                                                 true,

		`{"count": {"field": "Microsoft.Test/resourceType/stringArray[*]"}, "equals": 3}`:                                                                                  true,
		`{"count": {"field": "Microsoft.Test/resourceType/objectArray[*].nestedArray[*]"}, "greaterOrEquals": 4}`:                                                          true,
		`{"count": {"field": "Microsoft.Test/resourceType/stringArray[*]", "where": {"field": "Microsoft.Test/resourceType/stringArray[*]", "equals": "a"}}, "equals": 1}`: true,
		`{"count": {"field": "Microsoft.Test/resourceType/objectArray[*]", "where": {"allOf": [
			{"field": "Microsoft.Test/resourceType/objectArray[*].property", "equals": "value2"},
			{"field": "Microsoft.Test/resourceType/objectArray[*].nestedArray[*]", "greater": 2}]}}, "equals": 1}`: true,
		`{"count": {"field": "Microsoft.Test/resourceType/objectArray[*]", "where": {"field": "tags.env", "equals": "prod"}}, "equals": 2}`: true,
		`{"count": {"field": "Microsoft.Test/resourceType/objectArray[*]", "where": {"allOf": [
			{"field": "Microsoft.Test/resourceType/objectArray[*].property", "equals": "value2"},
			{"count": {"field": "Microsoft.Test/resourceType/objectArray[*].nestedArray[*]", "where": {
				"field": "Microsoft.Test/resourceType/objectArray[*].nestedArray[*]", "equals": 3}}, "greater": 0}]}}, "equals": 1}`: true,
		`{"count": {"field": "Microsoft.Test/resourceType/stringArray[*]", "where": {
			"field": "Microsoft.Test/resourceType/stringArray[*]", "equals": "[first(field('Microsoft.Test/resourceType/stringArray[*]'))]"}}, "equals": 3}`: true,
		`{"count": {"value": "[parameters('regions')]", "name": "region", "where": {"value": "[current('region')]", "like": "east*"}}, "equals": 1}`: true,
		`{"count": {"value": ["a", "z"], "where": {"field": "Microsoft.Test/resourceType/stringArray", "contains": "[current()]"}}, "greater": 0}`:   true,

		`{"allOf": [{"field": "name", "equals": "two"}, {"not": {"field": "kind", "equals": "OpenAI"}}]}`: true,
		`{"anyOf": [{"field": "name", "equals": "one"}, {"field": "kind", "equals": "OpenAI"}]}`:          false,
	} {
		t.Run(condition, func(t *testing.T) {
			if strings.Contains(condition, `"exists": 1`) {
				if _, err := policyrule.Parse(tree(t, `{"if": `+condition+`, "then": {"effect": "deny"}}`)); err == nil {
					t.Error("a condition is taken that compares with what it cannot")
				}
				return
			}
			if got, err := holds(t, condition); err != nil || got != want {
				t.Errorf("%t, %v; want %t", got, err, want)
			}
		})
	}
}

func TestWhatCannotBeEvaluatedIsAnErrorP12(t *testing.T) {
	for name, condition := range map[string]string{
		"text shorter than the part asked for": `{"value": "[substring(field('name'), 0, 9)]", "equals": "x"}`,
		"a number and text":                    `{"field": "Microsoft.Test/resourceType/count", "less": "many"}`,
		"a list where one value is compared":   `{"field": "location", "equals": "[parameters('regions')]"}`,
		"a parameter without value":            `{"field": "location", "equals": "[parameters('nothing')]"}`,
		"a property that is not there":         `{"value": "[resourceGroup().tags.cost]", "equals": "x"}`,
		"a count over no array":                `{"count": {"field": "Microsoft.Test/resourceType/stringArray"}, "equals": 1}`,
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := holds(t, condition); err == nil || got {
				t.Errorf("%t, %v", got, err)
			}
		})
	}
}

func TestRulesThatAreNoneAreRefused(t *testing.T) {
	for name, rule := range map[string]string{
		"no condition":                 `{"then": {"effect": "deny"}}`,
		"no effect":                    `{"if": {"field": "name", "equals": "x"}, "then": {}}`,
		"an effect that there is not":  `{"if": {"field": "name", "equals": "x"}, "then": {"effect": "forbid"}}`,
		"an unknown field":             `{"if": {"field": "colour", "equals": "x"}, "then": {"effect": "deny"}}`,
		"an unknown condition":         `{"if": {"field": "name", "resembles": "x"}, "then": {"effect": "deny"}}`,
		"two conditions in one":        `{"if": {"field": "name", "equals": "x", "like": "y"}, "then": {"effect": "deny"}}`,
		"nothing to compare":           `{"if": {"equals": "x"}, "then": {"effect": "deny"}}`,
		"two wildcards":                `{"if": {"field": "name", "like": "*x*"}, "then": {"effect": "deny"}}`,
		"in without a list":            `{"if": {"field": "name", "in": "x"}, "then": {"effect": "deny"}}`,
		"an empty anyOf":               `{"if": {"anyOf": []}, "then": {"effect": "deny"}}`,
		"a function that may not be":   `{"if": {"value": "[reference('x').y]", "equals": "x"}, "then": {"effect": "deny"}}`,
		"an expression that ends":      `{"if": {"value": "[concat('a',]", "equals": "x"}, "then": {"effect": "deny"}}`,
		"an expression that goes on":   `{"if": {"value": "[field('name') or]", "equals": "x"}, "then": {"effect": "deny"}}`,
		"an apostrophe that is opened": `{"if": {"value": "[field('name)]", "equals": "x"}, "then": {"effect": "deny"}}`,
		"too few arguments":            `{"if": {"value": "[equals('x')]", "equals": "x"}, "then": {"effect": "deny"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := policyrule.Parse(tree(t, rule)); err == nil {
				t.Error("it parses")
			}
		})
	}
}

func TestAnEvaluationTellsWhatMadeTheRuleHoldP12(t *testing.T) {
	rule, err := policyrule.Parse(tree(t, `{
		"if": {"allOf": [
			{"field": "location", "notIn": ["westeurope"]},
			{"field": "Microsoft.Test/resourceType/subnets[*].addressPrefix", "like": "10.*"},
			{"not": {"field": "type", "equals": "Microsoft.Test/other"}}
		]},
		"then": {"effect": "[parameters('effect')]"}
	}`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := rule.Evaluate(input(t))
	if err != nil {
		t.Fatal(err)
	}
	const alias = "Microsoft.Test/resourceType/subnets[*].addressPrefix"
	want := policyrule.Outcome{Matches: true, Effect: policyrule.Audit, Evaluated: []policyrule.Evaluation{
		{Result: "True", ExpressionKind: "Field", Expression: "location", Path: "location", ExpressionValue: "East US 2", TargetValue: []any{"westeurope"}, Operator: "NotIn"},
		{Result: "True", ExpressionKind: "Field", Expression: alias, Path: "properties.subnets[0].properties.addressPrefix", ExpressionValue: "10.0.0.0/16", TargetValue: "10.*", Operator: "Like"},
		{Result: "False", ExpressionKind: "Field", Expression: "type", Path: "type", ExpressionValue: "Microsoft.Test/resourceType", TargetValue: "Microsoft.Test/other", Operator: "Equals"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// FuzzRule proves that no rule, however odd, ends the program, and that what
// parses is evaluated the same way each time.
func FuzzRule(f *testing.F) {
	for _, condition := range []string{
		`{"field": "location", "notIn": "[parameters('regions')]"}`,
		`{"allOf": [{"not": {"field": "tags['a']", "exists": "false"}}, {"value": "[concat('a', field('name'))]", "like": "a*"}]}`,
		`{"count": {"field": "Microsoft.Test/resourceType/objectArray[*].nestedArray[*]", "where": {"value": "[current()]", "greater": 2}}, "less": 3}`,
		`{"value": "[if(equals(length(field('tags')), 3), resourceGroup().tags['owner'], substring('abc', 1, 1))]", "match": "?d."}`,
	} {
		f.Add(`{"if": ` + condition + `, "then": {"effect": "[parameters('effect')]"}}`)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var raw any
		if json.Unmarshal([]byte(text), &raw) != nil {
			return
		}
		rule, err := policyrule.Parse(raw)
		if err != nil {
			return
		}
		in := input(t)
		once, errOnce := rule.Evaluate(in)
		again, errAgain := rule.Evaluate(in)
		if diff := cmp.Diff(once, again); diff != "" || (errOnce == nil) != (errAgain == nil) {
			t.Fatalf("%v, then %v (-once +again):\n%s", errOnce, errAgain, diff)
		}
		if errOnce != nil && once.Matches {
			t.Fatalf("it holds and fails: %v", errOnce)
		}
	})
}
