package localazure_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kars-dev/kars/localazure"
)

// admin asks the admin API over a Unix socket and returns the body.
func (w *world) admin(ctx context.Context, method, path, body string) string {
	w.Helper()
	socket := filepath.Join(w.TempDir(), "a.sock")
	ln, err := net.Listen("unix", socket)
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- w.server.ServeAdmin(ctx, ln) }()
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	req, err := http.NewRequestWithContext(ctx, method, "http://admin"+path, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		w.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		w.Fatal(err)
	}
	cancel()
	if err := <-served; err != nil {
		w.Errorf("serving the admin API: %v", err)
	}
	return string(raw)
}

func decode[T any](t *testing.T, text string) (out T) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return out
}

func TestAPrincipalIsMadeOnceAndAddedTo(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	made := decode[localazure.Credential](t, w.admin(ctx, "POST", "/principals", `{"name":"bot","type":"sp","roles":[{"role":"Reader"}]}`))
	if !made.New || made.Secret == "" {
		t.Fatalf("the first time: %+v, want a new credential", made)
	}
	path := w.subscription() + "/resourceGroups/g"
	if status, _ := w.do(made, "PUT", path, map[string]any{"location": "eastus2"}); status != http.StatusForbidden {
		t.Errorf("a reader creating a group: %d, want 403", status)
	}
	again := decode[localazure.Credential](t, w.admin(ctx, "POST", "/principals", `{"name":"bot","roles":[{"role":"Contributor"},{"role":"Reader"}]}`))
	if again.New || again.Secret != "" || again.ObjectID != made.ObjectID {
		t.Errorf("the second time: %+v, want the same principal without a secret", again)
	}
	if status, tree := w.do(made, "PUT", path, map[string]any{"location": "eastus2"}); status != http.StatusCreated {
		t.Errorf("a contributor creating a group: %d %v, want 201", status, tree)
	}
	status := decode[localazure.Status](t, w.admin(ctx, "GET", "/status", ""))
	if status.Principals["bot"] != made.ObjectID || status.Principals["owner"] != w.owner.ObjectID {
		t.Errorf("status names %v", status.Principals)
	}
}

func TestAPrincipalWithAnUnknownRoleIsNotMade(t *testing.T) {
	w := newWorld(t)
	answer := w.admin(context.Background(), "POST", "/principals", `{"name":"x","roles":[{"role":"Emperor"}]}`)
	if !strings.Contains(answer, `no built-in role is called \"Emperor\"`) {
		t.Errorf("answer %s", answer)
	}
	if _, there := decode[localazure.Status](t, w.admin(context.Background(), "GET", "/status", "")).Principals["x"]; there {
		t.Error("the principal is there")
	}
}

func TestStop(t *testing.T) {
	w := newWorld(t)
	for range 2 {
		w.admin(context.Background(), "POST", "/stop", "")
	}
	select {
	case <-w.server.Stopped():
	default:
		t.Error("Stopped is not closed")
	}
}
