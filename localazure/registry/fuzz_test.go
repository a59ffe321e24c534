package registry

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func FuzzParsePath(f *testing.F) {
	for _, seed := range []string{
		"/v2/", "/v2", "/v2/_catalog", "/v2/a/tags/list", "/v2/a/b/manifests/1", "/v2/a/blobs/sha256:00", "/v2/a/blobs/uploads/",
		"/v2/a/blobs/uploads", "/v2/a/blobs/uploads/x", "/v2/blobs/uploads/manifests/manifests/x", "/v2//manifests/x", "/v3/", "//",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		got := parsePath(path)
		switch got.kind {
		case noKind, baseKind, catalogKind:
			if got.repository != "" || got.reference != "" {
				t.Errorf("parsePath(%q) = %+v", path, got)
			}
		default:
			if !strings.HasPrefix(path, "/v2/"+got.repository+"/") {
				t.Errorf("parsePath(%q) found repository %q", path, got.repository)
			}
		}
	})
}

func FuzzParseScope(f *testing.F) {
	for _, seed := range []string{
		"repository:a/b:pull,push", "registry:catalog:*", "repository:a:", "repository::pull", "::", "repository:host:5000/a:pull",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := parseScope(text)
		if !ok {
			return
		}
		again, ok := parseScope(got.String())
		if !ok || again.String() != got.String() || slices.Contains(got.Actions, "") {
			t.Errorf("parseScope(%q) = %v, which reads back as %v", text, got, again)
		}
	})
}

func FuzzParseImage(f *testing.F) {
	for _, seed := range []string{
		"a", "a:1", "a/b:1", "a@sha256:" + strings.Repeat("0", 64), "a:1@sha256:" + strings.Repeat("f", 64), "A:1", ":", "@", "a::", "../a",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseImage(text)
		if err != nil {
			return
		}
		again, err := parseImage(strings.TrimPrefix(got.on("host"), "host/"))
		if err != nil || again != got {
			t.Errorf("parseImage(%q) = %+v, which reads back as %+v, %v", text, got, again, err)
		}
		if !isRepository(got.repository) || strings.Contains(got.repository, "..") {
			t.Errorf("parseImage(%q) takes the repository %q", text, got.repository)
		}
	})
}

func FuzzParseManifest(f *testing.F) {
	const media = "application/vnd.oci.image.manifest.v1+json"
	f.Add(media, []byte(`{"schemaVersion":2,"config":{"digest":"sha256:00"},"layers":[]}`))
	f.Add("application/vnd.oci.image.index.v1+json", []byte(`{"schemaVersion":2,"manifests":[]}`))
	f.Add(media, []byte(`{"schemaVersion":2,"subject":{}}`))
	f.Fuzz(func(t *testing.T, mediaType string, content []byte) {
		m, err := parseManifest(mediaType, content)
		if err == nil && string(m.Content) != string(content) {
			t.Errorf("the manifest's bytes changed: %q", m.Content)
		}
	})
}

// Whatever is posted to the token endpoints, nobody gets a token for it.
func FuzzTokenEndpoints(f *testing.F) {
	f.Add("grant_type=access_token&service=contoso.azurecr.io&access_token=x", "Basic eDp5")
	f.Add("grant_type=refresh_token&service=contoso.azurecr.io&refresh_token=a.b.c&scope=repository:a:pull", "")
	f.Add("grant_type=password&username="+NullUser+"&password=e30.e30.&service=contoso.azurecr.io", "Bearer x")
	f.Add("%zz", "")
	service := newEmptyService(f)
	f.Fuzz(func(t *testing.T, body, authorization string) {
		for _, path := range []string{"/oauth2/exchange", "/oauth2/token"} {
			w := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodPost, "https://"+contoso+path, strings.NewReader(body))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Authorization", authorization)
			service.ServeHTTP(w, r)
			if w.Code != http.StatusBadRequest && w.Code != http.StatusUnauthorized {
				t.Errorf("POST %s with %q: status %d", path, body, w.Code)
			}
		}
	})
}
