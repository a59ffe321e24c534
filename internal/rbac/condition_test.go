package rbac

import (
	"strings"
	"testing"
	"time"
)

const (
	roleAttribute = "Microsoft.Authorization/roleAssignments:RoleDefinitionId"
	typeAttribute = "Microsoft.Authorization/roleAssignments:PrincipalType"

	acrPull = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
	owner   = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"

	// delegate lets its holder give and take AcrPull to and from service
	// principals. It is built as the documented template "constrain roles and
	// principal types":
	// learn.microsoft.com/azure/role-based-access-control/delegate-role-assignments-examples
	delegate = `
(
 (
  !(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})
 )
 OR
 (
  @Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {7f951dda-4ed3-4680-a7ca-43fe172d538d, 4d97b98b-1d4f-4787-a291-c67834d212e7}
  AND
  @Request[Microsoft.Authorization/roleAssignments:PrincipalType] ForAnyOfAnyValues:StringEqualsIgnoreCase {'ServicePrincipal'}
 )
)
AND
(
 (
  !(ActionMatches{'Microsoft.Authorization/roleAssignments/delete'})
 )
 OR
 (
  @Resource[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {7f951dda-4ed3-4680-a7ca-43fe172d538d}
 )
)`
)

func TestDelegationConditionP6(t *testing.T) {
	write, remove := "Microsoft.Authorization/roleAssignments/write", "Microsoft.Authorization/roleAssignments/delete"
	tests := map[string]struct {
		r    Request
		want Truth
	}{
		"the role it names may be given to a service principal": {Request{Action: write, Attributes: map[string]any{roleAttribute: acrPull, typeAttribute: "ServicePrincipal"}}, True},
		"GUIDs and names compare without case":                  {Request{Action: write, Attributes: map[string]any{strings.ToUpper(roleAttribute): strings.ToUpper(acrPull), typeAttribute: "serviceprincipal"}}, True},
		"a role definition's ARM id is its GUID":                {Request{Action: write, Attributes: map[string]any{roleAttribute: "/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/" + acrPull, typeAttribute: "ServicePrincipal"}}, True},
		"another role may not be given":                         {Request{Action: write, Attributes: map[string]any{roleAttribute: owner, typeAttribute: "ServicePrincipal"}}, False},
		"a user may not be given it":                            {Request{Action: write, Attributes: map[string]any{roleAttribute: acrPull, typeAttribute: "User"}}, False},
		"any other action is free":                              {Request{Action: "Microsoft.KeyVault/vaults/read"}, True},
		"without the request's role there is no telling":        {Request{Action: write, Attributes: map[string]any{typeAttribute: "ServicePrincipal"}}, UnknownTruth},
		"a wrong type decides even without the role":            {Request{Action: write, Attributes: map[string]any{typeAttribute: "User"}}, False},
		"the role it names may be taken away":                   {Request{Action: remove, Attributes: map[string]any{"@Resource[" + roleAttribute + "]": acrPull}}, True},
		"another may not be taken away":                         {Request{Action: remove, Attributes: map[string]any{"@Resource[" + roleAttribute + "]": owner}}, False},
		"the source's own value goes before the bare one":       {Request{Action: remove, Attributes: map[string]any{roleAttribute: owner, "@Resource[" + roleAttribute + "]": acrPull}}, True},
	}
	c, err := ParseCondition(delegate)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, why := c.Evaluate(tt.r)
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if (got == UnknownTruth) != (why != "") {
				t.Errorf("%s is explained by %q", got, why)
			}
		})
	}
}

func TestConditionOperators(t *testing.T) {
	r := Request{
		Action:       "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read",
		SubOperation: "Blob.Read.WithTagConditions",
		Attributes: map[string]any{
			"name": "abcd", "colours": []string{"red", "blue"}, "numbers": []any{10, int64(20)}, "count": 3.0,
			"hns": true, "gone": nil, "empty": []string{},
			"version":                      "2022-06-01T00:00:00.0Z",
			"@Environment[UtcNow]":         time.Date(2022, 6, 2, 0, 0, 0, 0, time.UTC),
			"@Principal[Project]":          "Baker",
			"tags:P<$key_case_sensitive$>": "x", "street": "rué",
		},
	}
	// The first block is the documentation's own table of examples.
	tests := map[string]Truth{
		`ActionMatches{'Microsoft.Storage/*/read'}`:                               True,
		`ActionMatches{'Microsoft.Authorization/roleDefinitions/*'}`:              False,
		`@Resource[name] StringLike 'a*c?'`:                                       True,
		`@Resource[name] StringLike 'A*C?'`:                                       False,
		`@Resource[name] StringLike 'a*c'`:                                        False,
		`{'red', 'blue'} ForAnyOfAnyValues:StringEquals {'blue', 'green'}`:        True,
		`{'red', 'blue'} ForAnyOfAnyValues:StringEquals {'orange', 'green'}`:      False,
		`{'red', 'blue'} ForAllOfAnyValues:StringEquals {'orange','red','blue'}`:  True,
		`{'red', 'blue'} ForAllOfAnyValues:StringEquals {'red', 'green'}`:         False,
		`{10, 20} ForAnyOfAllValues:NumericLessThan {15, 18}`:                     True,
		`{10, 20} ForAllOfAllValues:NumericLessThan {5, 15, 18}`:                  False,
		`{10, 20} ForAllOfAllValues:NumericLessThan {25, 30}`:                     True,
		`{10, 20} ForAllOfAllValues:NumericLessThan {15, 25, 30}`:                 False,
		`@Resource[colours] ForAllOfAnyValues:StringEquals {'red','blue','pink'}`: True,
		`@Resource[numbers] ForAnyOfAnyValues:NumericGreaterThanEquals {20}`:      True,

		`SubOperationMatches{'Blob.Read.*'}`: True,
		`SubOperationMatches{'Blob.List'}`:   False,
		`@Request[subOperation] ForAnyOfAnyValues:StringEqualsIgnoreCase {'blob.read.withtagconditions'}`: True,
		`@Resource[hns] BoolEquals true`:                                    True,
		`@Resource[hns] BoolNotEquals true`:                                 False,
		`@Resource[count] NumericEquals 3`:                                  True,
		`@Resource[count] NumericLessThanEquals -3`:                         False,
		`@Request[version] DateTimeEquals '2022-06-01T00:00:00Z'`:           True,
		`@Environment[UtcNow] DateTimeGreaterThan '2022-06-01T12:00:00.0Z'`: True,
		`@Principal[Project] StringStartsWithIgnoreCase 'bak'`:              True,
		`@Principal[Project] StringNotStartsWith 'bak'`:                     True,
		`@Resource[name] StringNotLikeIgnoreCase 'AB*'`:                     False,
		`@Resource[name] StringLike 'ab\*'`:                                 False,
		`NOT Exists @Resource[gone]`:                                        True,
		`Exists @Resource[name] && !(Exists @Resource[gone])`:               True,
		`Exists @Resource[elsewhere]`:                                       UnknownTruth,
		`Exists @Resource[elsewhere] || @Resource[hns] BoolEquals true`:     True,
		`Exists @Resource[elsewhere] AND @Resource[hns] BoolEquals false`:   False,
		`@Resource[gone] StringEquals 'x'`:                                  False,
		`@Resource[gone] StringNotEquals 'x'`:                               UnknownTruth,
		`@Resource[empty] ForAllOfAnyValues:StringEquals {'x'}`:             False,
		`@Resource[colours] StringEquals 'red'`:                             UnknownTruth,
		`@Resource[name] NumericEquals 3`:                                   UnknownTruth,
		`@Principal[name] StringEquals 'abcd'`:                              UnknownTruth,
		`@Resource[name] StringEquals @Principal[Project]`:                  False,
		`@Request[tags:P<$key_case_sensitive$>] StringEquals 'x'`:           True,
		`@Request[TAGS:P<$key_case_sensitive$>] StringEquals 'x'`:           True,
		`@Request[tags:p<$key_case_sensitive$>] StringEquals 'x'`:           UnknownTruth,
		`!(@Resource[gone] StringEquals 'x')`:                               UnknownTruth,
		`NOT NOT @Resource[gone] StringEquals 'x'`:                          False,
		`@Resource[street] StringEqualsIgnoreCase 'RUÉ'`:                    UnknownTruth,
		`@Resource[street] StringEqualsIgnoreCase 'RUE'`:                    False,
		`@Resource[street] StringEqualsIgnoreCase 'Rué'`:                    True,
		`@Resource[street] StringEquals 'RUé'`:                              False,
	}
	for text, want := range tests {
		t.Run(text, func(t *testing.T) {
			c, err := ParseCondition(text)
			if err != nil {
				t.Fatal(err)
			}
			if got, why := c.Evaluate(r); got != want {
				t.Errorf("got %s (%s), want %s", got, why, want)
			}
		})
	}
}

func TestConditionsThatDoNotParse(t *testing.T) {
	tests := map[string]string{
		"nothing":                             ``,
		"AND beside OR":                       `Exists @Request[a] AND Exists @Request[b] OR Exists @Request[c]`,
		"a parenthesis left open":             `(Exists @Request[a]`,
		"a parenthesis too many":              `Exists @Request[a])`,
		"an unknown operator":                 `@Request[a] StringEqualz 'x'`,
		"an order of texts":                   `@Request[a] StringLessThan 'x'`,
		"a negated order":                     `@Request[a] NumericNotLessThan 3`,
		"an unknown source":                   `@Session[a] StringEquals 'x'`,
		"a text without its end":              `@Request[a] StringEquals 'x`,
		"a GUID that is none":                 `@Request[a] GuidEquals 'not-a-guid'`,
		"a number that is none":               `@Request[a] NumericEquals 1.5`,
		"a text without quotes":               `@Request[a] StringEquals x`,
		"several values without a quantifier": `@Request[a] StringEquals {'x', 'y'}`,
		"an empty set":                        `@Request[a] ForAnyOfAnyValues:StringEquals {}`,
		"a stray character":                   `Exists @Request[a] ; Exists @Request[b]`,
		"an operator that is missing":         `@Request[a] 'x'`,
		"depth without end":                   strings.Repeat("(", 10000),
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := ParseCondition(text); err == nil {
				t.Errorf("%q parsed", text)
			}
			p := Compile(Input{Definitions: definitions, Assignments: []Assignment{{PrincipalID: alice, RoleDefinitionID: "owner", Scope: "/", Condition: text + " "}}})
			d := p.Decide([]string{alice}, Request{Action: "a/b/read", Scope: vault})
			if d.Verdict != Unknown {
				t.Errorf("an assignment under it is %s (%s), want unknown", d.Verdict, d.Reason)
			}
		})
	}
}

func TestConditionedAssignments(t *testing.T) {
	assign := Request{
		Action: "Microsoft.Authorization/roleAssignments/write", Scope: vault,
		Attributes: map[string]any{roleAttribute: acrPull, typeAttribute: "ServicePrincipal"},
	}
	toOwner := assign
	toOwner.Attributes = map[string]any{roleAttribute: owner, typeAttribute: "ServicePrincipal"}
	conditioned := Assignment{PrincipalID: alice, RoleDefinitionID: "access", Scope: "/", Condition: delegate, ConditionVersion: "2.0"}
	past := conditioned
	past.ConditionVersion = "1.0"
	future := conditioned
	future.ConditionVersion = "3.0"
	guardedRole := RoleDefinition{ID: "guarded", Name: "Guarded", Permissions: []Permission{{Actions: []string{"*"}, Condition: delegate}}}

	tests := map[string]struct {
		in   Input
		r    Request
		want Verdict
	}{
		"a condition that holds allows":                           {Input{Assignments: []Assignment{conditioned}}, assign, Allowed},
		"a condition that does not hold denies":                   {Input{Assignments: []Assignment{conditioned}}, toOwner, Denied},
		"an assignment without condition allows beside it":        {Input{Assignments: append(at(group, "owner"), conditioned)}, toOwner, Allowed},
		"a version nobody knows leaves it open":                   {Input{Assignments: []Assignment{future}}, assign, Unknown},
		"a version that is not documented leaves it open":         {Input{Assignments: []Assignment{past}}, assign, Unknown},
		"a role's own condition guards it":                        {Input{Assignments: []Assignment{{PrincipalID: alice, RoleDefinitionID: "guarded", Scope: "/"}}}, toOwner, Denied},
		"both conditions must hold":                               {Input{Assignments: []Assignment{{PrincipalID: alice, RoleDefinitionID: "guarded", Scope: "/", Condition: "Exists @Principal[x]"}}}, assign, Unknown},
		"a deny assignment under a condition that holds denies":   {Input{Assignments: at("/", "owner"), Denies: []DenyAssignment{{Scope: "/", Principals: []string{alice}, Permissions: []Permission{{Actions: []string{"*"}}}, Condition: delegate}}}, assign, Denied},
		"a deny assignment whose condition fails is none":         {Input{Assignments: at("/", "owner"), Denies: []DenyAssignment{{Scope: "/", Principals: []string{alice}, Permissions: []Permission{{Actions: []string{"*"}}}, Condition: delegate}}}, toOwner, Allowed},
		"a deny assignment under an unknown condition stays open": {Input{Assignments: at("/", "owner"), Denies: []DenyAssignment{{Scope: "/", Principals: []string{alice}, Permissions: []Permission{{Actions: []string{"*"}}}, Condition: "!"}}}, assign, Unknown},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.in.Definitions = append([]RoleDefinition{guardedRole}, definitions...)
			if got := Compile(tt.in).Decide([]string{alice}, tt.r); got.Verdict != tt.want {
				t.Errorf("got %s (%s), want %s", got.Verdict, got.Reason, tt.want)
			}
		})
	}
}

// FuzzParseCondition proves that no text makes the parser or the evaluator
// panic, and that what is under an error is never a truth.
func FuzzParseCondition(f *testing.F) {
	for _, seed := range []string{delegate, `{10, 20} ForAnyOfAllValues:NumericLessThan {15, 18}`, `!(Exists @Request[a])`, `@Principal[a] StringLike '\*?'`, `((((`, `@Request[a] DateTimeEquals '2022-06-01T00:00:00.0Z'`} {
		f.Add(seed)
	}
	r := Request{Action: "a/b/c", Attributes: map[string]any{roleAttribute: acrPull, "a": []any{"x", 3, true, nil}}}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCondition(text)
		if (c == nil) != (err != nil) {
			t.Fatalf("got condition %v and error %v", c, err)
		}
		if c == nil {
			return
		}
		first, _ := c.Evaluate(r)
		if again, _ := c.Evaluate(r); again != first {
			t.Errorf("evaluated to %s, then to %s", first, again)
		}
		negated, err := ParseCondition("!(" + text + ")")
		if err != nil {
			return // deeper than is allowed
		}
		if got, _ := negated.Evaluate(r); got != first.not() && got != UnknownTruth {
			t.Errorf("the condition is %s and its negation %s", first, got)
		}
		written, err := ParseCondition(c.String())
		if err != nil {
			t.Fatalf("%q is written as %q, which does not parse: %v", text, c, err)
		}
		if got, _ := written.Evaluate(r); got != first {
			t.Errorf("%q is %s, and written as %q it is %s", text, first, c, got)
		}
		if got, clauses := c.explain(r); got != first || len(clauses) == 0 {
			t.Errorf("%q is %s, and explained as %s by %v", text, first, got, clauses)
		}
	})
}
