package graph

import (
	"net/http"
	"strings"

	"github.com/kars-dev/kars/localazure/directory"
)

const (
	castAgent              = "agentidentity"
	castBlueprintPrincipal = "agentidentityblueprintprincipal"
)

// servicePrincipals answers /servicePrincipals: those of applications and
// blueprints, managed identities and agent identities.
func (s *Service) servicePrincipals(t *directory.Tx, c call) (answer, error) {
	switch c.path.cast {
	case "", castAgent, castBlueprintPrincipal, "serviceprincipal", "directoryrole", "group":
	default:
		return answer{}, errUnknownSegment("microsoft.graph." + c.path.cast)
	}
	if c.path.key.zero() {
		switch {
		case len(c.path.tail) > 0:
			return answer{}, errUnknownSegment(c.path.tail[0])
		case c.method == http.MethodGet:
			return s.listServicePrincipals(t, c)
		case c.method == http.MethodPost:
			return s.createServicePrincipal(t, c)
		}
		return answer{}, errMethod()
	}
	sp, err := findServicePrincipal(t, c)
	if err != nil {
		return answer{}, err
	}
	switch c.path.at(0) {
	case "":
		if !castTo(c.path.cast, sp) {
			return answer{}, errNotFound(c.path.key.value)
		}
		return s.servicePrincipal(t, c, sp)
	case "addpassword", "removepassword":
		return s.password(t, c, sp)
	case "owners":
		return s.relation(t, c, sp, directory.OwnedBy)
	case "sponsors":
		return s.relation(t, c, sp, directory.SponsoredBy)
	case "memberof", "transitivememberof":
		return s.memberships(t, c, sp)
	}
	return answer{}, errUnknownSegment(c.path.tail[0])
}

func findServicePrincipal(t *directory.Tx, c call) (directory.Object, error) {
	var o directory.Object
	var found bool
	var err error
	switch c.path.key.property {
	case "id":
		o, found, err = t.Object(c.path.key.value)
	case "appid":
		o, found, err = t.ServicePrincipalByAppID(c.path.key.value)
	}
	if err != nil {
		return o, err
	}
	if !found || o.Kind != directory.ServicePrincipal {
		return o, errNotFound(c.path.key.value)
	}
	return o, nil
}

func (s *Service) listServicePrincipals(t *directory.Tx, c call) (answer, error) {
	r := readApplications()
	switch c.path.cast {
	case castAgent:
		r = readAgents()
	case castBlueprintPrincipal:
		r = readPrincipals()
	}
	if err := c.who.allowed(r, false); err != nil {
		return answer{}, err
	}
	return c.list(t, directory.ServicePrincipal, "servicePrincipals", func(o directory.Object) bool {
		return castTo(c.path.cast, o) && c.who.sees(o)
	})
}

// sees says whether a blueprint may know of an object: of its own agent
// identities alone. Other callers are judged by their permissions.
func (c caller) sees(o directory.Object) bool {
	own := c.blueprint()
	return own == "" || o.ID == c.object.ID ||
		(o.Type == directory.TypeAgentIdentity && strings.EqualFold(o.Text("agentIdentityBlueprintId"), own))
}

func (s *Service) createServicePrincipal(t *directory.Tx, c call) (answer, error) {
	kind := c.path.cast
	if kind == "" {
		kind = typeOf(c.body)
	}
	if kind == castAgent {
		return s.createAgent(t, c)
	}
	appID, _ := c.body["appId"].(string)
	if appID == "" {
		return answer{}, errBadRequest("A value is required for property 'appId' of resource 'ServicePrincipal'.")
	}
	app, found, err := t.ApplicationByAppID(appID)
	if err != nil {
		return answer{}, err
	}
	r := writeApplications()
	isBlueprint := found && app.Type == directory.TypeBlueprint
	if isBlueprint || kind == castBlueprintPrincipal {
		r = agentRight(directory.TypeBlueprintPrincipal, "create")
	}
	if err := c.who.may(t, r, app.ID); err != nil {
		return answer{}, err
	}
	if kind == castBlueprintPrincipal && !isBlueprint {
		return answer{}, &graphError{
			http.StatusBadRequest, "AgentBlueprintPrincipal_RequireAgentBlueprint",
			"Agent identity blueprint principals can only be created for Agent Blueprints.",
		}
	}
	sp, err := t.CreateServicePrincipal(appID)
	if err != nil {
		return answer{}, err
	}
	if err := t.Link(sp.ID, directory.OwnedBy, c.who.object.ID); err != nil {
		return answer{}, err
	}
	return c.entity(t, http.StatusCreated, "servicePrincipals", sp)
}

// servicePrincipal answers for one service principal.
func (s *Service) servicePrincipal(t *directory.Tx, c call, sp directory.Object) (answer, error) {
	read, write, remove := readApplications(), writeApplications(), writeApplications()
	switch sp.Type {
	case directory.TypeAgentIdentity:
		read, write, remove = readAgents(), agentRight(sp.Type, "update"), agentRight(sp.Type, "delete")
	case directory.TypeBlueprintPrincipal:
		read, write, remove = readPrincipals(), agentRight(sp.Type, "update"), agentRight(sp.Type, "delete")
	}
	if !c.who.sees(sp) {
		return answer{}, errDenied()
	}
	switch c.method {
	case http.MethodGet:
		if err := c.who.allowed(read, false); err != nil {
			return answer{}, err
		}
		return c.entity(t, http.StatusOK, "servicePrincipals", sp)
	case http.MethodPatch:
		if err := c.who.mayChange(t, write, sp); err != nil {
			return answer{}, err
		}
		return patch(t, c, sp)
	case http.MethodDelete:
		if err := c.who.mayChange(t, remove, sp); err != nil {
			return answer{}, err
		}
		if sp.Text("servicePrincipalType") == "ManagedIdentity" {
			return answer{}, errBadRequest("Service principals of managed identities are deleted with their Azure resource.")
		}
		return answer{status: http.StatusNoContent}, t.Delete(sp.ID)
	}
	return answer{}, errMethod()
}

// mayChange decides about changing a service principal. An owner may, of what
// they own; to own the blueprint is to create its agent identities and no more.
// The permission to create agent identities counts for a blueprint alone.
func (c caller) mayChange(t *directory.Tx, r right, sp directory.Object) error {
	if !c.user() && c.blueprint() == "" {
		r.permissions = without(r.permissions, createAsManager)
	}
	return c.may(t, r, sp.ID)
}
