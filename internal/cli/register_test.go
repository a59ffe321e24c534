package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/azure/cloud"
	"github.com/kars-dev/kars/internal/azure/credential"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/preflight"
	"github.com/kars-dev/kars/internal/report"
	"github.com/kars-dev/kars/localazure"
)

// ownerOf signs in as the owner of a local Azure in this process.
func ownerOf(t *testing.T) (*localazure.Server, *arm.Client, credential.Caller) {
	t.Helper()
	folder := t.TempDir()
	azure, err := localazure.Open(localazure.Options{Dir: t.TempDir(), Keep: func(c localazure.Credential) error {
		raw, err := json.Marshal(c)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(folder, c.Name+".json"), raw, 0o600)
	}})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- azure.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("serving the local Azure: %v", err)
		}
		if err := azure.Close(); err != nil {
			t.Errorf("closing the local Azure: %v", err)
		}
	})
	transport, err := cloud.Local(listener.Addr().String(), azure.CA())
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := credential.ForLocal(filepath.Join(folder, localazure.OwnerName+".json"), credential.Options{Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	caller, err := credential.Identify(t.Context(), tokens, cloud.Public)
	if err != nil {
		t.Fatal(err)
	}
	c, err := arm.New(tokens, arm.Options{Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	return azure, c, caller
}

func TestU18FixRegistersOnlyWhatIsMissing(t *testing.T) {
	azure, c, caller := ownerOf(t)
	sub := azure.SubscriptionID()
	p, err := plan.New(plan.Options{SubscriptionID: sub, TenantID: azure.TenantID(), MeshTrust: plan.TrustAnonymous})
	if err != nil {
		t.Fatal(err)
	}
	for path, version := range map[string]string{
		"Microsoft.KeyVault/unregister": "2021-04-01",
		"Microsoft.Features/providers/Microsoft.Compute/features/EncryptionAtHost/unregister": "2021-07-01",
	} {
		if err := c.Ask(t.Context(), arm.SubscriptionID(sub)+"/providers/"+path, version, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	var said bytes.Buffer
	a := &app{printer: report.New(report.Options{Out: &said, Err: &said})}
	o := preflight.Options{Plan: p, Caller: caller, ARM: c}
	before := preflight.Gather(t.Context(), o)
	if r := preflight.Decide(p, before); r.Verdict == preflight.Pass {
		t.Fatal("nothing is missing")
	}
	_, written := c.Counts()
	facts, err := a.fixed(t.Context(), o, &session{arm: c}, before)
	if err != nil {
		t.Fatal(err)
	}
	// The provider, the feature, and the feature's provider anew.
	if _, writes := c.Counts(); writes-written != 3 {
		t.Errorf("it wrote %d times, want 3", writes-written)
	}
	if r := preflight.Decide(p, facts); r.Verdict != preflight.Pass {
		t.Errorf("afterwards it is %s: %+v", r.Verdict, append(r.Of(preflight.Warn), r.Of(preflight.Unknown)...))
	}
	if !strings.Contains(said.String(), "registering Microsoft.KeyVault\n") {
		t.Errorf("it said %q", said.String())
	}
	_, written = c.Counts()
	if _, err := a.fixed(t.Context(), o, &session{arm: c}, facts); err != nil {
		t.Fatal(err)
	}
	if _, writes := c.Counts(); writes != written {
		t.Errorf("with nothing missing it wrote %d times", writes-written)
	}
}
