package preflight

import (
	"testing"

	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/rbac"
)

const somebody = "aaaaaaaa-0000-0000-0000-000000000099"

// Whom a deny assignment names or excludes decides what it means to a caller
// whose groups are known in part: another person changes nothing, a group may.
func TestWhomADenyAssignmentNamesDecidesP5(t *testing.T) {
	p := mustPlan(plan.Options{})
	everyone := func(types ...string) rbac.DenyAssignment {
		d := rbac.DenyAssignment{Principals: []string{rbac.AllPrincipals}, PrincipalTypes: []string{"SystemDefined"}, ExcludePrincipalTypes: types}
		for range types {
			d.ExcludePrincipals = append(d.ExcludePrincipals, somebody)
		}
		return d
	}
	named := func(kind string) rbac.DenyAssignment {
		return rbac.DenyAssignment{Principals: []string{somebody}, PrincipalTypes: []string{kind}}
	}
	sparing := func(d rbac.DenyAssignment, id, kind string) rbac.DenyAssignment {
		d.ExcludePrincipals, d.ExcludePrincipalTypes = []string{id}, []string{kind}
		return d
	}
	mine := rbac.DenyAssignment{Principals: []string{team}, PrincipalTypes: []string{"Group"}}
	in := []string{team}
	tests := map[string]struct {
		deny   rbac.DenyAssignment
		groups []string // that the token lists
		want   Verdict
	}{
		"one that excludes another user denies":                                {everyone("User"), nil, Fail},
		"one that excludes a service principal denies":                         {everyone("ServicePrincipal"), nil, Fail},
		"one that excludes a group that the caller may be in stays open":       {everyone("Group"), nil, Unknown},
		"one that excludes a foreign group stays open":                         {everyone("ForeignGroup"), nil, Unknown},
		"one that excludes what has no type stays open":                        {everyone(""), nil, Unknown},
		"one that excludes a user and a group stays open":                      {everyone("User", "Group"), nil, Unknown},
		"one that excludes a group that the token does not list denies":        {everyone("Group"), in, Fail},
		"one that names another user is none":                                  {named("User"), nil, Pass},
		"one that names another service principal is none":                     {named("ServicePrincipal"), nil, Pass},
		"one that names a group that the caller may be in stays open":          {named("Group"), nil, Unknown},
		"one that names what has no type stays open":                           {named(""), nil, Unknown},
		"one that names a group that the token does not list is none":          {named("Group"), in, Pass},
		"one that names a group that the token lists denies":                   {mine, in, Fail},
		"one that names a group and excludes the caller is none":               {sparing(named("Group"), alice, "User"), nil, Pass},
		"one that names another user and excludes a group is none":             {sparing(named("User"), team, "Group"), nil, Pass},
		"one that names the token's group and excludes one it lacks denies":    {sparing(mine, somebody, "Group"), in, Fail},
		"one that names the token's group and excludes another user denies":    {sparing(mine, somebody, "User"), in, Fail},
		"one that names everyone and excludes the token's own group is none":   {sparing(everyone(), team, "Group"), in, Pass},
		"one that names a group and excludes another group stays open as well": {sparing(named("Group"), team, "Group"), nil, Unknown},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.deny.Name, tt.deny.Scope = "guard", subscription
			tt.deny.Permissions = []rbac.Permission{{Actions: []string{"Microsoft.KeyVault/*/write"}}}
			a := &azure{roles: developer, denies: []rbac.DenyAssignment{tt.deny}, assignments: []rbac.Assignment{given(t, "Owner", subscription)}}
			f := find(t, check(t, a, func(o *Options) { o.Caller.Groups = tt.groups }), "rbac/Microsoft.KeyVault/vaults/write", p.VaultID())
			if f.Verdict != tt.want || f.Blocks != (tt.want == Fail) {
				t.Errorf("got %s, blocking %t; want %s: %v", f.Verdict, f.Blocks, tt.want, f.Evidence)
			}
			if tt.want == Unknown {
				shows(t, f, "the deny assignment guard", "group")
			}
		})
	}
}

// One that surely denies wins over another that may not.
func TestADenyAssignmentThatIsSureWinsOverOneThatIsNotP5(t *testing.T) {
	p := mustPlan(plan.Options{})
	sure := rbac.DenyAssignment{
		Name: "sure", Scope: subscription, Principals: []string{rbac.AllPrincipals},
		Permissions: []rbac.Permission{{Actions: []string{"Microsoft.KeyVault/*/write"}}},
	}
	open := sure
	open.Name, open.Scope, open.ExcludePrincipals = "open", p.Group.ID, []string{somebody}
	a := &azure{roles: developer, denies: []rbac.DenyAssignment{open, sure}, assignments: []rbac.Assignment{given(t, "Owner", subscription)}}
	f := find(t, check(t, a), "rbac/Microsoft.KeyVault/vaults/write", p.VaultID())
	if f.Verdict != Fail {
		t.Errorf("got %s, want fail: %v", f.Verdict, f.Evidence)
	}
	shows(t, f, "the deny assignment sure")
}
