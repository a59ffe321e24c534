package agentid

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func FuzzParseTokenError(f *testing.F) {
	f.Add(400, []byte(`{"error":"invalid_client","error_description":"AADSTS700213: No matching federated identity record found.\r\nTrace ID: 1"}`))
	f.Add(400, []byte(`{"error":"invalid_request","error_description":"eyJhbGciOiJSUzI1NiJ9aaaaaa.eyJzdWIiOiJzZWNyZXQifQaaaa.sig"}`))
	f.Add(503, []byte(`<html>`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		e, ok := errors.AsType[*EntraError](parseTokenError(status, body))
		if !ok || strings.ContainsAny(e.Description, "\r\n") || len(e.Description) > maxDescription+3 || jwtLike.MatchString(e.Description) {
			t.Errorf("parseTokenError(%d, %q) = %#v", status, body, e)
		}
	})
}

func FuzzParseToken(f *testing.F) {
	f.Add([]byte(`{"access_token":"a","expires_in":3599}`))
	f.Add([]byte(`{"access_token":"a","expires_in":"3599"}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, body []byte) {
		started := time.Unix(1_700_000_000, 0)
		token, err := parseToken(body, started)
		if (err == nil) != (token.Value != "") {
			t.Errorf("parseToken(%q) = %v, %v", body, token, err)
		}
	})
}

func FuzzNextPath(f *testing.F) {
	f.Add("https://graph.microsoft.com/v1.0/servicePrincipals?$skiptoken=x")
	f.Add("https://elsewhere.example/")
	f.Add("%zz")
	f.Fuzz(func(t *testing.T, link string) {
		path, err := nextPath(link)
		if err == nil && !strings.HasPrefix(path, "/") {
			t.Errorf("nextPath(%q) = %q, want a path: the host is never the link's", link, path)
		}
	})
}

func FuzzParseGraphError(f *testing.F) {
	f.Add(403, []byte(`{"error":{"code":"Authorization_RequestDenied","message":"no"}}`))
	f.Add(500, []byte(``))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		e, ok := errors.AsType[*GraphError](parseGraphError(status, body))
		if !ok || e.Status != status {
			t.Errorf("parseGraphError(%d, %q) = %v", status, body, e)
		}
	})
}
