package registry

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// access is what an access token lets its holder do.
type access struct {
	scopes []scope
}

func (a access) has(kind, name, action string) bool {
	return slices.ContainsFunc(a.scopes, func(s scope) bool {
		return s.Type == kind && s.Name == name && slices.Contains(s.Actions, action)
	})
}

// needed is the scope that a request needs, as the challenge states it. Its
// last action is the one that decides. Any token will do for /v2/ itself.
func needed(method string, t target) (scope, bool) {
	repository := func(actions ...string) (scope, bool) {
		return scope{"repository", t.repository, actions}, true
	}
	switch {
	case t.kind == baseKind:
		return scope{}, false
	case t.kind == catalogKind:
		return scope{"registry", "catalog", []string{wildcard}}, true
	case method == http.MethodDelete && t.kind != uploadKind:
		return repository(deleteAction)
	case t.kind == uploadKind, t.kind == uploadsKind, method != http.MethodGet && method != http.MethodHead:
		return repository(pull, push)
	default:
		return repository(pull)
	}
}

// admit checks the request's access token. Without one that suffices it
// answers with the challenge that says which would.
func (s *Service) admit(w http.ResponseWriter, r *http.Request, reg Registry, t target) (access, bool) {
	need, scoped := needed(r.Method, t)
	refuse := func(reason string) (access, bool) {
		challenge := fmt.Sprintf("Bearer realm=%q,service=%q", "https://"+reg.LoginServer+"/oauth2/token", reg.LoginServer)
		refusal := unauthorized()
		if scoped {
			challenge += fmt.Sprintf(",scope=%q", need)
			refusal.Detail = []map[string]string{
				{"Type": need.Type, "Name": need.Name, "Action": need.Actions[len(need.Actions)-1]},
			}
		}
		if reason != "" {
			challenge += fmt.Sprintf(",error=%q", reason)
		}
		w.Header().Set("Www-Authenticate", challenge)
		s.writeError(w, r, refusal)
		return access{}, false
	}
	raw, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return refuse("")
	}
	signer, err := s.signer()
	if err != nil {
		s.writeError(w, r, err)
		return access{}, false
	}
	c, err := signer.verify(raw, accessGrant, reg, s.now())
	if err != nil {
		return refuse("invalid_token")
	}
	setCaller(r, c.principal())
	have := access{c.Access}
	if scoped && !have.has(need.Type, need.Name, need.Actions[len(need.Actions)-1]) {
		return refuse("insufficient_scope")
	}
	return have, true
}
