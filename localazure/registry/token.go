package registry

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/kars-dev/kars/localazure/entra"
	"github.com/kars-dev/kars/localazure/requests"
)

// NullUser is the user name that marks a password as a registry's refresh
// token.
const NullUser = "00000000-0000-0000-0000-000000000000"

// maxForm bounds the body of a token request, in bytes.
const maxForm = 64 << 10

// audiences are those an Entra token may have that a registry takes;
// learn.microsoft.com/azure/container-registry/container-registry-disable-authentication-as-arm.
func audiences() []string {
	return []string{
		"https://containerregistry.azure.net", "https://containerregistry.azure.net/",
		"https://management.azure.com", "https://management.azure.com/",
		"https://management.core.windows.net", "https://management.core.windows.net/",
	}
}

// exchange is POST /oauth2/exchange: an Entra access token becomes a refresh
// token of the registry. A caller who may do nothing here gets none.
func (s *Service) exchange(w http.ResponseWriter, r *http.Request, reg Registry) error {
	requests.SetRead(r.Context())
	if r.Method != http.MethodPost {
		// Azure's answer to another method; github.com/Azure/acr/issues/166.
		http.NotFound(w, r)
		return nil
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return badToken("the body is not a form")
	}
	form := r.PostForm
	switch {
	case form.Get("grant_type") != accessGrant:
		return badToken("grant_type must be access_token")
	case !strings.EqualFold(form.Get("service"), reg.LoginServer):
		return badToken("service must be " + reg.LoginServer)
	}
	who, err := s.entra.Verify(r.Context(), form.Get("access_token"), audiences()...)
	if err != nil {
		s.log.InfoContext(r.Context(), "token exchange refused", "registry", reg.LoginServer, "error", err)
		return unauthorized()
	}
	setCaller(r, who)
	if who.TenantID != reg.TenantID {
		return unauthorized()
	}
	may, err := s.permitted(r, reg, who)
	if err != nil {
		return err
	}
	if len(may) == 0 {
		return unauthorized()
	}
	c := newClaims(reg, who, refreshGrant, s.now(), refreshLifetime)
	c.Permissions = &permissions{Actions: may, NotActions: []string{}}
	return s.answerToken(w, refreshGrant, c)
}

// permitted lists the actions the caller has at the registry.
func (s *Service) permitted(r *http.Request, reg Registry, who entra.Claims) ([]string, error) {
	var may []string
	for _, a := range []struct{ name, action string }{
		{"read", pullRead}, {"write", pushWrite}, {"delete", artifactsDelete},
	} {
		ok, err := s.may(r.Context(), reg, who, a.action)
		if err != nil {
			return nil, err
		}
		if ok {
			may = append(may, a.name)
		}
	}
	return may, nil
}

// token is GET and POST /oauth2/token: a refresh token becomes an access token
// for the scopes that the caller may use now. Where none of them is allowed,
// there is no token.
func (s *Service) token(w http.ResponseWriter, r *http.Request, reg Registry) error {
	requests.SetRead(r.Context())
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return badToken("the request is not a form")
	}
	refresh, refusal := refreshToken(r)
	if refusal != nil {
		return refusal
	}
	if !strings.EqualFold(r.Form.Get("service"), reg.LoginServer) {
		return badToken("service must be " + reg.LoginServer)
	}
	signer, err := s.signer()
	if err != nil {
		return err
	}
	holder, err := signer.verify(refresh, refreshGrant, reg, s.now())
	if err != nil {
		s.log.InfoContext(r.Context(), "refresh token refused", "registry", reg.LoginServer, "error", err)
		return unauthorized()
	}
	who := holder.principal()
	setCaller(r, who)
	asked := parseScopes(r.Form["scope"])
	c := newClaims(reg, who, accessGrant, s.now(), accessLifetime)
	c.Subject = holder.Subject
	for _, a := range asked {
		got, err := s.granted(r.Context(), reg, who, a)
		if err != nil {
			return err
		}
		if len(got.Actions) > 0 {
			c.Access = append(c.Access, got)
		}
	}
	if len(asked) > 0 && len(c.Access) == 0 {
		return unauthorized()
	}
	return s.answerToken(w, accessGrant, c)
}

// refreshToken finds the refresh token of a token request. It stands in the
// form of grant refresh_token, or is the password of [NullUser]: in the form
// of grant password, or in Basic authentication.
func refreshToken(r *http.Request) (string, *Error) {
	user, password, ok := r.BasicAuth()
	if r.Method == http.MethodPost {
		switch r.PostForm.Get("grant_type") {
		case refreshGrant:
			return r.PostForm.Get("refresh_token"), nil
		case "password":
			user, password, ok = r.PostForm.Get("username"), r.PostForm.Get("password"), true
		default:
			return "", badToken("grant_type must be refresh_token or password")
		}
	}
	if !ok || user != NullUser {
		return "", unauthorized()
	}
	return password, nil
}

func (s *Service) answerToken(w http.ResponseWriter, name string, c claims) error {
	signer, err := s.signer()
	if err != nil {
		return err
	}
	raw, err := signer.sign(c)
	if err != nil {
		return fmt.Errorf("signing a token for %s: %w", c.Audience, err)
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, map[string]string{name: raw})
	return nil
}

func badToken(message string) *Error {
	return &Error{http.StatusBadRequest, "TOKEN_INVALID", message, nil}
}

func setCaller(r *http.Request, who entra.Claims) {
	requests.SetCaller(r.Context(), requests.Caller{
		ObjectID: who.ObjectID, AppID: who.AppID, IdentityType: who.IdentityType,
		Audience: who.Audience, ParentAppID: who.ParentAppID,
	})
}
