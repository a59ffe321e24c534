package entra

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/kars-dev/kars/localazure/directory"
	"github.com/kars-dev/kars/localazure/requests"
)

// maxForm bounds a token request; assertions are a few kilobytes.
const maxForm = 64 << 10

// serveToken is the token endpoint.
func (a *Authority) serveToken(w http.ResponseWriter, r *http.Request) {
	requests.SetRead(r.Context())
	if refused := a.tenant(r); refused != nil {
		a.refuse(w, r, refused)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		a.refuse(w, r, badRequest(9002313, "invalid_request", "Invalid request. Request is malformed or invalid."))
		return
	}
	answer, err := a.token(r, r.PostForm)
	var refused *oauthError
	switch {
	case errors.As(err, &refused):
		a.refuse(w, r, refused)
	case err != nil:
		a.refuse(w, r, &oauthError{http.StatusInternalServerError, 90033, "temporarily_unavailable", "A transient error has occurred. Please try again."})
	default:
		writeJSON(w, http.StatusOK, answer)
	}
}

func (a *Authority) token(r *http.Request, form url.Values) (map[string]any, error) {
	for _, required := range []string{"grant_type", "client_id"} {
		if form.Get(required) == "" {
			return nil, errMissing(required)
		}
	}
	switch form.Get("grant_type") {
	case "client_credentials":
		return a.clientCredentials(r.Context(), form)
	case "password":
		return a.password(r.Context(), form)
	case "refresh_token":
		return a.refresh(r.Context(), form)
	}
	return nil, errGrantType(form.Get("grant_type"))
}

// scopeOf reads the scope parameter, or the older resource parameter.
func scopeOf(form url.Values) (scopeRequest, *oauthError) {
	if name := form.Get("resource"); name != "" && form.Get("scope") == "" {
		return scopeRequest{resource: name, permissions: []string{".default"}}, nil
	}
	return parseScope(form.Get("scope"))
}

// resourceOf finds what a token is asked for.
func (a *Authority) resourceOf(t *directory.Tx, s scopeRequest) (resource, error) {
	r, known, err := findResource(t, s.resource)
	if err != nil {
		return resource{}, err
	}
	if !known {
		return resource{}, errUnknownResource(s.resource, a.directory.TenantID())
	}
	return r, nil
}

// body is the answer to a granted request.
func (a *Authority) body(token Token) map[string]any {
	seconds := int(token.Expires.Sub(a.now()).Seconds())
	return map[string]any{
		"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds,
		"access_token": token.AccessToken,
	}
}
