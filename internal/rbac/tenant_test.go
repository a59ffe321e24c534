package rbac

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A tenant is a random one: management groups, subscriptions, groups and
// resources in a tree; users in nested groups, which may contain each other in
// a circle; roles, assignments and deny assignments at any scope.
type tenant struct {
	naive
	scopes  []string
	members map[string][]string // group, who is in it
	people  []string            // users and groups
}

var (
	tenantActions = []string{
		"M.Net/vnets/read", "M.Net/vnets/write", "M.Net/vnets/subnets/join/action", "M.Kv/vaults/write",
		"M.Authorization/roleAssignments/write", "M.Authorization/locks/delete", "M.Kv/vaults/secrets/getSecret/action",
	}
	tenantPatterns = append([]string{
		"*", "*/read", "M.Net/*", "m.authorization/*/Write", "M.Authorization/*/Delete", "*/action", "M.*/vaults/*", "M.Net/*/subnets/*/action", "*.Net/vnets/*",
	}, tenantActions...)
)

func newTenant(r *rand.Rand) *tenant {
	t := &tenant{members: map[string][]string{}}
	t.above, t.conditions, t.Parents = map[string][]string{}, map[string]clause{}, map[string]string{}
	t.grow(r)
	for i := range 3 + r.IntN(6) {
		t.people = append(t.people, fmt.Sprintf("%08d-aaaa-4aaa-8aaa-aaaaaaaaaaaa", i))
	}
	for range r.IntN(8) {
		g := oneOf(r, t.people...)
		t.members[g] = append(t.members[g], oneOf(r, t.people...))
	}
	for i := range 1 + r.IntN(5) {
		t.Definitions = append(t.Definitions, RoleDefinition{ID: fmt.Sprintf("Role-%d", i), Name: fmt.Sprintf("Role %d", i), Permissions: t.permissions(r)})
	}
	for range r.IntN(8) {
		a := Assignment{
			PrincipalID: disguised(r, oneOf(r, t.people...)), Scope: disguised(r, oneOf(r, t.scopes...)) + oneOf(r, "", "", "/"),
			RoleDefinitionID: disguised(r, fmt.Sprintf("Role-%d", r.IntN(len(t.Definitions)+r.IntN(2)))),
		}
		a.Condition, a.ConditionVersion = t.condition(r)
		t.Assignments = append(t.Assignments, a)
	}
	for range r.IntN(3) {
		d := DenyAssignment{
			Name: "deny", Scope: disguised(r, oneOf(r, t.scopes...)), Permissions: t.permissions(r), DoNotApplyToChildScopes: r.IntN(3) == 0,
			Principals: pick(r, append(slices.Clone(t.people), AllPrincipals, AllPrincipals), 2), ExcludePrincipals: pick(r, t.people, 2),
		}
		d.Condition, d.ConditionVersion = t.condition(r)
		t.Denies = append(t.Denies, d)
	}
	return t
}

// grow makes the tree of scopes.
func (t *tenant) grow(r *rand.Rand) {
	t.plant("", "/")
	management := []string{"/"}
	for i := range r.IntN(5) {
		over := oneOf(r, management...)
		id := fmt.Sprintf("/providers/Microsoft.Management/managementGroups/mg%d", i)
		t.plant(over, id)
		management = append(management, id)
	}
	for i := range 1 + r.IntN(2) {
		subscription := fmt.Sprintf("/subscriptions/%08d-0000-0000-0000-000000000000", i)
		t.plant(oneOf(r, management...), subscription)
		for j := range r.IntN(3) {
			group := fmt.Sprintf("%s/resourceGroups/g%s", subscription, strings.Repeat("1", j)) // each name begins the next
			t.plant(subscription, group)
			if r.IntN(2) == 0 {
				network := group + "/providers/M.Net/vnets/v"
				t.plant(group, network)
				t.plant(network, network+"/subnets/s")
				t.plant(network, network+"/providers/M.Authorization/locks/l")
			}
		}
	}
}

func (t *tenant) plant(over, id string) {
	t.scopes = append(t.scopes, id)
	t.above[id] = append([]string{id}, t.above[over]...)
	flat := strings.HasPrefix(id, "/providers/") || strings.Count(id, "/") == 2
	if flat && over != "/" {
		t.Parents[strings.ToUpper(id)] = over
	}
}

// permissions are one or two sets, at times with a condition of their own.
func (t *tenant) permissions(r *rand.Rand) []Permission {
	var out []Permission
	for range 1 + r.IntN(2) {
		p := Permission{
			Actions: pick(r, tenantPatterns, 3), NotActions: pick(r, tenantPatterns, 2),
			DataActions: pick(r, tenantPatterns, 2), NotDataActions: pick(r, tenantPatterns, 1),
		}
		if r.IntN(5) == 0 {
			p.Condition, p.ConditionVersion = t.condition(r)
		}
		out = append(out, p)
	}
	return out
}

// condition is none, most of the time; one that says something; or one that
// nobody can evaluate.
func (t *tenant) condition(r *rand.Rand) (text, version string) {
	switch n := r.IntN(12); {
	case n < 6:
		return "", ""
	case n == 6:
		return oneOf(r, "a AND b", "Exists @Request[a] AND Exists @Request[b] OR Exists @Request[c]", "@Request[a] IsNice 'x'"), "2.0"
	}
	c := randomClause(r, 3)
	text = c.write(r)
	t.conditions[text] = c
	return text, oneOf(r, "2.0", "2.0", "2.0", "", "1.0")
}

// attributes by name: of what kind they are, and values that they may have.
func attributeKinds() map[string][]string {
	return map[string][]string{
		"text":   {"", "a", "A", "ab", "abcd", "x.y"},
		"number": {"-1", "0", "3", "20"},
		"bool":   {"true", "false"},
		"guid":   {acrPull, owner, strings.ToUpper(owner)},
		"time":   {"2022-06-01T00:00:00.0Z", "2022-06-01T00:00:00Z", "2024-01-01T12:30:00.25Z"},
	}
}

func randomClause(r *rand.Rand, depth int) clause {
	if depth > 0 {
		switch r.IntN(6) {
		case 0, 1:
			return conjunction{randomClause(r, depth-1), randomClause(r, depth-1)}
		case 2, 3:
			return disjunction{randomClause(r, depth-1), randomClause(r, depth-1)}
		case 4:
			return opposite{randomClause(r, depth-1)}
		}
	}
	op := oneOf(r, comparators()...)
	source := oneOf(r, "Request", "Resource", "Principal", "Environment")
	name := op.kind + oneOf(r, "", "/2")
	switch r.IntN(5) {
	case 0:
		return onAction{oneOf(r, tenantPatterns...)}
	case 1:
		return onSub{oneOf(r, "Blob.List", "Blob.*", "*")}
	case 2:
		return present{source, name}
	}
	c := compares{source: source, name: name, op: op, values: []string{oneOf(r, attributeKinds()[op.kind]...)}}
	if strings.Contains(op.name, "Like") {
		c.values = []string{oneOf(r, "a*", "?", "a?c*", "*", `a\*`)}
	}
	if r.IntN(2) == 0 {
		c.quantifier = oneOf(r, "ForAnyOfAnyValues:", "ForAllOfAnyValues:", "ForAnyOfAllValues:", "ForAllOfAllValues:")
		c.values = append(c.values, oneOf(r, c.values...), oneOf(r, attributeKinds()[op.kind]...))
	}
	return c
}

// request is a random one, as naive reads it and as the product does.
func (t *tenant) request(r *rand.Rand) (plain, typed Request) {
	plain = Request{Action: oneOf(r, tenantActions...), Data: r.IntN(4) == 0, Scope: oneOf(r, t.scopes...), SubOperation: oneOf(r, "", "Blob.List", "Blob.Read")}
	plain.Attributes = map[string]interface{}{}
	typed = plain
	typed.Action, typed.Scope = disguised(r, plain.Action), disguised(r, plain.Scope)
	typed.Attributes = map[string]interface{}{}
	for kind, values := range attributeKinds() {
		for _, name := range []string{kind, kind + "/2", "@Principal[" + kind + "]", "@Resource[" + kind + "]"} {
			switch r.IntN(4) {
			case 0: // nobody knows
			case 1:
				plain.Attributes[name], typed.Attributes[name] = nil, nil
			default:
				chosen := append(pick(r, values, 2), oneOf(r, values...))
				plain.Attributes[name], typed.Attributes[name] = chosen, typedValues(r, kind, chosen)
			}
		}
	}
	return plain, typed
}

func typedValues(r *rand.Rand, kind string, texts []string) interface{} {
	out := make([]interface{}, len(texts))
	for i, s := range texts {
		switch kind {
		case "number":
			n, _ := strconv.Atoi(s)
			out[i] = oneOf[interface{}](r, n, float64(n), int64(n))
		case "bool":
			out[i] = s == "true"
		case "time":
			at, _ := time.Parse(time.RFC3339Nano, s)
			out[i] = oneOf[interface{}](r, s, at)
		case "guid":
			out[i] = oneOf(r, "", "/providers/Microsoft.Authorization/roleDefinitions/") + s
		default:
			out[i] = s
		}
	}
	if len(out) == 1 {
		return out[0]
	}
	return out
}

// idsOf is a user with all groups that the user is in, through others too.
func (t *tenant) idsOf(user string) []string {
	ids := []string{user}
	for grown := true; grown; {
		grown = false
		for group, members := range t.members {
			if !slices.Contains(ids, group) && slices.ContainsFunc(members, func(m string) bool { return slices.Contains(ids, m) }) {
				ids, grown = append(ids, group), true
			}
		}
	}
	return ids
}

// disguised is the same id in other cases of letters.
func disguised(r *rand.Rand, id string) string {
	return oneOf(r, id, strings.ToUpper(id), strings.ToLower(id))
}

// Thousands of random tenants: the compiled evaluator says what the naive one
// says.
func TestNeverWrongAcrossRandomTenants(t *testing.T) {
	seen := map[Verdict]int{}
	tenants := uint64(3000)
	if testing.Short() {
		tenants = 400
	}
	for seed := range tenants {
		r := rand.New(rand.NewPCG(seed, 7))
		tenant := newTenant(r)
		policy := Compile(tenant.Input)
		for range 40 {
			ids := tenant.idsOf(oneOf(r, tenant.people...))
			plain, typed := tenant.request(r)
			want := tenant.decide(ids, plain)
			for i := range ids {
				ids[i] = disguised(r, ids[i])
			}
			got := policy.Decide(ids, typed)
			if got.Verdict != want {
				t.Fatalf("seed %d: %s at %s is %s (%s), want %s\nfor %v\nwith %v\n%s", seed, typed.Action, typed.Scope, got.Verdict, got.Reason, want,
					ids, typed.Attributes, strings.Join(policy.Explain(ids, typed).Lines(), "\n"))
			}
			seen[want]++
		}
	}
	for _, v := range []Verdict{Allowed, Denied, Unknown} {
		if seen[v] < int(tenants)/2 {
			t.Errorf("only %d requests were %s: %v", seen[v], v, seen)
		}
	}
}
