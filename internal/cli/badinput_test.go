package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kars-dev/kars/internal/azure/cloud"
	"github.com/kars-dev/kars/internal/azure/wire"
	"github.com/kars-dev/kars/internal/report"
	"github.com/kars-dev/kars/localazure"
)

// unwell is the way of a command to a local Azure in this process, and all that
// there is to reach: no request leaves it.
type unwell struct {
	azure   http.Handler
	instead func(*http.Request) (*http.Response, error) // lets Azure answer where it returns neither
	writes  atomic.Int32
}

func (u *unwell) RoundTrip(r *http.Request) (*http.Response, error) {
	if u.instead != nil {
		if resp, err := u.instead(r); resp != nil || err != nil {
			return resp, err
		}
	}
	if r.Method == http.MethodPut || r.Method == http.MethodPatch || r.Method == http.MethodDelete {
		u.writes.Add(1)
	}
	in := r.Clone(r.Context())
	in.RequestURI, in.RemoteAddr, in.Host = r.URL.RequestURI(), "127.0.0.1:1", r.URL.Host
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	u.azure.ServeHTTP(w, in)
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

// of answers the requests to a host, whose path has a part, always the same.
func of(host, part string, status int, retryAfter, body string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		if r.URL.Host != host || !strings.Contains(r.URL.Path, part) {
			return nil, nil //nolint:nilnil // Azure answers
		}
		header := http.Header{"Content-Type": {"application/json"}}
		if retryAfter != "" {
			header.Set("Retry-After", retryAfter)
		}
		return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	}
}

func noNetwork(r *http.Request) (*http.Response, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: r.URL.Hostname(), IsNotFound: true}}
}

const (
	armHost   = "management.azure.com"
	entraHost = "login.microsoftonline.com"
	graphHost = "graph.microsoft.com"
)

// job is a local Azure with an application that owns the subscription, and
// the environment of a job that is signed in as it.
func job(t *testing.T) (http.Handler, map[string]string) {
	t.Helper()
	var ci localazure.Credential
	azure, err := localazure.Open(localazure.Options{Dir: t.TempDir(), Keep: func(c localazure.Credential) error {
		ci = c
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = azure.Close() })
	if _, err := azure.PutPrincipal(localazure.Principal{Name: "ci", Type: "sp", Roles: []localazure.Role{{Role: "Owner"}}}); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{
		"AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential", "AZURE_TENANT_ID": ci.TenantID,
		"AZURE_CLIENT_ID": ci.ClientID, "AZURE_CLIENT_SECRET": ci.Secret, "KARS_HOME": t.TempDir(), "AZURE_CONFIG_DIR": t.TempDir(),
	}
	for name, value := range env {
		t.Setenv(name, value)
	}
	return azure.Handler(), env
}

// TestWhatKeepsACommandFromAskingIsOneLineAndItsFix has the real commands sign
// in as azidentity does and meet each of the ways in which Azure does not
// answer what was asked.
func TestWhatKeepsACommandFromAskingIsOneLineAndItsFix(t *testing.T) {
	azure, env := job(t)
	const slow = `{"error":{"code":"TooManyRequests","message":"Slow down."}}`
	tests := map[string]struct {
		unset   string // a variable
		args    []string
		instead func(*http.Request) (*http.Response, error)
		code    int
		line    string // is part of the one line
		fix     string // is part of what is below it
	}{
		"not signed in": {
			unset: "AZURE_CLIENT_ID", code: exitFailed, line: "no credential: ", fix: "az login",
		},
		"a secret that has run out": {
			instead: of(entraHost, "/token", 401, "", `{"error":"invalid_client","error_description":"AADSTS7000222: The provided client secret keys are expired.\r\nTrace ID: x"}`),
			code:    exitFailed, line: "AADSTS7000222: The provided client secret keys are expired.", fix: "az ad app credential reset",
		},
		"a sign-in that has run out": {
			instead: of(entraHost, "/token", 400, "", `{"error":"invalid_grant","error_description":"AADSTS700082: The refresh token has expired due to inactivity.\r\nTrace ID: x"}`),
			code:    exitFailed, line: "AADSTS700082: The refresh token has expired", fix: "az login",
		},
		"an expired token": {
			instead: of(armHost, "", 401, "", `{"error":{"code":"ExpiredAuthenticationToken","message":"The access token expiry UTC time is earlier than current UTC time."}}`),
			code:    exitFailed, line: "ExpiredAuthenticationToken", fix: "az login",
		},
		"the wrong tenant": {
			instead: of(armHost, "", 401, "", `{"error":{"code":"InvalidAuthenticationTokenTenant","message":"The access token is from the wrong issuer."}}`),
			code:    exitFailed, line: "InvalidAuthenticationTokenTenant", fix: "az login --tenant",
		},
		"an unknown subscription": {
			args: []string{"--subscription", "00000000-0000-0000-0000-000000000001"},
			code: exitFailed, line: "SubscriptionNotFound", fix: "az account list",
		},
		"throttled for longer than the checks may take": {
			instead: of(armHost, "", 429, "3600", slow),
			code:    exitFailed, line: "TooManyRequests: Slow down.", fix: "wait some minutes",
		},
		"Azure Resource Manager is down": {
			instead: of(armHost, "", 503, "", `{"error":{"code":"ServiceUnavailable","message":"Try again."}}`),
			code:    exitFailed, line: "ServiceUnavailable: Try again.", fix: "wait some minutes",
		},
		"a gateway's page": {
			instead: of(armHost, "", 502, "", "<html>\n<h1>Bad Gateway</h1>\n</html>"),
			code:    exitFailed, line: "Bad Gateway", fix: "wait some minutes",
		},
		"an answer that is no JSON": {
			instead: of(armHost, "", 200, "", "<html>\n<h1>Sign in to the network</h1>\n</html>"),
			code:    exitFailed, line: "is no JSON of the expected shape", fix: "proxy",
		},
		"Entra's answer is no JSON": {
			instead: of(entraHost, "/token", 502, "", "<html>\n<h1>Bad Gateway</h1>\n</html>"),
			code:    exitFailed, line: "Entra answered with status 502", fix: "wait some minutes",
		},
		"no network": {
			instead: noNetwork, code: exitFailed, line: "no such host", fix: "network",
		},
	}
	for name, tt := range tests {
		for _, command := range [][]string{{"preflight"}, {"up", "--dry-run"}, {"up"}} {
			t.Run(name+", "+strings.Join(command, " "), func(t *testing.T) {
				if tt.unset != "" {
					t.Setenv(tt.unset, "")
				}
				u := &unwell{azure: azure, instead: tt.instead}
				stdout, stderr, code := u.run(t, env, append(command, tt.args...))
				first, fixes, _ := strings.Cut(stderr, "\n")
				if code != tt.code || stdout != "" {
					t.Errorf("it ends with %d and prints %q, want %d and nothing", code, stdout, tt.code)
				}
				if !strings.HasPrefix(first, "error: ") || !strings.Contains(first, tt.line) || strings.Contains(fixes, "error:") || len(first) > 400 {
					t.Errorf("it says %q, want one line with %q", stderr, tt.line)
				}
				if !strings.Contains(fixes, tt.fix) {
					t.Errorf("it says %q, want the fix %q", stderr, tt.fix)
				}
				if n := u.writes.Load(); n != 0 {
					t.Errorf("it writes %d times", n)
				}
			})
		}
	}
}

// run runs a command of kars that reaches nothing but u.
func (u *unwell) run(t *testing.T, env map[string]string, args []string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs strings.Builder
	a := newApp(Streams{In: strings.NewReader(""), Out: &out, Err: &errs}, func(name string) string { return env[name] })
	a.images, a.retry = testImages, wire.Retry{Delay: time.Millisecond}
	a.reach = func(cloud.TransportOptions) (http.RoundTripper, error) { return u, nil }
	code = a.main(t.Context(), args)
	return out.String(), errs.String(), code
}

// TestU05AServiceThatIsDownLeavesAPartialReport: what came is decided, what did
// not is unknown and named, and the exit is what --fail-on says of that.
func TestU05AServiceThatIsDownLeavesAPartialReport(t *testing.T) {
	azure, env := job(t)
	const down = `{"error":{"code":"ServiceUnavailable","message":"Try again."}}`
	for name, tt := range map[string]struct {
		instead func(*http.Request) (*http.Response, error)
		says    string
	}{
		"Microsoft Graph is down":             {of(graphHost, "", 503, "", down), "reading your directory roles: ServiceUnavailable: Try again."},
		"Microsoft Graph throttles":           {of(graphHost, "", 429, "3600", down), "reading your directory roles: "},
		"Microsoft Graph's answer is no JSON": {of(graphHost, "", 200, "", "<html>"), "the answer is no JSON of the expected shape"},
		"Microsoft.Compute is down":           {of(armHost, "/Microsoft.Compute/", 503, "", down), "reading the vCPU quotas in eastus2: ServiceUnavailable: Try again."},
		"Microsoft.Authorization throttles":   {of(armHost, "/Microsoft.Authorization/", 429, "3600", down), "reading your permissions at "},
	} {
		t.Run(name, func(t *testing.T) {
			u := &unwell{azure: azure, instead: tt.instead}
			for gate, want := range map[string]int{"error": 0, "unknown": exitUnknown} {
				stdout, stderr, code := u.run(t, env, []string{"preflight", "--mesh-trust", "entra", "--fail-on", gate})
				if code != want || strings.Contains(stderr, "error:") {
					t.Errorf("--fail-on %s ends with %d and says %q, want %d", gate, code, stderr, want)
				}
				if !strings.Contains(stdout, "could not be decided:") || !strings.Contains(stdout, tt.says) || !strings.Contains(stdout, "requests: unknown") {
					t.Errorf("the report does not say %q: %s", tt.says, stdout)
				}
			}
		})
	}
}

// TestU05WhatIsNeverAnsweredEndsAtTheDeadline holds the command's own questions
// to the deadline of the checks.
func TestU05WhatIsNeverAnsweredEndsAtTheDeadline(t *testing.T) {
	s := &session{deadline: time.Now().Add(time.Millisecond)}
	hangs := func(ctx context.Context) error {
		<-ctx.Done()
		return fmt.Errorf("listing subscriptions: %w", ctx.Err())
	}
	var stderr strings.Builder
	a := &app{printer: report.New(report.Options{Out: io.Discard, Err: &stderr})}
	if code := a.exit(t.Context(), s.inTime(t.Context(), hangs)); code != exitTimeout {
		t.Errorf("it ends with %d, want %d", code, exitTimeout)
	}
	if !strings.HasPrefix(stderr.String(), "error: no answer within 30s: listing subscriptions: ") {
		t.Errorf("it says %q", stderr.String())
	}
	ended, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	<-ended.Done()
	if err := s.inTime(ended, hangs); errors.As(err, new(*unansweredError)) {
		t.Errorf("the caller's own --timeout ends with %v", err)
	}
}
