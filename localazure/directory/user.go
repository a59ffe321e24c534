package directory

import (
	"strings"

	"github.com/kars-dev/kars/localazure/store"
)

// Domain is the tenant's initial domain, in which its users are named.
const Domain = "local.onmicrosoft.com"

// NewUser describes a user to create.
type NewUser struct {
	UPN         string // user principal name, "owner@local.onmicrosoft.com"
	DisplayName string
	// Password is kept only as a hash; when it is empty nobody can sign in.
	Password string
}

// CreateUser creates a user.
func (d *Directory) CreateUser(u NewUser) (Principal, error) {
	return update(d, func(t *Tx) (Principal, error) { return t.CreateUser(u) })
}

// CreateUser creates a user. A name that is taken is [ErrConflict].
func (t *Tx) CreateUser(u NewUser) (Principal, error) {
	name, domain, ok := strings.Cut(u.UPN, "@")
	if !ok || name == "" || domain == "" {
		return Principal{}, invalid("Property userPrincipalName is invalid.")
	}
	_, taken, err := t.UserByName(u.UPN)
	if err != nil {
		return Principal{}, err
	}
	if taken {
		return Principal{}, conflict("Another object with the same value for property userPrincipalName already exists.")
	}
	if u.DisplayName == "" {
		u.DisplayName = name
	}
	id := newID()
	o := Object{ID: id, Kind: User, Type: TypeUser, Properties: store.Tree{
		"id": id, "displayName": u.DisplayName, "userPrincipalName": u.UPN, "mailNickname": name,
		"accountEnabled": true, "userType": "Member", "createdDateTime": stamp(t.d.now()),
	}}
	if err := t.put(o); err != nil {
		return Principal{}, err
	}
	if u.Password != "" {
		if err := t.setPassword(id, u.Password); err != nil {
			return Principal{}, err
		}
	}
	return o.Principal(), nil
}

// UserByName returns the user with this principal name.
func (t *Tx) UserByName(upn string) (Object, bool, error) {
	var id string
	found, err := t.tx.Get(bucketNames, upn, &id)
	if err != nil || !found {
		return Object{}, false, err
	}
	return t.Object(id)
}

// NewGroup describes a group to create.
type NewGroup struct {
	DisplayName string
	// Types are "Unified" (a Microsoft 365 group) and "DynamicMembership";
	// without one it is a security group.
	Types []string
	// Assignable says that directory roles may be assigned to it.
	Assignable bool
}

// CreateGroup creates a group without members.
func (t *Tx) CreateGroup(g NewGroup) (Principal, error) {
	if g.DisplayName == "" {
		return Principal{}, invalid("A value is required for property 'displayName' of resource 'Group'.")
	}
	id := newID()
	types := []any{}
	for _, name := range g.Types {
		types = append(types, name)
	}
	o := Object{ID: id, Kind: Group, Type: TypeGroup, Properties: store.Tree{
		"id": id, "displayName": g.DisplayName, "securityEnabled": true, "mailEnabled": false,
		"groupTypes": types, "isAssignableToRole": g.Assignable, "createdDateTime": stamp(t.d.now()),
	}}
	return o.Principal(), t.put(o)
}

// AddMember puts a principal into a group.
func (t *Tx) AddMember(group, member string) error {
	g, found, err := t.Object(group)
	if err != nil {
		return err
	}
	if !found || g.Kind != Group {
		return notFound(group)
	}
	if _, found, err = t.Principal(member); err != nil {
		return err
	}
	if !found {
		return notFound(member)
	}
	return t.Link(member, MemberOf, group)
}
