package directory

import "slices"

// Principal is who a role can be assigned to and a token issued for.
type Principal struct {
	ID                   string // object id
	Type                 string // User, ServicePrincipal or Group, as in role assignments
	AppID                string // client id; empty for users and groups
	DisplayName          string
	ServicePrincipalType string // Application, ManagedIdentity or ServiceIdentity (an agent identity)
	UPN                  string // of a user
	BlueprintAppID       string // of an agent identity
	ARMID                string // of a managed identity
	Enabled              bool
}

// Agent says whether the principal is an agent identity.
func (p Principal) Agent() bool { return p.ServicePrincipalType == "ServiceIdentity" }

// Principal returns the principal with this object id.
func (d *Directory) Principal(id string) (Principal, bool, error) {
	var p Principal
	var found bool
	err := d.View(func(t *Tx) (err error) {
		p, found, err = t.Principal(id)
		return err
	})
	return p, found, err
}

// Principal returns the principal with this object id.
func (t *Tx) Principal(id string) (Principal, bool, error) {
	o, found, err := t.Object(id)
	if err != nil || !found || o.Kind == Application {
		return Principal{}, false, err
	}
	return o.Principal(), true, nil
}

// Principal returns an object that is a user, a group or a service principal as
// a principal.
func (o Object) Principal() Principal {
	p := Principal{
		ID: o.ID, AppID: o.Text("appId"), DisplayName: o.Text("displayName"),
		ServicePrincipalType: o.Text("servicePrincipalType"), UPN: o.Text("userPrincipalName"),
		BlueprintAppID: o.Text("agentIdentityBlueprintId"), Enabled: o.Enabled(),
	}
	switch o.Kind {
	case User:
		p.Type = "User"
	case Group:
		p.Type = "Group"
	case ServicePrincipal:
		p.Type = "ServicePrincipal"
	}
	if p.ServicePrincipalType == "ManagedIdentity" {
		p.ARMID = managedIdentityARMID(o)
	}
	return p
}

// GroupsOf returns the ids of the groups a principal is in, directly or through
// other groups.
func (d *Directory) GroupsOf(id string) ([]string, error) {
	return view(d, func(t *Tx) ([]string, error) { return t.GroupsOf(id) })
}

// GroupsOf returns the ids of the groups a principal is in, directly or through
// other groups, sorted. Cycles are allowed, as they are in Entra.
func (t *Tx) GroupsOf(id string) ([]string, error) {
	seen := map[string]bool{}
	queue := []string{id}
	var out []string
	for len(queue) > 0 {
		groups, err := t.Linked(queue[0], MemberOf)
		if err != nil {
			return nil, err
		}
		queue = queue[1:]
		for _, g := range groups {
			if seen[g] {
				continue
			}
			seen[g] = true
			_, live, err := t.Object(g)
			if err != nil {
				return nil, err
			}
			if live {
				out = append(out, g)
				queue = append(queue, g)
			}
		}
	}
	slices.Sort(out)
	return out, nil
}
