package broker_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	authentication "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/broker"
	"github.com/kars-dev/kars/internal/broker/client"
	"github.com/kars-dev/kars/localazure/directory"
	"github.com/kars-dev/kars/localazure/store"
)

var (
	podOne       = types.NamespacedName{Namespace: "kars-one-0a0b0c0d", Name: "one"}
	namespaceOne = types.NamespacedName{Name: "kars-one-0a0b0c0d"}
	sandboxOne   = types.NamespacedName{Namespace: "kars", Name: "one"}
)

func TestU23ASandboxGetsATokenOfItsOwnIdentityAndNoOther(t *testing.T) {
	w := newWorld(t)
	one, two := w.sandbox("one"), w.sandbox("two")
	for name, want := range map[string]string{"one": one, "two": two} {
		status, body := w.token("token-of-" + name)
		if status != http.StatusOK {
			t.Fatalf("%s: %d %s", name, status, body)
		}
		if got := w.appID(body); got != want {
			t.Errorf("%s got a token of %s, want its own %s", name, got, want)
		}
	}
	if one == two {
		t.Error("two sandboxes have one identity")
	}
}

// TestTheBrokerRefuses is every way to ask for what one may not have.
func TestTheBrokerRefuses(t *testing.T) {
	token := client.TokenRequest{Resource: model}
	user := "system:serviceaccount:kars-one-0a0b0c0d:sandbox"
	audience := []string{broker.AudienceToken}
	as := func(r reviewed) func(*world) { return func(w *world) { w.reviews["forged"] = r } }
	extra := func(m map[string]authentication.ExtraValue) reviewed {
		return reviewed{user: user, audiences: audience, extra: m}
	}
	tests := map[string]struct {
		prepare func(*world)
		token   string
		body    any
		status  int
		code    client.Code
	}{
		"no token":                     {token: "", body: token, status: 401, code: client.CodeUnauthenticated},
		"a token that is no token":     {token: "nonsense", body: token, status: 401, code: client.CodeUnauthenticated},
		"a token that is far too long": {token: strings.Repeat("a", 10<<10), body: token, status: 401, code: client.CodeUnauthenticated},
		"a token for the API server": {
			prepare: as(reviewed{user: user, audiences: []string{"https://kubernetes.default.svc"}, extra: bound("one", "pod-one", "clawpool-1")}),
			token:   "forged", body: token, status: 401, code: client.CodeUnauthenticated,
		},
		"the controller's token, which is for the other audience": {token: "controller", body: token, status: 401, code: client.CodeUnauthenticated},
		"a user who is no service account": {
			prepare: as(reviewed{user: "kubernetes-admin", audiences: audience, extra: bound("one", "pod-one", "clawpool-1")}),
			token:   "forged", body: token, status: 403, code: client.CodeForbidden,
		},
		"a token that is bound to nothing":   {prepare: as(extra(nil)), token: "forged", body: token, status: 403, code: client.CodeForbidden},
		"a token without a node":             {prepare: as(extra(bound("one", "pod-one", ""))), token: "forged", body: token, status: 403, code: client.CodeForbidden},
		"a token of an earlier pod's UID":    {prepare: as(extra(bound("one", "pod-before", "clawpool-1"))), token: "forged", body: token, status: 403, code: client.CodeForbidden},
		"a token from another node":          {prepare: as(extra(bound("one", "pod-one", "clawpool-2"))), token: "forged", body: token, status: 403, code: client.CodeForbidden},
		"a token of a pod that is not known": {prepare: as(extra(bound("none", "pod-none", "clawpool-1"))), token: "forged", body: token, status: 403, code: client.CodeForbidden},
		"another service account of the pod's namespace": {
			prepare: as(reviewed{user: "system:serviceaccount:kars-one-0a0b0c0d:default", audiences: audience, extra: bound("one", "pod-one", "clawpool-1")}),
			token:   "forged", body: token, status: 403, code: client.CodeForbidden,
		},
		"a pod of another namespace with the sandbox's names": {
			prepare: func(w *world) {
				w.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "foreign"}})
				w.create(&corev1.Pod{
					ObjectMeta: metav1.ObjectMeta{Namespace: "foreign", Name: "one", UID: "pod-foreign", Labels: map[string]string{v1alpha1.LabelSandboxUID: "uid-one"}},
					Spec:       corev1.PodSpec{NodeName: "clawpool-1", ServiceAccountName: "sandbox"},
				})
				w.reviews["forged"] = reviewed{user: "system:serviceaccount:foreign:sandbox", audiences: audience, extra: bound("one", "pod-foreign", "clawpool-1")}
			},
			token: "forged", body: token, status: 403, code: client.CodeForbidden,
		},
		"a namespace that wears a sandbox's labels": {
			prepare: func(w *world) {
				labels := map[string]string{
					v1alpha1.LabelRole: v1alpha1.RoleSandbox, v1alpha1.LabelSandbox: "one",
					v1alpha1.LabelSandboxNamespace: "kars", v1alpha1.LabelSandboxUID: "uid-one",
				}
				w.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "foreign", Labels: labels}})
				w.create(&corev1.Pod{
					ObjectMeta: metav1.ObjectMeta{Namespace: "foreign", Name: "one", UID: "pod-foreign", Labels: labels},
					Spec:       corev1.PodSpec{NodeName: "clawpool-1", ServiceAccountName: "sandbox"},
				})
				w.reviews["forged"] = reviewed{user: "system:serviceaccount:foreign:sandbox", audiences: audience, extra: bound("one", "pod-foreign", "clawpool-1")}
			},
			token: "forged", body: token, status: 403, code: client.CodeForbidden,
		},
		"a second pod in the sandbox's namespace": {
			prepare: func(w *world) {
				w.create(&corev1.Pod{
					ObjectMeta: metav1.ObjectMeta{Namespace: podOne.Namespace, Name: "other", UID: "pod-other", Labels: map[string]string{v1alpha1.LabelSandboxUID: "uid-one"}},
					Spec:       corev1.PodSpec{NodeName: "clawpool-1", ServiceAccountName: "sandbox"},
				})
				w.reviews["forged"] = extra(bound("other", "pod-other", "clawpool-1"))
			},
			token: "forged", body: token, status: 403, code: client.CodeForbidden,
		},
		"the token of a pod that is being deleted": {
			prepare: func(w *world) {
				must(w.t, w.cluster.Delete(w.t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: podOne.Namespace, Name: podOne.Name}}))
			},
			token: "token-of-one", body: token, status: 403, code: client.CodeForbidden,
		},
		"the token of a pod that has ended": {
			prepare: func(w *world) {
				pod := &corev1.Pod{}
				must(w.t, w.cluster.Get(w.t.Context(), podOne, pod))
				pod.Status.Phase = corev1.PodFailed
				must(w.t, w.cluster.Status().Update(w.t.Context(), pod))
			},
			token: "token-of-one", body: token, status: 403, code: client.CodeForbidden,
		},
		"the token of a pod that is gone": {
			prepare: func(w *world) {
				change(w, podOne, &corev1.Pod{}, func(p *corev1.Pod) { p.Finalizers = nil })
				must(w.t, w.cluster.Delete(w.t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: podOne.Namespace, Name: podOne.Name}}))
			},
			token: "token-of-one", body: token, status: 403, code: client.CodeForbidden,
		},
		"a sandbox that is being deleted": {
			prepare: func(w *world) {
				must(w.t, w.cluster.Delete(w.t.Context(), &v1alpha1.KarsSandbox{ObjectMeta: metav1.ObjectMeta{Namespace: "kars", Name: "one"}}))
			},
			token: "token-of-one", body: token, status: 403, code: client.CodeForbidden,
		},
		"a sandbox that is suspended": {
			prepare: func(w *world) {
				change(w, sandboxOne, &v1alpha1.KarsSandbox{}, func(s *v1alpha1.KarsSandbox) { s.Spec.Suspended = true })
			},
			token: "token-of-one", body: token, status: 403, code: client.CodeForbidden,
		},
		"a sandbox that was made anew under its name": {
			prepare: func(w *world) {
				change(w, namespaceOne, &corev1.Namespace{}, func(n *corev1.Namespace) { n.Labels[v1alpha1.LabelSandboxUID] = "uid-before" })
			},
			token: "token-of-one", body: token, status: 403, code: client.CodeForbidden,
		},
		"a status that names another sandbox's identity": {
			prepare: func(w *world) {
				var two v1alpha1.KarsSandbox
				must(w.t, w.cluster.Get(w.t.Context(), types.NamespacedName{Namespace: "kars", Name: "two"}, &two))
				one := &v1alpha1.KarsSandbox{}
				must(w.t, w.cluster.Get(w.t.Context(), sandboxOne, one))
				one.Status.AgentIdentity = two.Status.AgentIdentity
				must(w.t, w.cluster.Status().Update(w.t.Context(), one))
			},
			token: "token-of-one", body: token, status: 409, code: client.CodeConflict,
		},
		"a sandbox without an identity yet": {
			prepare: func(w *world) {
				one := &v1alpha1.KarsSandbox{}
				must(w.t, w.cluster.Get(w.t.Context(), sandboxOne, one))
				one.Status.AgentIdentity = nil
				must(w.t, w.cluster.Status().Update(w.t.Context(), one))
			},
			token: "token-of-one", body: token, status: 409, code: client.CodeIdentityPending,
		},
		"an identity that is disabled": {
			prepare: func(w *world) {
				var one v1alpha1.KarsSandbox
				must(w.t, w.cluster.Get(w.t.Context(), sandboxOne, &one))
				must(w.t, w.tenant.Directory.Update(func(tx *directory.Tx) error {
					_, err := tx.Patch(one.Status.AgentIdentity.ObjectID, store.Tree{"accountEnabled": false})
					return err
				}))
			},
			token: "token-of-one", body: token, status: 403, code: client.CodeForbidden,
		},
		"an identity in the request":     {token: "token-of-one", body: `{"resource":"` + model + `","appId":"x"}`, status: 400, code: client.CodeBadRequest},
		"two objects in one body":        {token: "token-of-one", body: `{"resource":"` + model + `"}{"resource":"y"}`, status: 400, code: client.CodeBadRequest},
		"a body that is no JSON":         {token: "token-of-one", body: `resource=x`, status: 400, code: client.CodeBadRequest},
		"a body that is far too long":    {token: "token-of-one", body: `{"resource":"` + strings.Repeat("a", 1<<20) + `"}`, status: 413, code: client.CodeBadRequest},
		"a resource that is not allowed": {token: "token-of-one", body: client.TokenRequest{Resource: "https://management.azure.com"}, status: 403, code: client.CodeResourceNotAllowed},
		"an exchange token, to act as the agent elsewhere": {
			prepare: func(w *world) {
				change(w, types.NamespacedName{Name: "default"}, &v1alpha1.KarsAuthConfig{}, func(c *v1alpha1.KarsAuthConfig) {
					c.Spec.DownstreamAPIs["Evil"] = v1alpha1.DownstreamAPI{BaseURL: "https://x", Scopes: []string{"api://AzureADTokenExchange/.default"}}
				})
			},
			token: "token-of-one", body: client.TokenRequest{Resource: "api://AzureADTokenExchange"}, status: 403, code: client.CodeResourceNotAllowed,
		},
		"no trust": {
			prepare: func(w *world) {
				must(w.t, w.cluster.Delete(w.t.Context(), &v1alpha1.KarsAuthConfig{ObjectMeta: metav1.ObjectMeta{Name: "default"}}))
			},
			token: "token-of-one", body: token, status: 409, code: client.CodeTrustNotReady,
		},
		"an authority that is not Entra's": {
			prepare: func(w *world) {
				change(w, types.NamespacedName{Name: "default"}, &v1alpha1.KarsAuthConfig{}, func(c *v1alpha1.KarsAuthConfig) {
					c.Spec.Tenant.AuthorityHost = "https://login.evil.example"
				})
			},
			token: "token-of-one", body: token, status: 409, code: client.CodeTrustNotReady,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.sandbox("one")
			w.sandbox("two")
			if tc.prepare != nil {
				tc.prepare(w)
			}
			status, body := w.call(tc.token, http.MethodPost, "/v1/token", tc.body)
			if status != tc.status || code(t, body) != tc.code {
				t.Errorf("answer = %d %s, want %d %s", status, body, tc.status, tc.code)
			}
			if strings.Contains(string(body), "eyJ") || strings.Contains(w.log.String(), "eyJ") {
				t.Error("a token in a refusal or in the log")
			}
		})
	}
}

func TestADisabledIdentityIsNoticedAfterAWhile(t *testing.T) {
	w := newWorld(t)
	id := w.sandbox("one")
	if status, body := w.token("token-of-one"); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	must(t, w.tenant.Directory.Update(func(tx *directory.Tx) error {
		_, err := tx.Patch(id, store.Tree{"accountEnabled": false})
		return err
	}))
	w.now = w.now.Add(11 * time.Minute)
	if status, body := w.token("token-of-one"); status != http.StatusForbidden {
		t.Errorf("eleven minutes later: %d %s, want a refusal", status, body)
	}
}

func TestAKnownIdentityOutlivesAnOutageOfGraph(t *testing.T) {
	w := newWorld(t)
	w.sandbox("one")
	w.sandbox("two")
	if status, _ := w.token("token-of-one"); status != http.StatusOK {
		t.Fatal("no token to begin with")
	}
	w.tenant.Override(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Host != "graph.microsoft.com" {
			return false
		}
		rw.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	w.now = w.now.Add(15 * time.Minute)
	if status, body := w.token("token-of-one"); status != http.StatusOK {
		t.Errorf("a sandbox that was known: %d %s, want a token", status, body)
	}
	if status, body := w.token("token-of-two"); status != http.StatusServiceUnavailable {
		t.Errorf("a sandbox that was never confirmed: %d %s, want a refusal", status, body)
	}
}
