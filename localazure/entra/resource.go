package entra

import (
	"slices"
	"strings"

	"github.com/kars-dev/kars/localazure/directory"
)

// resource is what a token is asked for.
type resource struct {
	appID    string
	audience string // the aud claim: the name that was asked with
	exchange bool   // whether the token is to be exchanged for another
}

// tokenExchange is the audience of tokens that are exchanged for others.
const tokenExchange = "api://AzureADTokenExchange"

// findResource finds the application that a token for name is issued for: one
// of Azure's own or one of this tenant.
func findResource(t *directory.Tx, name string) (resource, bool, error) {
	name = strings.TrimSuffix(name, "/.default")
	if app, ok := directory.Resource(name); ok {
		if app.AppID == directory.TokenExchangeAppID {
			return resource{appID: app.AppID, audience: tokenExchange, exchange: true}, true, nil
		}
		return resource{appID: app.AppID, audience: name}, true, nil
	}
	app, found, err := t.ByIdentifier(strings.TrimRight(name, "/"))
	if err != nil || !found {
		return resource{}, false, err
	}
	return resource{appID: app.Text("appId"), audience: name}, true, nil
}

// scopeRequest is a scope parameter, taken apart.
type scopeRequest struct {
	resource    string
	permissions []string // at the resource; ".default" is all that was consented to
	openID      []string // openid, profile, email, offline_access
}

// parseScope takes apart a scope parameter, "https://graph.microsoft.com/.default
// openid" for instance. A permission without a resource is one of Graph.
func parseScope(scope string) (scopeRequest, *oauthError) {
	var out scopeRequest
	for _, s := range strings.Fields(scope) {
		if slices.Contains([]string{"openid", "profile", "email", "offline_access"}, s) {
			out.openID = append(out.openID, s)
			continue
		}
		name, permission := "https://graph.microsoft.com", s
		if i := strings.LastIndex(s, "/"); i >= 0 {
			name, permission = s[:i], s[i+1:]
		}
		if name == "" || permission == "" {
			return scopeRequest{}, errInvalidScope(s)
		}
		if out.resource != "" && !sameResource(out.resource, name) {
			return scopeRequest{}, errSeveralResources()
		}
		out.resource = name
		out.permissions = append(out.permissions, permission)
	}
	if out.resource == "" {
		return scopeRequest{}, errInvalidScope(scope)
	}
	return out, nil
}

// isDefault says whether what is asked for is all that was consented to.
func (s scopeRequest) isDefault() bool {
	return len(s.permissions) == 1 && s.permissions[0] == ".default"
}
