package kube_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kars-dev/kars/charts"
	"github.com/kars-dev/kars/internal/event"
	"github.com/kars-dev/kars/internal/kube"
)

func configMap(name string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Data:       data,
	}
}

func applied(t *testing.T, k *kube.Client, want event.Status, objs ...client.Object) {
	t.Helper()
	if got, err := k.Apply(t.Context(), objs...); err != nil || got != want {
		t.Fatalf("Apply: %s, %v; want %s", got, err, want)
	}
}

func TestApplyWritesOnlyWhatDiffers(t *testing.T) {
	k := newKube(t)
	applied(t, k, event.Created, configMap("apply", map[string]string{"a": "1", "b": "2"}))
	_, before := k.Counts()
	applied(t, k, event.Unchanged, configMap("apply", map[string]string{"a": "1", "b": "2"}))
	if _, after := k.Counts(); after != before {
		t.Errorf("an unchanged object took %d writes", after-before)
	}

	applied(t, k, event.Updated, configMap("apply", map[string]string{"a": "1"}))
	live := &corev1.ConfigMap{}
	if err := k.Client().Get(t.Context(), client.ObjectKeyFromObject(configMap("apply", nil)), live); err != nil {
		t.Fatal(err)
	}
	if _, there := live.Data["b"]; there {
		t.Error("a key that is no longer wanted is still there")
	}

	live.Data["a"] = "drifted"
	live.Data["c"] = "somebody else's"
	if err := k.Client().Update(t.Context(), live); err != nil {
		t.Fatal(err)
	}
	applied(t, k, event.Updated, configMap("apply", map[string]string{"a": "1"}))
	if err := k.Client().Get(t.Context(), client.ObjectKeyFromObject(live), live); err != nil {
		t.Fatal(err)
	}
	if live.Data["a"] != "1" || live.Data["c"] != "somebody else's" {
		t.Errorf("data is %v, want ours repaired and the other's left", live.Data)
	}
}

func TestDefinitionsAreAppliedOnce(t *testing.T) {
	k := newKube(t)
	crds, err := charts.Definitions()
	if err != nil {
		t.Fatal(err)
	}
	var objs []client.Object
	for _, crd := range crds {
		objs = append(objs, crd)
	}
	// The API server of this test has them already, from somebody else.
	applied(t, k, event.Updated, objs...)
	_, before := k.Counts()
	applied(t, k, event.Unchanged, objs...)
	if _, after := k.Counts(); after != before {
		t.Errorf("definitions that are there took %d writes", after-before)
	}
}

func TestReviewsAndDryRunsAreReads(t *testing.T) {
	k := newKube(t)
	_, before := k.Counts()
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "get", Resource: "pods"},
	}}
	if err := k.Client().Create(t.Context(), review); err != nil {
		t.Fatal(err)
	}
	if err := k.Client().Create(t.Context(), configMap("dry", nil), client.DryRunAll); err != nil {
		t.Fatal(err)
	}
	reads, after := k.Counts()
	if after != before || reads == 0 {
		t.Errorf("%d writes and %d reads, want no write", after-before, reads)
	}
}

func TestWaitSeesThePresentAndWhatComes(t *testing.T) {
	k := newKube(t)
	obj := configMap("wait", map[string]string{"state": "old"})
	ended := make(chan error, 1)
	var seen []string
	first := make(chan struct{})
	go func() {
		ended <- k.Wait(t.Context(), obj.DeepCopy(), func(live client.Object) (bool, error) {
			state := "absent"
			if m, ok := live.(*corev1.ConfigMap); ok {
				state = m.Data["state"]
			}
			if len(seen) == 0 {
				close(first)
			}
			seen = append(seen, state)
			return state == "new", nil
		})
	}()
	<-first
	applied(t, k, event.Created, obj)
	applied(t, k, event.Updated, configMap("wait", map[string]string{"state": "new"}))
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if seen[0] != "absent" || seen[len(seen)-1] != "new" {
		t.Errorf("seen %v, want absent first and new last", seen)
	}

	go func() { ended <- k.WaitGone(t.Context(), obj.DeepCopy()) }()
	if err := k.Client().Delete(t.Context(), obj); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("waiting for the object to be gone: %v", err)
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	k := newKube(t)
	cause := errors.New("out of time")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 200*time.Millisecond, cause)
	defer cancel()
	err := k.Wait(ctx, configMap("never", nil), func(client.Object) (bool, error) { return false, nil })
	if !errors.Is(err, cause) {
		t.Errorf("error is %v, want the context's cause", err)
	}
	failure := errors.New("it will never be")
	err = k.Wait(t.Context(), configMap("never", nil), func(client.Object) (bool, error) { return false, failure })
	if !errors.Is(err, failure) {
		t.Errorf("error is %v, want the one that was returned", err)
	}
}

func TestNewRefusesWhatIsNoKubeconfig(t *testing.T) {
	for name, raw := range map[string]string{
		"nothing":    "",
		"no YAML":    "\t{",
		"no context": "apiVersion: v1\nkind: Config\ncurrent-context: x\n",
	} {
		if _, err := kube.New([]byte(raw), kube.Options{}); err == nil || !strings.HasPrefix(err.Error(), "reading the kubeconfig") {
			t.Errorf("%s: %v, want an error about the kubeconfig", name, err)
		}
	}
}

func TestForwardingToAPodThatIsNotThereSaysWhich(t *testing.T) {
	k := newKube(t)
	_, _, err := k.PortForward(t.Context(), "default", "nobody", 9090)
	if err == nil || !strings.Contains(err.Error(), "default/nobody") {
		t.Errorf("error is %v, want one that names the pod", err)
	}
}
