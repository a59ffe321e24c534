package graph

import (
	"net/http"
	"strings"

	"github.com/kars-dev/kars/localazure/directory"
)

const castBlueprint = "agentidentityblueprint"

// applications answers /applications: applications and, as one kind of them,
// agent identity blueprints.
func (s *Service) applications(t *directory.Tx, c call) (answer, error) {
	if c.path.cast != "" && c.path.cast != castBlueprint && c.path.cast != "application" {
		return answer{}, errUnknownSegment("microsoft.graph." + c.path.cast)
	}
	if c.path.key.zero() {
		switch {
		case len(c.path.tail) > 0:
			return answer{}, errUnknownSegment(c.path.tail[0])
		case c.method == http.MethodGet:
			return s.listApplications(t, c)
		case c.method == http.MethodPost:
			return s.createApplication(t, c)
		}
		return answer{}, errMethod()
	}
	app, err := findApplication(t, c)
	if err != nil {
		return answer{}, err
	}
	switch c.path.at(0) {
	case "":
		return s.application(t, c, app)
	case "federatedidentitycredentials":
		return s.federatedCredentials(t, c, app)
	case "addpassword", "removepassword":
		return s.password(t, c, app)
	case "owners":
		return s.relation(t, c, app, directory.OwnedBy)
	case "sponsors":
		return s.relation(t, c, app, directory.SponsoredBy)
	}
	if strings.HasPrefix(c.path.at(0), "federatedidentitycredentials(") {
		return s.federatedCredentials(t, c, app)
	}
	return answer{}, errUnknownSegment(c.path.tail[0])
}

// findApplication finds the application of a path. Blueprints are found by
// their client id as well, as the examples of
// learn.microsoft.com/entra/agent-id/create-blueprint address them.
func findApplication(t *directory.Tx, c call) (directory.Object, error) {
	var o directory.Object
	var found bool
	var err error
	switch c.path.key.property {
	case "id":
		o, found, err = t.Object(c.path.key.value)
		if err == nil && !found {
			o, found, err = t.ApplicationByAppID(c.path.key.value)
			found = found && o.Type == directory.TypeBlueprint
		}
	case "appid":
		o, found, err = t.ApplicationByAppID(c.path.key.value)
	}
	if err != nil {
		return o, err
	}
	if !found || o.Kind != directory.Application || !castTo(c.path.cast, o) {
		return o, errNotFound(c.path.key.value)
	}
	return o, nil
}

func (s *Service) listApplications(t *directory.Tx, c call) (answer, error) {
	blueprints, all := c.who.allowed(readBlueprints(), false), c.who.allowed(readApplications(), false)
	if c.path.cast == castBlueprint && blueprints != nil {
		return answer{}, blueprints
	}
	if c.path.cast != castBlueprint && all != nil {
		return answer{}, all
	}
	return c.list(t, directory.Application, "applications", func(o directory.Object) bool { return castTo(c.path.cast, o) })
}

func (s *Service) createApplication(t *directory.Tx, c call) (answer, error) {
	if c.path.cast != castBlueprint && typeOf(c.body) != castBlueprint {
		return s.createPlainApplication(t, c)
	}
	if err := c.who.allowed(agentRight(directory.TypeBlueprint, "create"), false); err != nil {
		return answer{}, err
	}
	sponsors, err := bound(t, c.body, "sponsors")
	if err != nil {
		return answer{}, err
	}
	owners, err := bound(t, c.body, "owners")
	if err != nil {
		return answer{}, err
	}
	properties, err := writable(c.body)
	if err != nil {
		return answer{}, err
	}
	properties["createdByAppId"] = c.who.claims.AppID
	// Whoever creates a blueprint owns it.
	o, err := t.CreateBlueprint(properties, sponsors, append(owners, c.who.object.ID))
	if err != nil {
		return answer{}, err
	}
	return c.entity(t, http.StatusCreated, "applications/microsoft.graph.agentIdentityBlueprint", o)
}

func (s *Service) createPlainApplication(t *directory.Tx, c call) (answer, error) {
	r := writeApplications()
	// Members may register applications unless the tenant says otherwise;
	// learn.microsoft.com/entra/fundamentals/users-default-permissions.
	r.roles = nil
	if err := c.who.allowed(r, false); err != nil {
		return answer{}, err
	}
	properties, err := writable(c.body)
	if err != nil {
		return answer{}, err
	}
	o, err := t.CreateApplication(properties)
	if err != nil {
		return answer{}, err
	}
	if err := t.Link(o.ID, directory.OwnedBy, c.who.object.ID); err != nil {
		return answer{}, err
	}
	return c.entity(t, http.StatusCreated, "applications", o)
}

// application answers for one application.
func (s *Service) application(t *directory.Tx, c call, app directory.Object) (answer, error) {
	read, write, remove := readApplications(), writeApplications(), writeApplications()
	if app.Type == directory.TypeBlueprint {
		read, write, remove = readBlueprints(), agentRight(app.Type, "update"), agentRight(app.Type, "delete")
	}
	switch c.method {
	case http.MethodGet:
		if err := c.who.allowed(read, false); err != nil {
			return answer{}, err
		}
		return c.entity(t, http.StatusOK, "applications", app)
	case http.MethodPatch:
		if err := c.who.may(t, write, app.ID); err != nil {
			return answer{}, err
		}
		return patch(t, c, app)
	case http.MethodDelete:
		if err := c.who.may(t, remove, app.ID); err != nil {
			return answer{}, err
		}
		return answer{status: http.StatusNoContent}, t.Delete(app.ID)
	}
	return answer{}, errMethod()
}

func patch(t *directory.Tx, c call, o directory.Object) (answer, error) {
	properties, err := writable(c.body)
	if err != nil {
		return answer{}, err
	}
	_, err = t.Patch(o.ID, properties)
	return answer{status: http.StatusNoContent}, err
}
