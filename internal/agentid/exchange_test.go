package agentid_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/internal/agentid"
	"github.com/kars-dev/kars/internal/tenanttest"
	"github.com/kars-dev/kars/localazure/store"
)

const (
	exchangeAudience = "api://AzureADTokenExchange"
	graphResource    = "https://graph.microsoft.com"
	modelResource    = "https://cognitiveservices.azure.com"
	tokenPath        = "POST login.microsoftonline.com/" + tenanttest.ID + "/oauth2/v2.0/token"
)

// world is a tenant with a blueprint and the broker's exchange.
type world struct {
	*tenanttest.Tenant
	sponsor   string
	blueprint string
	exchange  *agentid.Exchange
	directory *agentid.Directory
	clock     time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Tenant: tenanttest.New(t), clock: time.Now()}
	w.sponsor = w.User("sponsor").ID
	w.blueprint = w.Blueprint("kars-blueprint-test", w.sponsor)
	w.exchange, w.directory = w.act(t, w.blueprint, tenanttest.Broker, "cluster-1")
	return w
}

// act is an exchange and a directory of a blueprint, by a service account.
func (w *world) act(t *testing.T, blueprint, subject, cluster string) (*agentid.Exchange, *agentid.Directory) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(w.ServiceAccountToken(subject, exchangeAudience)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	options := policy.ClientOptions{Transport: w.Client, Retry: policy.RetryOptions{MaxRetries: -1}}
	e, err := agentid.NewExchange(agentid.ExchangeOptions{
		AuthorityHost: "https://login.microsoftonline.com", TenantID: tenanttest.ID, BlueprintID: blueprint,
		Assertion: agentid.AssertionFromFile(file), Client: options, Now: func() time.Time { return w.clock },
	})
	if err != nil {
		t.Fatal(err)
	}
	return e, agentid.NewDirectory(agentid.DirectoryOptions{
		Graph: agentid.NewGraphClient(graphResource, e, options), BlueprintID: blueprint, ClusterUID: cluster, Sponsors: []string{w.sponsor},
	})
}

func (w *world) agent(t *testing.T, uid, name string) agentid.Identity {
	t.Helper()
	id, err := w.directory.Ensure(t.Context(), uid, name, "")
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestU23AnAgentTokenNamesTheAgentAndItsBlueprint(t *testing.T) {
	w := newWorld(t)
	id := w.agent(t, "uid-1", "kars-test-one")
	token, err := w.exchange.AgentToken(t.Context(), id.AppID, modelResource)
	if err != nil {
		t.Fatal(err)
	}
	c, err := w.Authority.Verify(t.Context(), token.Value, modelResource)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{c.AppID, c.ObjectID, c.IdentityType, c.ParentAppID, c.TenantID}
	if diff := cmp.Diff([]string{id.AppID, id.AppID, "app", w.blueprint, tenanttest.ID}, got); diff != "" {
		t.Errorf("appid, oid, idtyp, parent, tid (-want +got):\n%s", diff)
	}
}

func TestTokensAreCachedUntilShortlyBeforeTheirEnd(t *testing.T) {
	w := newWorld(t)
	id := w.agent(t, "uid-1", "kars-test-one")
	ask := func() int {
		w.Requests()
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if _, err := w.exchange.AgentToken(t.Context(), id.AppID, modelResource); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		n := 0
		for _, r := range w.Requests() {
			if r == tokenPath {
				n++
			}
		}
		return n
	}
	if n := ask(); n != 2 {
		t.Errorf("eight callers at once made %d token requests, want the two hops", n)
	}
	if n := ask(); n != 0 {
		t.Errorf("a cached token was asked for %d times", n)
	}
	w.clock = w.clock.Add(23 * time.Hour)
	if n := ask(); n != 2 {
		t.Errorf("after the token's time %d requests, want two", n)
	}
	w.exchange.Forget(id.AppID)
	if n := ask(); n != 2 {
		t.Errorf("after Forget %d requests, want two", n)
	}
}

func TestARefusalByEntraIsTyped(t *testing.T) {
	w := newWorld(t)
	id := w.agent(t, "uid-1", "kars-test-one")
	other := w.Blueprint("kars-blueprint-other", w.sponsor)
	tests := map[string]struct {
		blueprint, subject, agent string
		cause                     error
	}{
		"another service account is not federated":    {w.blueprint, "system:serviceaccount:kars-one:sandbox", id.AppID, agentid.ErrNoFederatedCredential},
		"another blueprint's agent cannot be reached": {other, tenanttest.Broker, id.AppID, agentid.ErrNotFound},
		"an agent that does not exist":                {w.blueprint, tenanttest.Broker, "99999999-0000-4000-8000-000000000000", agentid.ErrNotFound},
		"a blueprint that does not exist":             {"99999999-0000-4000-8000-000000000000", tenanttest.Broker, id.AppID, agentid.ErrNotFound},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			e, _ := w.act(t, tc.blueprint, tc.subject, "cluster-1")
			_, err := e.AgentToken(t.Context(), tc.agent, modelResource)
			if !errors.Is(err, tc.cause) {
				t.Errorf("error = %v, want %v", err, tc.cause)
			}
			if err != nil && strings.Contains(err.Error(), "eyJ") {
				t.Errorf("the error quotes a token: %v", err)
			}
		})
	}
}

func TestADisabledAgentGetsNoToken(t *testing.T) {
	w := newWorld(t)
	id := w.agent(t, "uid-1", "kars-test-one")
	w.disable(t, id.ID)
	if _, err := w.exchange.AgentToken(t.Context(), id.AppID, modelResource); !errors.Is(err, agentid.ErrDisabled) {
		t.Errorf("error = %v, want %v", err, agentid.ErrDisabled)
	}
}

func TestTheTokenEndpointMayAnswerAnything(t *testing.T) {
	w := newWorld(t)
	id := w.agent(t, "uid-1", "kars-test-one")
	tests := map[string]struct {
		status      int
		body        string
		unreachable bool
	}{
		"an endless answer is cut off":            {200, strings.Repeat(" ", 1<<20) + `{"access_token":"x","expires_in":3600}`, false},
		"a page of HTML":                          {200, "<html>", false},
		"a token without an end":                  {200, `{"access_token":"x"}`, false},
		"a failure of the server is temporary":    {503, "", true},
		"throttling is temporary":                 {429, `{"error":"temporarily_unavailable"}`, true},
		"an error that quotes a token is cleaned": {400, `{"error":"invalid_request","error_description":"AADSTS50027: bad token eyJhbGciOiJSUzI1NiJ9aaaa.eyJzdWIiOiJzZWNyZXQifQaaaa.sig\r\nTrace ID: 1"}`, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w.Override(func(rw http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token") {
					return false
				}
				rw.WriteHeader(tc.status)
				_, _ = fmt.Fprint(rw, tc.body)
				return true
			})
			defer w.Override(nil)
			e, _ := w.act(t, w.blueprint, tenanttest.Broker, "cluster-1")
			_, err := e.AgentToken(t.Context(), id.AppID, modelResource)
			if err == nil || errors.Is(err, agentid.ErrUnreachable) != tc.unreachable {
				t.Errorf("error = %v, want one with temporary = %v", err, tc.unreachable)
			}
			if err != nil && (strings.Contains(err.Error(), "eyJ") || strings.Contains(err.Error(), "Trace ID")) {
				t.Errorf("error = %v, want neither token nor trace id", err)
			}
		})
	}
}

func TestACallerThatLeavesDoesNotEndTheRequestForOthers(t *testing.T) {
	w := newWorld(t)
	id := w.agent(t, "uid-1", "kars-test-one")
	arrived, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	w.Override(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token") {
			once.Do(func() { close(arrived); <-release })
		}
		return false
	})
	leaving, leave := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		_, err := w.exchange.AgentToken(leaving, id.AppID, modelResource)
		first <- err
	}()
	<-arrived
	second := make(chan error, 1)
	go func() {
		_, err := w.exchange.AgentToken(t.Context(), id.AppID, modelResource)
		second <- err
	}()
	leave()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("who left got %v, want %v", err, context.Canceled)
	}
	close(release)
	if err := <-second; err != nil {
		t.Errorf("who stayed got %v", err)
	}
}

func (w *world) disable(t *testing.T, id string) {
	t.Helper()
	if err := w.Directory.Update(patchTx(id, store.Tree{"accountEnabled": false})); err != nil {
		t.Fatal(err)
	}
}

func TestNewExchangeRefusesAnAuthorityWithoutTLS(t *testing.T) {
	_, err := agentid.NewExchange(agentid.ExchangeOptions{
		AuthorityHost: "http://login.microsoftonline.com", TenantID: "t", BlueprintID: "b",
		Assertion: agentid.AssertionFromFile("x"),
	})
	if err == nil {
		t.Error("the blueprint's proof would travel in the clear")
	}
}

func hasTag(tags []string, tag string) bool { return slices.Contains(tags, tag) }
