package registry

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/kars-dev/kars/localazure/entra"
)

func TestExchange(t *testing.T) {
	f := newFixture(t)
	f.principal("guest", "33333333-3333-4333-8333-333333333333")
	f.roles.assign(acrPull, "guest", registryID(contoso))
	for token, audience := range map[string]string{
		"for graph":    "https://graph.microsoft.com",
		"for registry": "https://containerregistry.azure.net",
	} {
		f.tokens[token] = entra.Claims{ObjectID: acrPull, TenantID: tenant, Audience: audience}
	}
	with := func(key, value string) url.Values {
		form := exchangeForm(contoso, acrPull)
		form.Set(key, value)
		return form
	}
	for name, tt := range map[string]struct {
		form url.Values
		want int
	}{
		"AcrPull gets a refresh token":                           {exchangeForm(contoso, acrPull), 200},
		"Reader covers pull/read":                                {exchangeForm(contoso, reader), 200},
		"a token for the registries' own audience will do":       {exchangeForm(contoso, "for registry"), 200},
		"no role at the registry, no token":                      {exchangeForm(contoso, "nobody"), 401},
		"a token for another service is refused":                 {exchangeForm(contoso, "for graph"), 401},
		"a token that Entra did not issue is refused":            {exchangeForm(contoso, "forged"), 401},
		"no token at all":                                        {exchangeForm(contoso, ""), 401},
		"a token of another tenant is refused":                   {exchangeForm(contoso, "guest"), 401},
		"the service must be this registry":                      {with("service", "fabrikam.azurecr.io"), 400},
		"the deprecated grant of Entra refresh tokens is absent": {with("grant_type", "refresh_token"), 400},
	} {
		t.Run(name, func(t *testing.T) {
			status, token := f.exchangeToken(contoso, tt.form)
			if status != tt.want || (token != "") != (tt.want == 200) {
				t.Errorf("status %d, want %d; token of %d bytes", status, tt.want, len(token))
			}
		})
	}
}

func TestAccessToken(t *testing.T) {
	f := newFixture(t)
	for name, tt := range map[string]struct {
		principal string
		asks      []string
		want      int
		access    []scope
	}{
		"AcrPull may pull": {
			acrPull,
			[]string{"repository:app:pull"},
			200,
			[]scope{{"repository", "app", []string{"pull"}}},
		},
		"AcrPull that asks to push may pull alone": {
			acrPull,
			[]string{"repository:app:pull,push"},
			200,
			[]scope{{"repository", "app", []string{"pull"}}},
		},
		"AcrPush may both": {
			acrPush,
			[]string{"repository:app:pull,push"},
			200,
			[]scope{{"repository", "app", []string{"pull", "push"}}},
		},
		"AcrDelete may not even pull": {acrDelete, []string{"repository:app:pull"}, 401, nil},
		"AcrPull may not delete":      {acrPull, []string{"repository:app:delete"}, 401, nil},
		"AcrPull lists the catalogue": {
			acrPull,
			[]string{"registry:catalog:*"},
			200,
			[]scope{{"registry", "catalog", []string{"*"}}},
		},
		"two scopes in one parameter are two": {
			acrPull,
			[]string{"repository:a:pull repository:b:pull"},
			200,
			[]scope{{"repository", "a", []string{"pull"}}, {"repository", "b", []string{"pull"}}},
		},
		"a wildcard is what the caller may do": {
			acrPush,
			[]string{"repository:app:*"},
			200,
			[]scope{{"repository", "app", []string{"pull", "push", "metadata_read"}}},
		},
		"no scope is a login":                {acrPull, nil, 200, nil},
		"a scope that is none opens nothing": {acrPull, []string{"repository:APP:pull"}, 200, nil},
	} {
		t.Run(name, func(t *testing.T) {
			status, raw := f.access(contoso, f.refresh(contoso, tt.principal), tt.asks...)
			if status != tt.want {
				t.Fatalf("status %d, want %d", status, tt.want)
			}
			if tt.want != http.StatusOK {
				return
			}
			s, err := f.signer()
			if err != nil {
				t.Fatal(err)
			}
			c, err := s.verify(raw, accessGrant, Registry{LoginServer: contoso}, f.clock)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.access, c.Access); diff != "" {
				t.Errorf("access (-want +got):\n%s", diff)
			}
		})
	}
}

// containerd posts the password first and asks with Basic authentication when
// that is refused; docker and go-containerregistry do one of the other two.
func TestClientsAskForAccessTokensInThreeWays(t *testing.T) {
	f := newFixture(t)
	refresh := f.refresh(contoso, acrPull)
	post := func(form url.Values) *http.Request {
		form.Set("service", contoso)
		form.Set("scope", "repository:app:pull")
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+contoso+"/oauth2/token", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return r
	}
	get := func(user, password string) *http.Request {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+contoso+"/oauth2/token?scope=repository%3Aapp%3Apull&service="+contoso, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth(user, password)
		return r
	}
	for name, tt := range map[string]struct {
		request *http.Request
		want    int
	}{
		"a form with the refresh token": {post(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}), 200},
		"a form with user and password": {
			post(url.Values{"grant_type": {"password"}, "client_id": {"containerd-client"}, "username": {NullUser}, "password": {refresh}}), 200,
		},
		"Basic authentication":           {get(NullUser, refresh), 200},
		"Basic with another user":        {get("admin", refresh), 401},
		"Basic with another password":    {get(NullUser, "x"), 401},
		"a form of another grant":        {post(url.Values{"grant_type": {"client_credentials"}}), 400},
		"a form without its token":       {post(url.Values{"grant_type": {"refresh_token"}}), 401},
		"a form with another's password": {post(url.Values{"grant_type": {"password"}, "username": {"admin"}, "password": {refresh}}), 401},
	} {
		t.Run(name, func(t *testing.T) {
			resp, err := f.client().Do(tt.request)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			if resp.StatusCode != tt.want {
				t.Errorf("status %d, want %d", resp.StatusCode, tt.want)
			}
		})
	}
}

func TestATokenIsGoodForItsPurposeAlone(t *testing.T) {
	f := newFixture(t)
	f.pushImage(contoso + "/app:1")
	f.roles.assign(acrPull, acrPull, registryID("fabrikam.azurecr.io"))
	refresh := f.refresh(contoso, acrPull)
	_, app := f.access(contoso, refresh, "repository:app:pull")
	_, other := f.access(contoso, refresh, "repository:other:pull")
	_, elsewhere := f.access("fabrikam.azurecr.io", f.refresh("fabrikam.azurecr.io", acrPull), "repository:app:pull")
	for name, tt := range map[string]struct {
		method, path, token string
		want                int
		challenge           string
	}{
		"it reads its repository":                {"GET", "/v2/app/manifests/1", app, 200, ""},
		"no token is answered with a challenge":  {"GET", "/v2/app/manifests/1", "", 401, `,scope="repository:app:pull"`},
		"the base path asks for any token":       {"GET", "/v2/", "", 401, ``},
		"the base path takes any token":          {"GET", "/v2/", other, 200, ""},
		"another repository's token":             {"GET", "/v2/app/manifests/1", other, 401, `,scope="repository:app:pull",error="insufficient_scope"`},
		"another registry's token":               {"GET", "/v2/app/manifests/1", elsewhere, 401, `,scope="repository:app:pull",error="invalid_token"`},
		"a refresh token is no access token":     {"GET", "/v2/app/manifests/1", refresh, 401, `,scope="repository:app:pull",error="invalid_token"`},
		"a token to pull does not push":          {"POST", "/v2/app/blobs/uploads/", app, 401, `,scope="repository:app:pull,push",error="insufficient_scope"`},
		"a token to pull does not delete":        {"DELETE", "/v2/app/manifests/1", app, 401, `,scope="repository:app:delete",error="insufficient_scope"`},
		"a token to pull does not list all":      {"GET", "/v2/_catalog", app, 401, `,scope="registry:catalog:*",error="insufficient_scope"`},
		"an access token does not buy another":   {"GET", "/oauth2/token?service=" + contoso, app, 401, ""},
		"a Basic password is not taken directly": {"GET", "/v2/app/tags/list", "", 401, `,scope="repository:app:pull"`},
	} {
		t.Run(name, func(t *testing.T) {
			resp := f.do(tt.method, "https://"+contoso+tt.path, tt.token, nil, "")
			if resp.StatusCode != tt.want {
				t.Errorf("status %d, want %d", resp.StatusCode, tt.want)
			}
			want := ""
			if tt.want == 401 && tt.path[:4] == "/v2/" {
				want = `Bearer realm="https://contoso.azurecr.io/oauth2/token",service="contoso.azurecr.io"` + tt.challenge
			}
			if diff := cmp.Diff(want, resp.Header.Get("Www-Authenticate")); diff != "" {
				t.Errorf("challenge (-want +got):\n%s", diff)
			}
		})
	}
}

func TestARoleThatIsTakenAwayEndsWithTheAccessToken(t *testing.T) {
	f := newFixture(t)
	f.pushImage(contoso + "/app:1")
	refresh := f.refresh(contoso, acrPull)
	_, token := f.access(contoso, refresh, "repository:app:pull")
	f.roles.in.Assignments = nil
	if status, _ := f.access(contoso, refresh, "repository:app:pull"); status != http.StatusUnauthorized {
		t.Errorf("a new access token without the role: status %d", status)
	}
	target := "https://" + contoso + "/v2/app/manifests/1"
	if resp := f.do(http.MethodGet, target, token, nil, ""); resp.StatusCode != http.StatusOK {
		t.Errorf("the access token from before: status %d", resp.StatusCode)
	}
	f.clock = f.clock.Add(accessLifetime + time.Second)
	if resp := f.do(http.MethodGet, target, token, nil, ""); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("the access token after its end: status %d", resp.StatusCode)
	}
}

func TestAnonymousPullIsRefused(t *testing.T) {
	f := newFixture(t)
	f.pushImage(contoso + "/app:1")
	if _, err := remote.Get(ref(t, contoso+"/app:1"), remote.WithTransport(f.transport())); err == nil {
		t.Error("pulled without credentials")
	}
}

func TestARegistryThatDoesNotExist(t *testing.T) {
	f := newFixture(t)
	resp := f.do(http.MethodGet, "https://nobody.azurecr.io/v2/", "", nil, "")
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("status %d, want 404", resp.StatusCode)
	}
}
