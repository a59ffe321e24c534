package graph

import (
	"net/http"
	"strings"
	"time"

	"github.com/kars-dev/kars/localazure/directory"
	"github.com/kars-dev/kars/localazure/store"
)

// federatedCredentials answers /applications/{id}/federatedIdentityCredentials,
// with or without the cast to a blueprint before it;
// learn.microsoft.com/graph/api/federatedidentitycredential-post.
func (s *Service) federatedCredentials(t *directory.Tx, c call, app directory.Object) (answer, error) {
	read, write := readApplications(), writeApplications()
	if app.Type == directory.TypeBlueprint {
		read, write = readCredentials(), agentRight(app.Type, "federate")
	}
	if c.method == http.MethodGet {
		if err := c.who.allowed(read, false); err != nil {
			return answer{}, err
		}
	} else if err := c.who.may(t, write, app.ID); err != nil {
		return answer{}, err
	}
	_, k, err := parseSegment(c.path.tail[0])
	if err != nil {
		return answer{}, err
	}
	name := k.value
	if name == "" && len(c.path.tail) > 1 {
		name = c.path.tail[1]
	}
	switch {
	case name == "" && c.method == http.MethodGet:
		return s.listFederated(t, c, app)
	case name == "" && c.method == http.MethodPost:
		return s.postFederated(t, c, app)
	case name != "":
		return s.federatedCredential(t, c, app, name)
	}
	return answer{}, errMethod()
}

func federatedContext(app directory.Object) string {
	return "applications('" + app.ID + "')/federatedIdentityCredentials"
}

func showFederated(f directory.FederatedCredential) store.Tree {
	audiences := make([]any, 0, len(f.Audiences))
	for _, a := range f.Audiences {
		audiences = append(audiences, a)
	}
	return store.Tree{
		"id": f.ID, "name": f.Name, "issuer": f.Issuer, "subject": f.Subject,
		"audiences": audiences, "description": f.Description,
	}
}

func (s *Service) listFederated(t *directory.Tx, c call, app directory.Object) (answer, error) {
	all, err := t.FederatedCredentials(app.ID)
	if err != nil {
		return answer{}, err
	}
	values := []any{}
	for _, f := range all {
		tree := showFederated(f)
		if c.query.filter == nil || c.query.filter(tree) {
			values = append(values, pick(tree, c.query.selected))
		}
	}
	return c.value(http.StatusOK, federatedContext(app), store.Tree{"value": values}), nil
}

func (s *Service) postFederated(t *directory.Tx, c call, app directory.Object) (answer, error) {
	f, err := readFederated(c.body, directory.FederatedCredential{})
	if err != nil {
		return answer{}, err
	}
	_, taken, err := t.FederatedCredential(app.ID, f.Name)
	if err != nil {
		return answer{}, err
	}
	if taken {
		return answer{}, &graphError{
			http.StatusConflict, "Request_MultipleObjectsWithSameKeyValue",
			"FederatedIdentityCredential with name " + f.Name + " already exists.",
		}
	}
	if f, err = t.PutFederatedCredential(app.ID, f); err != nil {
		return answer{}, err
	}
	return c.value(http.StatusCreated, federatedContext(app)+"/$entity", showFederated(f)), nil
}

// federatedCredential answers for one federated credential, by id or by name.
func (s *Service) federatedCredential(t *directory.Tx, c call, app directory.Object, name string) (answer, error) {
	f, found, err := t.FederatedCredential(app.ID, name)
	if err != nil {
		return answer{}, err
	}
	if c.method == http.MethodPatch && !found && c.upsert {
		c.body["name"] = name
		return s.postFederated(t, c, app)
	}
	if !found {
		return answer{}, errNotFound(name)
	}
	switch c.method {
	case http.MethodGet:
		return c.value(http.StatusOK, federatedContext(app)+"/$entity", pick(showFederated(f), c.query.selected)), nil
	case http.MethodPatch:
		changed, err := readFederated(c.body, f)
		if err != nil {
			return answer{}, err
		}
		if changed.Name != f.Name {
			return answer{}, errBadRequest("Property 'name' is read-only and cannot be set.")
		}
		_, err = t.PutFederatedCredential(app.ID, changed)
		return answer{status: http.StatusNoContent}, err
	case http.MethodDelete:
		return answer{status: http.StatusNoContent}, t.DeleteFederatedCredential(app.ID, f.Name)
	}
	return answer{}, errMethod()
}

// readFederated reads a federated credential over what it was.
func readFederated(body store.Tree, f directory.FederatedCredential) (directory.FederatedCredential, error) {
	for name, value := range body {
		text, isText := value.(string)
		switch strings.ToLower(name) {
		case "name":
			f.Name = text
		case "issuer":
			f.Issuer = text
		case "subject":
			f.Subject = text
		case "description":
			f.Description = text
			isText = isText || value == nil
		case "audiences":
			values, _ := value.([]any)
			f.Audiences, isText = nil, true
			for _, v := range values {
				audience, ok := v.(string)
				isText = isText && ok
				f.Audiences = append(f.Audiences, audience)
			}
		default:
			if strings.HasPrefix(name, "@") || name == "id" {
				continue
			}
			return f, errBadRequest("Property '" + name + "' is not known for federatedIdentityCredential.")
		}
		if !isText {
			return f, errBadRequest("Property '" + name + "' has the wrong type.")
		}
	}
	return f, nil
}

// password answers addPassword and removePassword;
// learn.microsoft.com/graph/api/application-addpassword.
func (s *Service) password(t *directory.Tx, c call, o directory.Object) (answer, error) {
	if c.method != http.MethodPost {
		return answer{}, errMethod()
	}
	r := writeApplications()
	switch o.Type {
	case directory.TypeBlueprint:
		r = agentRight(o.Type, "credentials")
	case directory.TypeBlueprintPrincipal, directory.TypeAgentIdentity:
		r = agentRight(directory.TypeBlueprint, "credentials")
	}
	if err := c.who.may(t, r, o.ID); err != nil {
		return answer{}, err
	}
	if c.path.at(0) == "removepassword" {
		id, _ := c.body["keyId"].(string)
		return answer{status: http.StatusNoContent}, t.RemoveSecret(o.ID, id)
	}
	wanted, _ := c.body["passwordCredential"].(map[string]any)
	name, _ := wanted["displayName"].(string)
	var end time.Time
	if text, given := wanted["endDateTime"].(string); given {
		var err error
		if end, err = time.Parse(time.RFC3339, text); err != nil {
			return answer{}, errBadRequest("Property 'endDateTime' is no time.")
		}
	}
	secret, err := t.AddSecret(o.ID, name, end)
	if err != nil {
		return answer{}, err
	}
	return c.value(http.StatusOK, "microsoft.graph.passwordCredential", showSecret(secret)), nil
}
