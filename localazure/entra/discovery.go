package entra

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/kars-dev/kars/localazure/requests"
)

// routes are the paths of the sign-in hosts.
func (a *Authority) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{tenant}/v2.0/.well-known/openid-configuration", a.configurationV2)
	mux.HandleFunc("GET /{tenant}/.well-known/openid-configuration", a.configurationV1)
	mux.HandleFunc("GET /{tenant}/discovery/v2.0/keys", a.serveKeys)
	mux.HandleFunc("GET /{tenant}/discovery/keys", a.serveKeys)
	mux.HandleFunc("GET /common/discovery/instance", a.instanceDiscovery)
	mux.HandleFunc("GET /common/UserRealm/{name}", a.userRealm)
	mux.HandleFunc("GET /common/userrealm/{name}", a.userRealm)
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", a.serveToken)
	mux.HandleFunc("POST /{tenant}/oauth2/token", a.serveToken)
	return mux
}

// tenant checks the tenant of a path. The aliases stand for the tenant of
// whoever signs in, and there is one.
func (a *Authority) tenant(r *http.Request) *oauthError {
	name := r.PathValue("tenant")
	switch strings.ToLower(name) {
	case a.directory.TenantID(), "common", "organizations":
		return nil
	}
	return errTenant(name)
}

func (a *Authority) configurationV2(w http.ResponseWriter, r *http.Request) {
	a.configuration(w, r, a.Issuer(), "/oauth2/v2.0", "/discovery/v2.0/keys")
}

func (a *Authority) configurationV1(w http.ResponseWriter, r *http.Request) {
	a.configuration(w, r, a.resourceIssuer(), "/oauth2", "/discovery/keys")
}

// configuration answers with the shape of learn.microsoft.com/entra/identity-platform/v2-protocols-oidc#sample-response.
func (a *Authority) configuration(w http.ResponseWriter, r *http.Request, issuer, oauth, keys string) {
	if refused := a.tenant(r); refused != nil {
		a.refuse(w, r, refused)
		return
	}
	base := "https://" + LoginHost + "/" + strings.ToLower(r.PathValue("tenant"))
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer":                                issuer,
		"token_endpoint":                        base + oauth + "/token",
		"authorization_endpoint":                base + oauth + "/authorize",
		"device_authorization_endpoint":         base + oauth + "/devicecode",
		"jwks_uri":                              base + keys,
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt"},
		"response_modes_supported":              []string{"query", "fragment", "form_post"},
		"response_types_supported":              []string{"code", "id_token", "code id_token", "id_token token"},
		"subject_types_supported":               []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"scopes_supported":                      []string{"openid", "profile", "email", "offline_access"},
		"claims_supported":                      []string{"sub", "iss", "aud", "exp", "iat", "oid", "tid", "name", "preferred_username", "ver"},
		"tenant_region_scope":                   "NA",
		"cloud_instance_name":                   "microsoftonline.com",
		"cloud_graph_host_name":                 "graph.windows.net",
		"msgraph_host":                          "graph.microsoft.com",
	})
}

func (a *Authority) serveKeys(w http.ResponseWriter, r *http.Request) {
	if refused := a.tenant(r); refused != nil {
		a.refuse(w, r, refused)
		return
	}
	writeJSON(w, http.StatusOK, a.JWKS())
}

// instanceDiscovery tells MSAL which hosts are one authority.
func (a *Authority) instanceDiscovery(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{
		"tenant_discovery_endpoint": a.Issuer() + "/.well-known/openid-configuration",
		"api-version":               "1.1",
		"metadata": []map[string]any{{
			"preferred_network": LoginHost,
			"preferred_cache":   "login.windows.net",
			"aliases":           []string{LoginHost, "login.windows.net", "login.microsoft.com", STSHost},
		}},
	})
}

// userRealm tells MSAL that users sign in here rather than at a federated
// identity provider.
func (a *Authority) userRealm(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	_, domain, _ := strings.Cut(name, "@")
	writeJSON(w, http.StatusOK, map[string]any{
		"ver": "1.0", "account_type": "Managed", "domain_name": domain,
		"cloud_instance_name": "microsoftonline.com", "cloud_audience_urn": "urn:federation:MicrosoftOnline",
	})
}

func (a *Authority) refuse(w http.ResponseWriter, r *http.Request, e *oauthError) {
	correlation := r.Header.Get("client-request-id")
	if correlation == "" {
		correlation = newUTI()
	}
	requests.SetRead(r.Context())
	writeJSON(w, e.status, e.answer(a.now(), correlation))
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store, no-cache")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller may have gone
}
