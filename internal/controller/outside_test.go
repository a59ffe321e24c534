package controller

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	brokerclient "github.com/kars-dev/kars/internal/broker/client"
)

// journal is what reached the broker and Azure, in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

func (j *journal) count(prefix string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := 0
	for _, l := range j.lines {
		if strings.HasPrefix(l, prefix) {
			n++
		}
	}
	return n
}

func (j *journal) since(n int) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.lines[min(n, len(j.lines)):])
}

func certificate(s *httptest.Server) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
}

const brokerToken = "broker-token"

// fakeBroker keeps identities by UID, as Entra does by tag.
type fakeBroker struct {
	*journal
	url, ca string

	mu         sync.Mutex
	identities map[string]brokerclient.Identity
	made       int
}

func newBroker(t *testing.T, log *journal) *fakeBroker {
	b := &fakeBroker{journal: log, identities: map[string]brokerclient.Identity{}}
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /v1/identities/{namespace}/{name}", b.ensure)
	mux.HandleFunc("DELETE /v1/identities/{namespace}/{name}", b.remove)
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+brokerToken {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	b.url, b.ca = s.URL, certificate(s)
	return b
}

func (b *fakeBroker) ensure(w http.ResponseWriter, r *http.Request) {
	var in brokerclient.EnsureRequest
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.UID == "" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.add("broker PUT " + r.PathValue("name"))
	id, ok := b.identities[in.UID]
	if !ok {
		b.made++
		app := uuid.NewString()
		id = brokerclient.Identity{AppID: app, ObjectID: app}
	}
	id.DisplayName = in.DisplayName
	b.identities[in.UID] = id
	_ = json.NewEncoder(w).Encode(id)
}

func (b *fakeBroker) remove(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.add("broker DELETE " + r.PathValue("name"))
	delete(b.identities, r.URL.Query().Get("uid"))
	w.WriteHeader(http.StatusNoContent)
}

func (b *fakeBroker) state() (kept, made int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.identities), b.made
}

// fakeAzure keeps role assignments by id and refuses on request.
type fakeAzure struct {
	*journal
	address, ca string

	mu          sync.Mutex
	assignments map[string]map[string]any
	refuse      func(r *http.Request) (status int, code string) // nil: nothing
}

func newAzure(t *testing.T, log *journal) *fakeAzure {
	a := &fakeAzure{journal: log, assignments: map[string]map[string]any{}}
	s := httptest.NewUnstartedServer(a)
	s.StartTLS()
	t.Cleanup(s.Close)
	// The certificate of httptest is for example.com; the names of Azure are
	// put into one of our own.
	a.address = s.Listener.Addr().String()
	s.TLS.Certificates[0], a.ca = issue(t, "management.azure.com")
	return a
}

func (a *fakeAzure) refusing(f func(r *http.Request) (int, string)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refuse = f
}

func (a *fakeAzure) all() []map[string]any {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []map[string]any
	for _, v := range a.assignments {
		out = append(out, v)
	}
	return out
}

func (a *fakeAzure) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	refuse := func(status int, code string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{"code": code, "message": code + " it is"}})
	}
	if r.Header.Get("Authorization") != "Bearer "+armToken || r.URL.Query().Get("api-version") != "2022-04-01" {
		refuse(http.StatusUnauthorized, "InvalidAuthenticationToken")
		return
	}
	a.add("azure " + r.Method)
	if a.refuse != nil {
		if status, code := a.refuse(r); code != "" {
			refuse(status, code)
			return
		}
	}
	id := r.URL.Path
	w.Header().Set("Content-Type", "application/json")
	switch r.Method {
	case http.MethodGet:
		if a.assignments[id] == nil {
			refuse(http.StatusNotFound, "RoleAssignmentNotFound")
			return
		}
		_ = json.NewEncoder(w).Encode(a.assignments[id])
	case http.MethodPut:
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			refuse(http.StatusBadRequest, "InvalidRequestContent")
			return
		}
		body["id"] = id
		a.assignments[id] = body
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(body)
	case http.MethodDelete:
		if a.assignments[id] == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		_ = json.NewEncoder(w).Encode(a.assignments[id])
		delete(a.assignments, id)
	}
}
