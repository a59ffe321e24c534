package broker_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/broker"
	"github.com/kars-dev/kars/internal/broker/client"
	"github.com/kars-dev/kars/localazure/directory"
)

func TestU33TheControllerMakesAndDeletesAnIdentity(t *testing.T) {
	w := newWorld(t)
	first := w.sandbox("one")
	status, body := w.call("controller", http.MethodPut, "/v1/identities/kars/one", client.EnsureRequest{UID: "uid-one", DisplayName: "kars-new-one"})
	var again client.Identity
	must(t, json.Unmarshal(body, &again))
	want := client.Identity{AppID: first, ObjectID: first, DisplayName: "kars-new-one"}
	if diff := cmp.Diff(want, again); status != http.StatusOK || diff != "" {
		t.Errorf("asked again: %d (-want +got):\n%s", status, diff)
	}
	if status, body := w.call("controller", http.MethodDelete, "/v1/identities/kars/one?uid=uid-one", nil); status != http.StatusServiceUnavailable {
		t.Errorf("a living sandbox's identity: %d %s, want to be asked again later", status, body)
	}
	if status, _ := w.token("token-of-one"); status != http.StatusOK {
		t.Fatal("no token before the deletion")
	}
	must(t, w.cluster.Delete(t.Context(), &v1alpha1.KarsSandbox{ObjectMeta: metav1.ObjectMeta{Namespace: "kars", Name: "one"}}))
	for range 2 {
		if status, body := w.call("controller", http.MethodDelete, "/v1/identities/kars/one?uid=uid-one", nil); status != http.StatusNoContent {
			t.Errorf("deleting: %d %s, want 204 each time", status, body)
		}
	}
	must(t, w.tenant.Directory.View(func(tx *directory.Tx) error {
		_, found, err := tx.Object(first)
		if found {
			t.Error("the identity is still in the directory")
		}
		return err
	}))
}

func TestOnlyTheControllerManagesIdentities(t *testing.T) {
	ensure := client.EnsureRequest{UID: "uid-one", DisplayName: "x"}
	tests := map[string]struct {
		as     reviewed
		method string
		path   string
		body   any
		status int
	}{
		"a sandbox with the sandboxes' audience": {
			reviewed{user: "system:serviceaccount:kars-one-0a0b0c0d:sandbox", audiences: []string{broker.AudienceToken}},
			http.MethodPut, "/v1/identities/kars/one", ensure, 401,
		},
		"a sandbox with the controller's audience": {
			reviewed{user: "system:serviceaccount:kars-one-0a0b0c0d:sandbox", audiences: []string{broker.AudienceAdmin}},
			http.MethodPut, "/v1/identities/kars/one", ensure, 403,
		},
		"the broker itself": {
			reviewed{user: "system:serviceaccount:kars-system:kars-broker", audiences: []string{broker.AudienceAdmin}},
			http.MethodDelete, "/v1/identities/kars/one?uid=uid-one", nil, 403,
		},
		"the controller's name in another namespace": {
			reviewed{user: "system:serviceaccount:kars:kars-controller", audiences: []string{broker.AudienceAdmin}},
			http.MethodPut, "/v1/identities/kars/one", ensure, 403,
		},
		"the controller for a sandbox that does not exist": {
			reviewed{user: "system:serviceaccount:kars-system:kars-controller", audiences: []string{broker.AudienceAdmin}},
			http.MethodPut, "/v1/identities/kars/none", ensure, 404,
		},
		"the controller with the UID of an earlier sandbox": {
			reviewed{user: "system:serviceaccount:kars-system:kars-controller", audiences: []string{broker.AudienceAdmin}},
			http.MethodPut, "/v1/identities/kars/one",
			client.EnsureRequest{UID: "uid-before", DisplayName: "x"},
			404,
		},
		"a UID that breaks out of a filter": {
			reviewed{user: "system:serviceaccount:kars-system:kars-controller", audiences: []string{broker.AudienceAdmin}},
			http.MethodDelete, "/v1/identities/kars/one?uid=x'%20or%20true", nil, 400,
		},
		"a display name that is far too long": {
			reviewed{user: "system:serviceaccount:kars-system:kars-controller", audiences: []string{broker.AudienceAdmin}},
			http.MethodPut, "/v1/identities/kars/one",
			client.EnsureRequest{UID: "uid-one", DisplayName: strings.Repeat("a", 257)},
			400,
		},
		"a path that is not offered": {
			reviewed{user: "system:serviceaccount:kars-system:kars-controller", audiences: []string{broker.AudienceAdmin}},
			http.MethodGet, "/v1/identities", nil, 404,
		},
	}
	w := newWorld(t)
	w.sandbox("one")
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w.reviews["forged"] = tc.as
			if status, body := w.call("forged", tc.method, tc.path, tc.body); status != tc.status {
				t.Errorf("answer = %d %s, want %d", status, body, tc.status)
			}
		})
	}
}
