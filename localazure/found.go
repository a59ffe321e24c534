package localazure

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/directory"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/resources"
	"github.com/kars-dev/kars/localazure/roledefinition"
	"github.com/kars-dev/kars/localazure/store"
)

const (
	homeBucket = "home"
	homeKey    = "home"
	// domain is the tenant's, after the @ of its users.
	domain = "local.onmicrosoft.com"
	// OwnerName is the user that a local Azure is founded with.
	OwnerName = "owner"
)

// home is what a local Azure is founded with.
type home struct {
	TenantID       string `json:"tenantId"`
	SubscriptionID string `json:"subscriptionId"`
}

// found reads what the local Azure was founded with, or founds it, all of it or
// nothing.
func (s *Server) found() (home, error) {
	var h home
	var known bool
	err := s.store.View(func(tx *store.Tx) (err error) {
		known, err = tx.Get(homeBucket, homeKey, &h)
		return err
	})
	if err != nil {
		return home{}, fmt.Errorf("reading the tenant: %w", err)
	}
	if !known {
		h = home{TenantID: uuid.NewString(), SubscriptionID: uuid.NewString()}
	}
	s.home = h
	s.directory = directory.New(s.store, s.options.Now, h.TenantID)
	if err := s.directory.Found(); err != nil {
		return home{}, fmt.Errorf("founding the directory: %w", err)
	}
	if known {
		return h, nil
	}
	err = s.store.Update(func(tx *store.Tx) error {
		if err := resources.PutSubscription(tx, h.TenantID, h.SubscriptionID, "Local subscription"); err != nil {
			return err
		}
		if _, err := s.putPrincipal(tx, owner()); err != nil {
			return err
		}
		return tx.Put(homeBucket, homeKey, h)
	})
	if err != nil {
		return home{}, fmt.Errorf("founding the tenant: %w", err)
	}
	return h, nil
}

func owner() Principal {
	return Principal{
		Name: OwnerName, Type: "user", Roles: []Role{{Role: "Owner"}},
		DirectoryRoles: []string{directory.AgentIDAdministrator},
	}
}

// Principal is a principal to make, or what to add to one.
type Principal struct {
	Name           string   `json:"name"`
	Type           string   `json:"type"` // user (the default) or sp
	Roles          []Role   `json:"roles"`
	DirectoryRoles []string `json:"directoryRoles"` // names or template ids
}

// Role is a role to assign.
type Role struct {
	Role  string `json:"role"`  // its name or GUID
	Scope string `json:"scope"` // an ARM id, a group's name, or "subscription", which "" means too
}

// Credential is how a local principal signs in. Only a new principal has its
// password or secret.
type Credential struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	TenantID string `json:"tenantId"`
	ClientID string `json:"clientId"`
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
	Secret   string `json:"secret,omitempty"`
	ObjectID string `json:"objectId"`
	New      bool   `json:"new"`
}

// principals holds, by name, the credentials of local principals without their
// secrets.
const principals = "principals"

var errPrincipal = errors.New("the principal cannot be made")

// PutPrincipal makes a principal or adds to it.
func (s *Server) PutPrincipal(p Principal) (c Credential, err error) {
	err = s.store.Update(func(tx *store.Tx) error {
		c, err = s.putPrincipal(tx, p)
		return err
	})
	return c, err
}

func (s *Server) putPrincipal(tx *store.Tx, p Principal) (Credential, error) {
	var c Credential
	known, err := tx.Get(principals, p.Name, &c)
	if err != nil {
		return c, err
	}
	switch {
	case known && p.Type != "" && p.Type != c.Type:
		return c, fmt.Errorf("%w: %s is of type %s", errPrincipal, p.Name, c.Type)
	case !known:
		if c, err = s.makePrincipal(tx, p); err != nil {
			return c, err
		}
	}
	for _, r := range p.Roles {
		if err := s.assign(tx, c, r); err != nil {
			return c, err
		}
	}
	for _, r := range p.DirectoryRoles {
		if err := s.assignDirectoryRole(tx, c, r); err != nil {
			return c, err
		}
	}
	if c.New && s.options.Keep != nil {
		if err := s.options.Keep(c); err != nil {
			return c, fmt.Errorf("keeping the credential of %s: %w", p.Name, err)
		}
	}
	return c, nil
}

func (s *Server) makePrincipal(tx *store.Tx, p Principal) (Credential, error) {
	if !validName(p.Name) {
		return Credential{}, fmt.Errorf("%w: the name %q must be of letters, digits and hyphens", errPrincipal, p.Name)
	}
	c := Credential{Name: p.Name, Type: p.Type, TenantID: s.home.TenantID, New: true}
	d := s.directory.In(tx)
	var err error
	switch p.Type {
	case "", "user":
		err = makeUser(d, &c)
	case "sp":
		err = makeServicePrincipal(d, &c)
	default:
		err = fmt.Errorf("%w: the type %q is neither user nor sp", errPrincipal, p.Type)
	}
	if err != nil {
		return c, err
	}
	public := c
	public.Password, public.Secret, public.New = "", "", false
	return c, tx.Put(principals, p.Name, public)
}

func validName(name string) bool {
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' {
			return false
		}
	}
	return name != "" && len(name) <= 64
}

func makeUser(d *directory.Tx, c *Credential) error {
	c.Type, c.ClientID = "user", directory.KarsAppID
	c.Username, c.Password = c.Name+"@"+domain, directory.NewPassword()
	user, err := d.CreateUser(directory.NewUser{UPN: c.Username, DisplayName: c.Name, Password: c.Password})
	c.ObjectID = user.ID
	return err
}

func makeServicePrincipal(d *directory.Tx, c *Credential) error {
	app, err := d.CreateApplication(store.Tree{"displayName": c.Name})
	if err != nil {
		return err
	}
	c.ClientID = app.Text("appId")
	sp, err := d.CreateServicePrincipal(c.ClientID)
	if err != nil {
		return err
	}
	c.ObjectID = sp.ID
	secret, err := d.AddSecret(app.ID, "kars local principal", time.Time{})
	c.Secret = secret.Text
	return err
}

func (s *Server) scope(said string) string {
	subscription := "/subscriptions/" + s.home.SubscriptionID
	switch {
	case said == "" || said == "subscription":
		return subscription
	case strings.HasPrefix(said, "/"):
		return strings.TrimRight(said, "/")
	}
	return subscription + "/resourceGroups/" + said
}

// assign gives a role, unless it is given already.
func (s *Server) assign(tx *store.Tx, c Credential, r Role) error {
	definition, ok := roledefinition.ByName(r.Role)
	if !ok {
		definition, ok = roledefinition.ByID(r.Role)
	}
	if !ok {
		return fmt.Errorf("%w: no built-in role is called %q", errPrincipal, r.Role)
	}
	scope := s.scope(r.Scope)
	if _, found, err := resource.Get(tx, scope); err != nil || !found {
		return errors.Join(err, fmt.Errorf("%w: there is nothing at %s", errPrincipal, scope))
	}
	// The name follows from what the assignment says, so that giving a role
	// twice is giving it once.
	name := uuid.NewSHA1(uuid.NameSpaceURL, []byte(scope+"|"+c.ObjectID+"|"+definition.ID)).String()
	id, err := armid.Parse(scope + "/providers/Microsoft.Authorization/roleAssignments/" + name)
	if err != nil {
		return fmt.Errorf("%w: %w", errPrincipal, err)
	}
	kind := "User"
	if c.Type == "sp" {
		kind = "ServicePrincipal"
	}
	return resource.Put(tx, id, store.Tree{
		"id": id.String(), "name": name, "type": "Microsoft.Authorization/roleAssignments",
		"properties": store.Tree{
			"scope": scope, "principalId": c.ObjectID, "principalType": kind,
			"roleDefinitionId": "/subscriptions/" + s.home.SubscriptionID + "/providers/Microsoft.Authorization/roleDefinitions/" + definition.ID,
		},
	})
}

func (s *Server) assignDirectoryRole(tx *store.Tx, c Credential, role string) error {
	for _, known := range s.directory.RoleCatalogue() {
		if known.TemplateID == role || known.DisplayName == role {
			return s.directory.In(tx).AssignDirectoryRole(c.ObjectID, known.TemplateID)
		}
	}
	return fmt.Errorf("%w: no directory role is called %q", errPrincipal, role)
}

// badRequest says whether an error is the asker's.
func badRequest(err error) int {
	var directoryError *directory.Error
	if errors.Is(err, errPrincipal) || errors.As(err, &directoryError) {
		return http.StatusBadRequest
	}
	return arm.AsError(err).Status
}
