package router_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/kars-dev/kars/internal/agent"
	"github.com/kars-dev/kars/internal/broker/client"
	"github.com/kars-dev/kars/internal/router"
)

const endpoint = "https://acct.openai.azure.com"

// tokens is a token sidecar.
type tokens struct {
	mu  sync.Mutex
	err error
}

func (s *tokens) Token(_ context.Context, resource string) (client.Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return client.Token{AccessToken: "token-for-" + resource, ExpiresOn: time.Now().Add(time.Hour)}, s.err
}

func (s *tokens) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// world is a router between the real reference agent and a model endpoint.
type world struct {
	t       *testing.T
	tokens  *tokens
	agent   *httptest.Server // what the router sees of the agent
	inside  *httptest.Server // the router, as the agent sees it
	kubelet *httptest.Server // the router, as the kubelet sees it
	router  *router.Router

	mu    sync.Mutex
	model http.HandlerFunc
	seen  []*http.Request
	body  []string
}

func newWorld(t *testing.T, change func(*router.Options)) *world {
	t.Helper()
	w := &world{t: t, tokens: &tokens{}, model: reply("hello")}
	model := httptest.NewTLSServer(http.HandlerFunc(w.serveModel))
	t.Cleanup(model.Close)
	w.inside = httptest.NewUnstartedServer(nil)
	a, err := agent.New(agent.Options{BaseURL: "http://" + w.inside.Listener.Addr().String() + "/v1", Model: "gpt-4.1", Log: slog.New(slog.DiscardHandler)})
	must(t, err)
	w.agent = httptest.NewServer(a.Handler())
	t.Cleanup(w.agent.Close)
	o := router.Options{
		AgentURL: w.agent.URL, ModelEndpoint: endpoint, Deployment: "gpt-4.1", Tier: router.TierEntra, Tokens: w.tokens,
		Transport: dialing(model), Registry: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&o)
	}
	w.router, err = router.New(o)
	must(t, err)
	w.inside.Config.Handler = w.router.AgentHandler()
	w.inside.Start()
	t.Cleanup(w.inside.Close)
	w.kubelet = httptest.NewServer(w.router.KubeletHandler())
	t.Cleanup(w.kubelet.Close)
	return w
}

// dialing reaches the model under its own name.
func dialing(server *httptest.Server) *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if address != "acct.openai.azure.com:443" {
				return nil, fmt.Errorf("the router dialled %s", address)
			}
			var d net.Dialer
			return d.DialContext(ctx, network, server.Listener.Addr().String())
		},
		TLSClientConfig: &tls.Config{
			RootCAs:    server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs,
			ServerName: "example.com", MinVersion: tls.VersionTLS12,
		},
	}
}

func (w *world) serveModel(rw http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	w.mu.Lock()
	w.seen = append(w.seen, r)
	w.body = append(w.body, string(raw))
	h := w.model
	w.mu.Unlock()
	h(rw, r)
}

func (w *world) setModel(h http.HandlerFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.model = h
}

func (w *world) calls() ([]*http.Request, []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen, w.body
}

func reply(text string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		rw.Header().Set("Set-Cookie", "a=b")
		_, _ = fmt.Fprintf(rw, `{"choices":[{"message":{"role":"assistant","content":%q},"finish_reason":"stop"}]}`, text)
	}
}

// as sends a request as the agent would.
func (w *world) as(method, path, body string, header http.Header) (int, http.Header, string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.inside.URL+path, strings.NewReader(body))
	must(w.t, err)
	for k, v := range header {
		req.Header[k] = v
	}
	res, err := http.DefaultClient.Do(req)
	must(w.t, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	must(w.t, err)
	return res.StatusCode, res.Header, string(raw)
}

func failure(t *testing.T, body string) (code, message string) {
	t.Helper()
	var f struct {
		Error struct{ Code, Message string } `json:"error"`
	}
	must(t, json.Unmarshal([]byte(body), &f))
	return f.Error.Code, f.Error.Message
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestACallReachesTheModelWithTheSandboxsTokenAndNothingOfTheAgents(t *testing.T) {
	w := newWorld(t, nil)
	status, header, body := w.as(http.MethodPost, "/v1/chat/completions?api-version=evil", `{"model":"gpt-4.1","messages":[]}`, http.Header{
		"Authorization": {"Bearer agent"}, "Api-Key": {"agent"}, "Cookie": {"a"}, "X-Forwarded-For": {"1.2.3.4"},
		"X-Ms-Useragent": {"x"}, "Accept": {"application/json"}, "Connection": {"X-Evil"}, "X-Evil": {"x"},
	})
	if status != http.StatusOK || !strings.Contains(body, "hello") {
		t.Fatalf("answer = %d %s", status, body)
	}
	seen, bodies := w.calls()
	r := seen[0]
	got := []string{r.Method, r.Host, r.URL.String(), r.Header.Get("Authorization"), bodies[0]}
	want := []string{
		"POST", "acct.openai.azure.com", "/openai/v1/chat/completions", "Bearer token-for-https://cognitiveservices.azure.com",
		`{"messages":[],"model":"gpt-4.1"}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("at the model (-want +got):\n%s", diff)
	}
	for _, name := range []string{"Api-Key", "Cookie", "X-Forwarded-For", "X-Ms-Useragent", "X-Evil"} {
		if v := r.Header.Values(name); len(v) > 0 {
			t.Errorf("%s: %v reached the model", name, v)
		}
	}
	if header.Get("Set-Cookie") != "" {
		t.Error("a cookie of the model reached the agent")
	}
}

func TestTheAgentIsOfferedTwoPaths(t *testing.T) {
	w := newWorld(t, nil)
	tests := map[string]struct {
		method, path, body string
		status             int
		code               string
	}{
		"the list of models":                          {http.MethodGet, "/v1/models", "", 200, ""},
		"a chat without a model gets the sandbox's":   {http.MethodPost, "/v1/chat/completions", `{"messages":[]}`, 200, ""},
		"another model":                               {http.MethodPost, "/v1/chat/completions", `{"model":"o9"}`, 403, router.CodeModelNotAllowed},
		"the model named twice, the allowed one last": {http.MethodPost, "/v1/chat/completions", `{"model":"o9","model":"gpt-4.1"}`, 200, ""},
		"a data source that the service would search": {http.MethodPost, "/v1/chat/completions", `{"Data_Sources":[{"type":"elasticsearch","parameters":{"endpoint":"https://evil.example"}}]}`, 403, router.CodeReferenceNotAllowed},
		"a search of the web":                         {http.MethodPost, "/v1/chat/completions", `{"web_search_options":{}}`, 403, router.CodeReferenceNotAllowed},
		"a tool that the service would run":           {http.MethodPost, "/v1/chat/completions", `{"tools":[{"type":"function"},{"type":"mcp","server_url":"https://evil.example"}]}`, 403, router.CodeReferenceNotAllowed},
		"tools that are no list":                      {http.MethodPost, "/v1/chat/completions", `{"tools":{}}`, 400, router.CodeBadRequest},
		"a tool of the agent's own":                   {http.MethodPost, "/v1/chat/completions", `{"tools":[{"type":"function","function":{"name":"f","parameters":{"properties":{"url":{"type":"string"}}}}}]}`, 200, ""},
		"a picture to fetch":                          {http.MethodPost, "/v1/chat/completions", `{"messages":[{"role":"user","content":[{"type":"text","text":"x"},{"type":"image_url","image_url":{"url":"https://evil.example/?secret"}}]}]}`, 403, router.CodeReferenceNotAllowed},
		"a picture to fetch, named before a harmless": {http.MethodPost, "/v1/chat/completions", `{"messages":[{"content":[{"image_url":{"url":"https://evil.example"}}],"content":"x"}]}`, 403, router.CodeReferenceNotAllowed},
		"a picture to fetch, in short":                {http.MethodPost, "/v1/chat/completions", `{"messages":[{"content":[{"type":"image_url","Image_Url":"HTTP://evil.example"}]}]}`, 403, router.CodeReferenceNotAllowed},
		"a picture that comes along":                  {http.MethodPost, "/v1/chat/completions", `{"messages":[{"content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,aGk="}}]}]}`, 200, ""},
		"an address in a text":                        {http.MethodPost, "/v1/chat/completions", `{"messages":[{"role":"user","content":"what is https://example.com?"},{"role":"assistant","annotations":[{"url_citation":{"url":"https://example.com"}}]}]}`, 200, ""},
		"a model that is no text":                     {http.MethodPost, "/v1/chat/completions", `{"model":{}}`, 400, router.CodeBadRequest},
		"a body that is no object":                    {http.MethodPost, "/v1/chat/completions", `[]`, 400, router.CodeBadRequest},
		"null":                                        {http.MethodPost, "/v1/chat/completions", `null`, 400, router.CodeBadRequest},
		"a body that is far too long":                 {http.MethodPost, "/v1/chat/completions", `{"x":"` + strings.Repeat("a", 5<<20) + `"}`, 413, router.CodeBadRequest},
		"another operation":                           {http.MethodPost, "/v1/embeddings", `{}`, 404, router.CodeNotFound},
		"the deployment path":                         {http.MethodPost, "/openai/deployments/x/chat/completions", `{}`, 404, router.CodeNotFound},
		"the kubelet's paths":                         {http.MethodGet, "/metrics", "", 404, router.CodeNotFound},
		"another method":                              {http.MethodDelete, "/v1/models", "", 404, router.CodeNotFound},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			status, _, body := w.as(tc.method, tc.path, tc.body, nil)
			if status != tc.status {
				t.Fatalf("answer = %d %s, want %d", status, body, tc.status)
			}
			if tc.code != "" {
				if code, _ := failure(t, body); code != tc.code {
					t.Errorf("code = %s, want %s", code, tc.code)
				}
			}
		})
	}
	_, bodies := w.calls()
	for _, b := range bodies {
		if strings.Contains(b, "o9") {
			t.Errorf("another model reached the endpoint: %s", b)
		}
	}
}

func TestU35TheAnonymousTierCallsNoModel(t *testing.T) {
	w := newWorld(t, func(o *router.Options) { o.Tier, o.Tokens, o.ModelEndpoint = router.TierAnonymous, nil, "" })
	status, _, body := w.as(http.MethodPost, "/v1/chat/completions", `{}`, nil)
	if code, _ := failure(t, body); status != http.StatusForbidden || code != router.CodeAnonymousTier {
		t.Errorf("answer = %d %s", status, body)
	}
	if status, _, body := w.ready(); status != http.StatusOK {
		t.Errorf("readiness = %d %s: agent and router are up", status, body)
	}
}

func TestARefusalOfTheModelReachesWhoAsksWithItsCause(t *testing.T) {
	w := newWorld(t, nil)
	w.setModel(func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(rw, `{"error":{"code":"PermissionDenied","message":"Principal does not have access to API/Operation."}}`)
	})
	status, body := w.chat("hello")
	code, message := failure(t, body)
	if status != http.StatusBadGateway || code != router.CodeModelForbidden {
		t.Fatalf("answer = %d %s", status, body)
	}
	for _, part := range []string{"PermissionDenied", "Cognitive Services OpenAI User", "acct.openai.azure.com"} {
		if !strings.Contains(message, part) {
			t.Errorf("%q does not say %q", message, part)
		}
	}
}

func TestARefusalOfTheBrokerReachesWhoAsks(t *testing.T) {
	w := newWorld(t, nil)
	w.tokens.fail(fmt.Errorf("asking: %w", &client.Error{Code: client.CodeForbidden, Message: "the pod is being deleted"}))
	_, body := w.chat("hello")
	if code, message := failure(t, body); code != string(client.CodeForbidden) || !strings.Contains(message, "being deleted") {
		t.Errorf("answer = %s", body)
	}
	if seen, _ := w.calls(); len(seen) != 0 {
		t.Error("the model was called without a token")
	}
}

func TestAStreamPassesAsItComes(t *testing.T) {
	w := newWorld(t, nil)
	next := make(chan string)
	w.setModel(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/event-stream")
		for event := range next {
			_, _ = fmt.Fprintf(rw, "data: %s\n\n", event)
			_ = http.NewResponseController(rw).Flush()
		}
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.inside.URL+"/v1/chat/completions", strings.NewReader(`{"stream":true}`))
	must(t, err)
	arrived := make(chan *http.Response)
	go func() {
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Error(err)
			close(arrived)
			return
		}
		arrived <- res
	}()
	next <- "one"
	res, ok := <-arrived
	if !ok {
		t.FailNow()
	}
	defer res.Body.Close()
	lines := bufio.NewReader(res.Body)
	for _, event := range []string{"one", "two"} {
		if event == "two" {
			// The first one arrived before the second was sent.
			next <- event
		}
		line, err := lines.ReadString('\n')
		if err != nil || line != "data: "+event+"\n" {
			t.Fatalf("event = %q, %v; want %s", line, err, event)
		}
		_, _ = lines.ReadString('\n')
	}
	close(next)
}

// chat sends a message as a port-forward would.
func (w *world) chat(message string) (int, string) {
	w.t.Helper()
	body, err := json.Marshal(map[string]string{"message": message})
	must(w.t, err)
	res, err := http.Post(w.kubelet.URL+"/v1/chat", "application/json", strings.NewReader(string(body)))
	must(w.t, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	must(w.t, err)
	return res.StatusCode, string(raw)
}

func (w *world) ready() (int, bool, string) {
	w.t.Helper()
	res, err := http.Get(w.kubelet.URL + "/readyz")
	must(w.t, err)
	defer res.Body.Close()
	var state struct {
		Ready  bool   `json:"ready"`
		Reason string `json:"reason"`
	}
	must(w.t, json.NewDecoder(res.Body).Decode(&state))
	return res.StatusCode, state.Ready, state.Reason
}

func TestAMessageGoesThroughTheAgentToTheModelAndBack(t *testing.T) {
	w := newWorld(t, nil)
	if status, body := w.chat("say hello"); status != http.StatusOK || body != `{"reply":"hello"}`+"\n" {
		t.Errorf("answer = %d %s", status, body)
	}
	_, bodies := w.calls()
	if !strings.Contains(bodies[0], "say hello") {
		t.Errorf("the model was asked %s", bodies[0])
	}
}

func TestReadyMeansThatTheAgentReachedTheModelAsItself(t *testing.T) {
	w := newWorld(t, nil)
	w.setModel(func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(rw, `{"error":{"code":"PermissionDenied","message":"no"}}`)
	})
	if status, _, _ := w.ready(); status != http.StatusServiceUnavailable {
		t.Errorf("before any probe: %d", status)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); w.router.Prove(ctx) }()
	defer func() { stop(); <-done }()
	until(t, "the refusal shows", func() bool {
		status, _, reason := w.ready()
		return status == http.StatusServiceUnavailable && strings.Contains(reason, "PermissionDenied")
	})
	w.setModel(reply("ready"))
	until(t, "the role took effect", func() bool {
		status, ready, _ := w.ready()
		return status == http.StatusOK && ready
	})
	<-done
	w.agent.Close()
	if status, _, reason := w.ready(); status != http.StatusServiceUnavailable || !strings.Contains(reason, "agent") {
		t.Errorf("with the agent gone: %d %s", status, reason)
	}
}

func TestAnAgentThatMakesItsAnswersUpIsNotReady(t *testing.T) {
	made := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(rw, `{"reply":"ready"}`)
	}))
	defer made.Close()
	w := newWorld(t, func(o *router.Options) { o.AgentURL = made.URL })
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); w.router.Prove(ctx) }()
	defer func() { stop(); <-done }()
	until(t, "the reason shows", func() bool {
		status, _, reason := w.ready()
		return status == http.StatusServiceUnavailable && strings.Contains(reason, "without calling the model")
	})
}

// until waits for a condition.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestMessagesAreTakenOnLoopbackAlone(t *testing.T) {
	w := newWorld(t, nil)
	req := httptest.NewRequest(http.MethodPost, "/v1/chat", strings.NewReader(`{"message":"x"}`))
	for address, want := range map[string]int{"127.0.0.1:9090": 200, "[::1]:9090": 200, "10.1.2.3:9090": 404} {
		addr, err := net.ResolveTCPAddr("tcp", address)
		must(t, err)
		rec := httptest.NewRecorder()
		r := req.Clone(context.WithValue(req.Context(), http.LocalAddrContextKey, net.Addr(addr)))
		r.Body = io.NopCloser(strings.NewReader(`{"message":"x"}`))
		w.router.KubeletHandler().ServeHTTP(rec, r)
		if rec.Code != want {
			t.Errorf("at %s: %d %s, want %d", address, rec.Code, rec.Body, want)
		}
	}
}

func TestTheTokenTravelsToAzureAlone(t *testing.T) {
	options := func(endpoint string) router.Options {
		return router.Options{
			AgentURL: "http://127.0.0.1:8080", ModelEndpoint: endpoint, Deployment: "d", Tier: router.TierEntra, Tokens: &tokens{},
			Transport: http.DefaultTransport, Registry: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
		}
	}
	for endpoint, ok := range map[string]bool{
		"https://acct.openai.azure.com":              true,
		"https://ACCT.openai.azure.com/":             true,
		"https://acct.cognitiveservices.azure.com":   true,
		"https://acct.services.ai.azure.com":         true,
		"https://acct.openai.azure.us":               true,
		"http://acct.openai.azure.com":               false,
		"https://evil.example":                       false,
		"https://openai.azure.com":                   false,
		"https://evil-openai.azure.com":              false,
		"https://acct.openai.azure.com.evil.example": false,
		"https://acct.openai.azure.com:8443":         false,
		"https://evil.example/acct.openai.azure.com": false,
		"https://acct.openai.azure.com@evil.example": false,
		"https://user@acct.openai.azure.com":         false,
		"https://acct.openai.azure.com/?x=evil":      false,
		"https://a.b.openai.azure.com":               false,
		"":                                           false,
	} {
		if _, err := router.New(options(endpoint)); (err == nil) != ok {
			t.Errorf("%q: %v, want accepted = %v", endpoint, err, ok)
		}
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	w := newWorld(t, nil)
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		return l
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	kubelet := listen()
	go func() { done <- w.router.Serve(ctx, listen(), kubelet) }()
	until(t, "it serves", func() bool {
		res, err := http.Get("http://" + kubelet.Addr().String() + "/healthz")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	stop()
	if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("Serve = %v", err)
	}
}

func TestMetricsCountCalls(t *testing.T) {
	w := newWorld(t, nil)
	w.as(http.MethodPost, "/v1/chat/completions", `{}`, nil)
	res, err := http.Get(w.kubelet.URL + "/metrics")
	must(t, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	must(t, err)
	if want := `kars_inference_requests_total{path="/v1/chat/completions",status="200"} 1`; !strings.Contains(string(raw), want) {
		t.Errorf("metrics lack %s:\n%s", want, raw)
	}
}
