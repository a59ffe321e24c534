package agentid_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/internal/agentid"
	"github.com/kars-dev/kars/internal/tenanttest"
	"github.com/kars-dev/kars/localazure/directory"
	"github.com/kars-dev/kars/localazure/store"
)

func patchTx(id string, properties store.Tree) func(*directory.Tx) error {
	return func(t *directory.Tx) error {
		_, err := t.Patch(id, properties)
		return err
	}
}

func TestU33AnIdentityIsMadeOncePerSandbox(t *testing.T) {
	w := newWorld(t)
	var mu sync.Mutex
	ids := map[string]bool{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			id, err := w.directory.Ensure(t.Context(), "uid-1", "kars-test-one", "")
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			ids[id.ID] = true
		})
	}
	wg.Wait()
	if len(ids) != 1 {
		t.Errorf("eight callers at once made %d identities, want one", len(ids))
	}
	first := w.agent(t, "uid-1", "kars-test-one")
	second := w.agent(t, "uid-2", "kars-test-one")
	if !ids[first.ID] || ids[second.ID] {
		t.Error("the identity is not keyed by the UID: a name is no key")
	}
	if !hasTag(first.Tags, "kars-sandbox-uid:uid-1") || !hasTag(first.Tags, "kars-cluster-uid:cluster-1") || !hasTag(first.Tags, "kars-managed:true") {
		t.Errorf("tags = %v", first.Tags)
	}
}

func TestEnsureBringsBackTheDisplayName(t *testing.T) {
	w := newWorld(t)
	first := w.agent(t, "uid-1", "kars-test-one")
	renamed := w.agent(t, "uid-1", "kars-test-two")
	if renamed.ID != first.ID || renamed.DisplayName != "kars-test-two" {
		t.Errorf("renamed = %+v, want the same identity with the new name", renamed)
	}
	again, err := w.directory.Get(t.Context(), first.ID, "uid-1")
	if err != nil || again.DisplayName != "kars-test-two" {
		t.Errorf("the directory says %q, %v", again.DisplayName, err)
	}
}

// TestTheRecordedIdentityIsBelievedBeforeTheIndex: Graph's filters answer from
// an index that lags, and would make a second identity.
func TestTheRecordedIdentityIsBelievedBeforeTheIndex(t *testing.T) {
	w := newWorld(t)
	first := w.agent(t, "uid-1", "kars-test-one")
	w.Override(func(rw http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.RawQuery, "filter") {
			return false
		}
		_, _ = rw.Write([]byte(`{"value":[]}`))
		return true
	})
	got, err := w.directory.Ensure(t.Context(), "uid-1", "kars-test-one", first.ID)
	if err != nil || got.ID != first.ID {
		t.Errorf("Ensure = %s, %v; want the recorded %s", got.ID, err, first.ID)
	}
}

func TestAForeignIdentityIsNeverTaken(t *testing.T) {
	w := newWorld(t)
	mine := w.agent(t, "uid-1", "kars-test-one")
	_, otherCluster := w.act(t, w.blueprint, tenanttest.Broker, "cluster-2")
	other := w.Blueprint("kars-blueprint-other", w.sponsor)
	_, otherBlueprint := w.act(t, other, tenanttest.Broker, "cluster-1")
	tests := map[string]struct {
		d   *agentid.Directory
		uid string
	}{
		"another sandbox's":   {w.directory, "uid-2"},
		"another cluster's":   {otherCluster, "uid-1"},
		"another blueprint's": {otherBlueprint, "uid-1"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			// The other blueprint may not even read it; then Graph refuses.
			if _, err := tc.d.Get(t.Context(), mine.ID, tc.uid); err == nil {
				t.Error("Get returned an identity that belongs to someone else")
			}
			found, err := tc.d.Find(t.Context(), tc.uid)
			if err != nil || len(found) != 0 {
				t.Errorf("Find = %v, %v; want none", found, err)
			}
			deleted, err := tc.d.Delete(t.Context(), tc.uid, "")
			if err != nil || len(deleted) != 0 {
				t.Errorf("Delete = %v, %v; want none", deleted, err)
			}
		})
	}
	own, err := w.directory.Ensure(t.Context(), "uid-2", "kars-test-two", mine.ID)
	if err != nil || own.ID == mine.ID {
		t.Errorf("Ensure with another sandbox's recorded identity = %s, %v; want one of its own", own.ID, err)
	}
}

func TestASandboxOfAnEarlierBlueprintGetsANewIdentity(t *testing.T) {
	w := newWorld(t)
	old := w.agent(t, "uid-1", "kars-test-one")
	_, anew := w.act(t, w.Blueprint("kars-blueprint-anew", w.sponsor), tenanttest.Broker, "cluster-1")
	id, err := anew.Ensure(t.Context(), "uid-1", "kars-test-one", old.ID)
	if err != nil || id.ID == old.ID {
		t.Fatalf("Ensure = %s, %v; want a new identity", id.ID, err)
	}
	deleted, err := anew.Delete(t.Context(), "uid-1", old.ID)
	if diff := cmp.Diff([]string{id.ID}, deleted); err != nil || diff != "" {
		t.Errorf("deleted, %v (-want +got):\n%s", err, diff)
	}
}

func TestFindReadsEveryPageAndReturnsTheOldestFirst(t *testing.T) {
	w := newWorld(t)
	var want []string
	for range 130 {
		err := w.Directory.Update(func(tx *directory.Tx) error {
			o, err := tx.CreateAgentIdentity(w.blueprint, store.Tree{
				"displayName": "twin", "tags": []any{"kars-cluster-uid:cluster-1", "kars-sandbox-uid:uid-9"},
			}, []string{w.sponsor}, nil)
			want = append(want, o.ID)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	found, err := w.directory.Find(t.Context(), "uid-9")
	if err != nil || len(found) != len(want) {
		t.Fatalf("found %d, %v; want %d on two pages", len(found), err, len(want))
	}
	deleted, err := w.directory.Delete(t.Context(), "uid-9", "")
	if err != nil || len(deleted) != len(want) {
		t.Errorf("deleted %d, %v; want all twins", len(deleted), err)
	}
}

func TestDeleteFindsWhatTheIndexDoesNot(t *testing.T) {
	w := newWorld(t)
	id := w.agent(t, "uid-1", "kars-test-one")
	w.Override(func(rw http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.RawQuery, "filter") {
			return false
		}
		_, _ = rw.Write([]byte(`{"value":[]}`))
		return true
	})
	for _, want := range [][]string{{id.ID}, nil} {
		deleted, err := w.directory.Delete(t.Context(), "uid-1", id.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, deleted); diff != "" {
			t.Errorf("deleted (-want +got):\n%s", diff)
		}
	}
}

func TestU28TheBetaAPIIsAskedWhereV1DoesNotKnowTheType(t *testing.T) {
	w := newWorld(t)
	w.Override(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Host != "graph.microsoft.com" || !strings.HasPrefix(r.URL.Path, "/v1.0/") {
			return false
		}
		rw.WriteHeader(http.StatusBadRequest)
		_, _ = rw.Write([]byte(`{"error":{"code":"BadRequest","message":"Resource not found for the segment 'microsoft.graph.agentIdentity'."}}`))
		return true
	})
	if id := w.agent(t, "uid-1", "kars-test-one"); id.ID == "" {
		t.Error("no identity through beta")
	}
}

func TestASponsorMayBeAGroup(t *testing.T) {
	w := newWorld(t)
	var posts []string
	w.Override(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost || r.Host != "graph.microsoft.com" {
			return false
		}
		posts = append(posts, r.URL.Path)
		if len(posts) > 1 {
			return false
		}
		rw.WriteHeader(http.StatusBadRequest)
		_, _ = rw.Write([]byte(`{"error":{"code":"Request_BadRequest","message":"The reference does not point to a user."}}`))
		return true
	})
	if id := w.agent(t, "uid-1", "kars-test-one"); id.ID == "" || len(posts) != 2 {
		t.Errorf("identity %q after %d requests, want one after the general form of reference", id.ID, len(posts))
	}
}
