package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/event"
	"github.com/kars-dev/kars/internal/journal"
	"github.com/kars-dev/kars/test/product"
)

// acknowledged is what has been answered with success: it may never be lost.
func acknowledged(t *testing.T, h *product.Home) []string {
	t.Helper()
	azure := h.Azure(t)
	subscriptions, err := azure.ARM.Subscriptions(t.Context())
	if err != nil || len(subscriptions) != 1 {
		t.Fatalf("subscriptions: %v, %v", subscriptions, err)
	}
	assignments, err := azure.ARM.RoleAssignments(t.Context(), "/subscriptions/"+subscriptions[0].ID, "")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, a := range assignments {
		out = append(out, a.ID)
	}
	var objects struct {
		Value []struct {
			ID string `json:"id"`
		} `json:"value"`
	}
	for _, collection := range []string{"applications", "servicePrincipals", "users"} {
		if err := azure.Graph.Do(t.Context(), http.MethodGet, "/v1.0/"+collection+"?$top=999", nil, &objects); err != nil {
			t.Fatal(err)
		}
		for _, o := range objects.Value {
			out = append(out, collection+"/"+o.ID)
		}
	}
	if len(out) < 10 {
		t.Fatalf("only %d things are there: %v", len(out), out)
	}
	slices.Sort(out)
	return out
}

func sandboxUID(t *testing.T, h *product.Home) string {
	t.Helper()
	sb := &v1alpha1.KarsSandbox{}
	if err := h.Kube(t).Client().Get(t.Context(), client.ObjectKey{Namespace: "kars", Name: assistant}, sb); err != nil {
		t.Fatal(err)
	}
	return string(sb.UID)
}

// azureKilled kills the local Azure right after a write that it acknowledged.
func azureKilled(t *testing.T, h *product.Home) {
	h.Must(t, "local", "principal", "add", "witness", "--role", "Reader@kars-eastus2")
	before, uid := acknowledged(t, h), sandboxUID(t, h)
	kill(t, product.Decode[product.LocalStatus](t, h.Must(t, "local", "status", "-o", "json")).PID)
	goesOn(t, h)
	sameThings(t, before, acknowledged(t, h))
	if got := sandboxUID(t, h); got != uid {
		t.Errorf("the sandbox is another one: %s, was %s", got, uid)
	}
}

// supervisorKilled kills the process whose end ends the whole cluster.
func supervisorKilled(t *testing.T, h *product.Home) {
	clusters := h.Clusters(t)
	if len(clusters) != 1 {
		t.Fatalf("there are %d clusters, want 1", len(clusters))
	}
	before, uid := acknowledged(t, h), sandboxUID(t, h)
	kill(t, clusters[0].PID)
	goesOn(t, h)
	sameThings(t, before, acknowledged(t, h))
	if got := sandboxUID(t, h); got != uid {
		t.Errorf("the sandbox is another one: %s, was %s", got, uid)
	}
	if again := h.Clusters(t); again[0].PID == clusters[0].PID {
		t.Error("the supervisor is still the one that was killed")
	}
}

func kill(t *testing.T, pid int) {
	t.Helper()
	if pid <= 1 {
		t.Fatalf("process %d is none to kill", pid)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// goesOn wants a run to end well, to make nothing anew, and an answer after it.
func goesOn(t *testing.T, h *product.Home) {
	t.Helper()
	doc := product.Decode[product.UpResult](t, h.Must(t, "up", "--local", "-o", "json"))
	for _, s := range doc.Steps {
		if s.Status != "unchanged" {
			t.Errorf("step %s is %s (%s), want it unchanged", s.ID, s.Status, s.Detail)
		}
	}
	answers(t, h, assistant)
}

func sameThings(t *testing.T, before, after []string) {
	t.Helper()
	for _, id := range before {
		if !slices.Contains(after, id) {
			t.Errorf("%s was acknowledged and is lost", id)
		}
	}
}

// A blow is a signal that a run gets within a step.
type blow struct {
	step string
	// landed says whether the step has begun to write; nil: it need not have.
	landed func(t *testing.T, h *product.Home, before int) bool
	signal syscall.Signal
	// azure is hit instead of the run.
	azure bool
}

func (b blow) String() string {
	what := map[syscall.Signal]string{syscall.SIGKILL: "kill -9", syscall.SIGINT: "Ctrl-C"}[b.signal]
	if b.azure {
		what += " of the local Azure"
	}
	return what + " in " + b.step
}

// blows hit every step of a run that makes everything.
func blows() []blow {
	return []blow{
		{step: "group", signal: syscall.SIGKILL},
		{step: "registration", signal: syscall.SIGKILL},
		{step: "foundation", signal: syscall.SIGKILL, landed: wroteToAzure},
		{step: "foundation", signal: syscall.SIGINT},
		{step: "grants", signal: syscall.SIGKILL, landed: wroteToAzure},
		{step: "cluster", signal: syscall.SIGKILL, landed: wroteToAzure},
		{step: "cluster", signal: syscall.SIGKILL, azure: true},
		{step: "images", signal: syscall.SIGKILL, landed: wroteToAzure},
		{step: "crds", signal: syscall.SIGKILL},
		{step: "trust", signal: syscall.SIGKILL},
		{step: "chart", signal: syscall.SIGKILL, landed: hasRoles},
		{step: "chart", signal: syscall.SIGINT},
		{step: "sandbox/" + assistant, signal: syscall.SIGKILL, landed: hasSandbox},
	}
}

// wroteToAzure says whether more than before writes to Azure were seen.
func wroteToAzure(t *testing.T, h *product.Home, before int) bool { return azureWrites(t, h) > before }

func hasRoles(t *testing.T, h *product.Home, _ int) bool {
	_, err := h.Kube(t).Clientset().RbacV1().ClusterRoles().Get(t.Context(), "kars-controller", metav1.GetOptions{})
	return err == nil
}

func hasSandbox(t *testing.T, h *product.Home, _ int) bool {
	return h.Kube(t).Client().Get(t.Context(), client.ObjectKey{Namespace: "kars", Name: assistant}, &v1alpha1.KarsSandbox{}) == nil
}

// azureWrites counts the writes that the local Azure has answered, -1 if it does
// not run. It asks the local Azure's own door, because a command would take
// longer than some steps.
func azureWrites(t *testing.T, h *product.Home) int {
	t.Helper()
	door := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", h.AdminSocket())
	}}}
	resp, err := door.Get("http://local/requests")
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT) {
		return -1
	}
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var all []struct {
		Write bool `json:"write"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, r := range all {
		if r.Write {
			n++
		}
	}
	return n
}

// strike starts a run, hits it in the step, and says whether it was hit there:
// a run may be faster than the test.
func (b blow) strike(t *testing.T, h *product.Home, args ...string) bool {
	t.Helper()
	earlier, _, err := journal.Last(h.Runs(), product.Context)
	if err != nil {
		t.Fatal(err)
	}
	// The steps before this one are done, so that the next write is its own. A
	// local Azure that was killed is counted from when the run has started it.
	before := azureWrites(t, h)
	run := h.Start(t, args...)
	hit := false
	for end := time.Now().Add(2 * time.Minute); !run.Ended() && !hit; {
		if time.Now().After(end) {
			t.Fatalf("the run has not come to %s", b.step)
		}
		switch now := stepOf(t, h, earlier.ID, b.step); {
		case !now.begun:
		case now.ended:
			// Too late. The run ends here all the same, so that the steps after
			// this one are still to be done when they are hit.
			run.Signal(t, syscall.SIGKILL)
			run.Wait(t)
			return false
		case b.landed == nil:
			hit = true
		case before < 0:
			before = azureWrites(t, h)
		default:
			hit = b.landed(t, h, before)
		}
	}
	return hit && b.hit(t, h, run, earlier.ID)
}

// hit sends the signal and looks what became of the run.
func (b blow) hit(t *testing.T, h *product.Home, run *product.Process, earlier string) bool {
	t.Helper()
	if b.azure {
		where, found, err := h.ReadAzure()
		if err != nil || !found {
			t.Fatalf("the local Azure does not run: %v", err)
		}
		kill(t, where.PID)
	} else {
		run.Signal(t, b.signal)
	}
	got := run.Wait(t)
	want := event.Failed
	if b.signal == syscall.SIGKILL && !b.azure {
		want = "" // nothing was written any more
	}
	if now := stepOf(t, h, earlier, b.step).status; now != want {
		return false // the step had ended before the signal came
	}
	switch {
	case b.azure:
		if got.Code != 1 || !strings.Contains(got.Stderr, "error: ") {
			t.Errorf("without its Azure the run ended with exit %d, want 1 and an error\n%s", got.Code, got.Stderr)
		}
	case b.signal == syscall.SIGKILL:
		if got.Code != -1 {
			t.Errorf("exit %d after kill -9\n%s", got.Code, got.Stderr)
		}
	default:
		doc := product.Decode[product.UpResult](t, got)
		if got.Code != 130 || doc.Error == nil || doc.Error.Code != "Interrupted" || doc.Error.Step != b.step {
			t.Errorf("exit %d after Ctrl-C, error %+v, want 130 and Interrupted in %s\n%s", got.Code, doc.Error, b.step, got.Stderr)
		}
	}
	return true
}

// progress is how far a step of a run has come.
type progress struct {
	begun, ended bool
	status       event.Status
}

// stepOf reads the journal of the run that came after an earlier one.
func stepOf(t *testing.T, h *product.Home, earlier, step string) progress {
	t.Helper()
	now, found, err := journal.Last(h.Runs(), product.Context)
	if err != nil {
		t.Fatal(err)
	}
	if !found || now.ID == earlier {
		return progress{}
	}
	for _, s := range now.Steps {
		if s.ID == step && !s.Started.IsZero() {
			return progress{begun: true, ended: s.Status != "", status: s.Status}
		}
	}
	return progress{}
}

// everyStepHit hits a run in each step; the next one goes on every time. What
// was missed is hit in a later run, when the step only looks whether it is done.
func everyStepHit(t *testing.T, h *product.Home) {
	h.Must(t, "local", "principal", "add", "deployer", "--role", "Contributor", "--role", "User Access Administrator")
	for _, b := range blows() {
		t.Run(b.String(), func(t *testing.T) {
			for range 5 {
				if b.strike(t, h, "up", "--local", "--as", "deployer", "-o", "json") {
					return
				}
				b.landed = nil
			}
			t.Errorf("no run was hit in %s", b.step)
		})
	}
}
