package rbac

import (
	"fmt"
	"testing"
)

// crowded is a subscription with so many role assignments, and the ids of a
// caller with 50 groups. 4,000 is the most that Azure lets a subscription have.
//
// learn.microsoft.com/azure/role-based-access-control/troubleshoot-limits
func crowded(assignments int) (Input, []string) {
	in := Input{Definitions: definitions}
	for i := range assignments - 1 {
		in.Assignments = append(in.Assignments, Assignment{
			PrincipalID:      fmt.Sprintf("aaaaaaaa-0000-0000-0000-%012d", i%500),
			RoleDefinitionID: definitions[i%4].ID,
			Scope:            fmt.Sprintf("%s/resourceGroups/group-%d", subscription, i%700),
		})
	}
	in.Assignments = append(in.Assignments, at(subscription, "access")...)
	in.Denies = append(in.Denies, DenyAssignment{
		Scope: subscription + "/resourceGroups/group-1", Principals: []string{AllPrincipals}, Permissions: []Permission{{Actions: []string{"*/delete"}}},
	})
	caller := []string{alice}
	for i := range 50 {
		caller = append(caller, fmt.Sprintf("aaaaaaaa-0000-0000-0000-%012d", i+100))
	}
	return in, caller
}

func crowdedRequests() map[string]Request {
	scope := subscription + "/resourceGroups/group-7/providers/Microsoft.KeyVault/vaults/v"
	return map[string]Request{
		"allowed": {Action: "Microsoft.Authorization/roleAssignments/write", Scope: scope},
		"denied":  {Action: "Microsoft.KeyVault/vaults/write", Scope: scope},
	}
}

// BenchmarkDecide gives the decisions per second among 10, 400 and 4,000 role
// assignments, each with the sentence that says why:
//
//	go test -run '^$' -bench Decide -benchmem ./internal/rbac
func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{10, 400, 4000} {
		in, caller := crowded(n)
		p := Compile(in)
		for _, name := range []string{"allowed", "denied"} {
			q := crowdedRequests()[name]
			b.Run(fmt.Sprintf("%d assignments, %s", n, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					p.Decide(caller, q)
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "decisions/s")
			})
		}
	}
}

// BenchmarkCompile is what is paid once.
func BenchmarkCompile(b *testing.B) {
	for _, n := range []int{10, 400, 4000} {
		in, _ := crowded(n)
		b.Run(fmt.Sprintf("%d assignments", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Compile(in)
			}
		})
	}
}

// BenchmarkSuggest weighs 700 roles, about as many as Azure has, for everything
// that a caller without any role lacks.
func BenchmarkSuggest(b *testing.B) {
	var o SuggestOptions
	for i := range 700 {
		p := Permission{Actions: []string{"Microsoft.Authorization/*/read", "Microsoft.Resources/deployments/*", fmt.Sprintf("Microsoft.Service%d/*", i)}}
		for j := range 15 {
			p.Actions = append(p.Actions, fmt.Sprintf("Microsoft.Service%d/type%d/write", i+1, j))
		}
		o.Roles = append(o.Roles, RoleDefinition{ID: fmt.Sprintf("role-%d", i), Name: fmt.Sprintf("Role %d", i), Permissions: []Permission{p}})
	}
	o.Roles = append(o.Roles, definitions...)
	o.Scopes = []string{subscription, group}
	denied := []Request{{Action: "Microsoft.Authorization/roleAssignments/write", Scope: vault}, {Action: "Microsoft.Resources/deployments/read", Scope: group}}
	for i := range 30 {
		denied = append(denied, Request{Action: fmt.Sprintf("Microsoft.Service%d/type1/write", i), Scope: group})
	}
	for b.Loop() {
		if got := Suggest(Input{}, []string{alice}, denied, o); len(got) != 3 {
			b.Fatalf("got %d suggestions, want two roles and a custom one", len(got))
		}
	}
}

// A decision takes memory for the folded request and for its sentence, however
// many assignments there are.
func TestADecisionTakesTwoAllocations(t *testing.T) {
	in, caller := crowded(4000)
	p := Compile(in)
	for name, q := range crowdedRequests() {
		t.Run(name, func(t *testing.T) {
			if got := p.Decide(caller, q).Verdict.String(); got != name {
				t.Fatalf("the decision is %s, want %s", got, name)
			}
			if got := testing.AllocsPerRun(100, func() { p.Decide(caller, q) }); got > 2 {
				t.Errorf("a decision took %v allocations, want 2 at most", got)
			}
		})
	}
}
