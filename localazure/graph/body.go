package graph

import (
	"strings"

	"github.com/kars-dev/kars/localazure/directory"
	"github.com/kars-dev/kars/localazure/store"
)

// writable refuses what no request may set, and drops annotations. Credentials
// have operations of their own, which are what the rights are about.
func writable(body store.Tree) (store.Tree, error) {
	out := store.Tree{}
	for name, value := range body {
		if strings.HasPrefix(name, "@") {
			continue
		}
		if strings.Contains(name, "@odata.") {
			return nil, errBadRequest("Property '" + name + "' is not supported here.")
		}
		wellTyped := true
		switch strings.ToLower(name) {
		case "id", "appid", "createddatetime", "deleteddatetime", "createdbyappid", "passwordcredentials", "keycredentials",
			"serviceprincipaltype", "owners", "sponsors", "federatedidentitycredentials", "approleassignments",
			"appownerorganizationid", "passwordprofile", "serviceprincipalnames", "alternativenames", "publisherdomain":
			return nil, errBadRequest("Property '" + name + "' is read-only and cannot be set.")
		case "displayname", "description", "notes", "servicemanagementreference":
			_, wellTyped = value.(string)
			wellTyped = wellTyped || value == nil
		case "accountenabled":
			_, wellTyped = value.(bool)
		case "tags", "identifieruris":
			wellTyped = texts(value)
		}
		if !wellTyped {
			return nil, errBadRequest("Property '" + name + "' has the wrong type.")
		}
		out[name] = value
	}
	return out, nil
}

// texts says whether a value is a list of texts.
func texts(value any) bool {
	list, ok := value.([]any)
	for _, v := range list {
		_, text := v.(string)
		ok = ok && text
	}
	return ok
}

// bound reads the references of an @odata.bind property and takes it out of
// the body.
func bound(t *directory.Tx, body store.Tree, property string) ([]string, error) {
	name := property + "@odata.bind"
	value, given := body[name]
	if !given {
		return nil, nil
	}
	delete(body, name)
	urls, ok := value.([]any)
	if !ok || len(urls) == 0 {
		return nil, errBadRequest("Property '" + name + "' must be a collection of references that is not empty.")
	}
	var out []string
	for _, u := range urls {
		id, err := reference(t, u)
		if err != nil {
			return nil, err
		}
		out = append(out, id)
	}
	return out, nil
}

// reference resolves https://graph.microsoft.com/v1.0/users/<id>: the object must
// be there, and be what the collection says.
func reference(t *directory.Tx, value any) (string, error) {
	s, _ := value.(string)
	bad := errBadRequest("Invalid reference '" + s + "': expected https://" + Host + "/v1.0/directoryObjects/<id>.")
	rest, ok := strings.CutPrefix(s, "https://"+Host+"/")
	segments := strings.Split(strings.Trim(rest, "/"), "/")
	if !ok || len(segments) != 3 {
		return "", bad
	}
	kind, known := map[string]directory.Kind{
		"users": directory.User, "groups": directory.Group,
		"serviceprincipals": directory.ServicePrincipal, "directoryobjects": "",
	}[strings.ToLower(segments[1])]
	if !known {
		return "", bad
	}
	o, found, err := t.Object(segments[2])
	if err != nil {
		return "", err
	}
	if !found || (kind != "" && o.Kind != kind) {
		return "", errNotFound(segments[2])
	}
	return o.ID, nil
}
