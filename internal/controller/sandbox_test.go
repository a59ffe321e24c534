package controller

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/sandbox"
)

func TestU23U33SandboxGetsIdentityRoleAndPod(t *testing.T) {
	w := newWorld(t)
	w.trust()
	sb := w.sandbox("whole", nil)
	pod := w.pod(sb, nil)
	if got := containers(pod); got != "guard token router" {
		t.Errorf("init containers are %q, want guard, token and router", got)
	}
	w.run(pod)
	got := w.phase(sb, v1alpha1.PhaseRunning)

	if want := "kars-prod-whole"; got.Status.AgentIdentity == nil || got.Status.AgentIdentity.DisplayName != want {
		t.Fatalf("agent identity is %+v, want %s", got.Status.AgentIdentity, want)
	}
	for _, kind := range []string{v1alpha1.ConditionIdentityReady, v1alpha1.ConditionAccessGranted, v1alpha1.ConditionPodReady, v1alpha1.ConditionReady} {
		if !meta.IsStatusConditionTrue(got.Status.Conditions, kind) {
			t.Errorf("condition %s is not true: %+v", kind, got.Status.Conditions)
		}
	}
	want := []map[string]any{{
		"id": roleAssignmentID(got.UID, v1alpha1.GrantedRole{Scope: account, RoleDefinitionID: openAI, PrincipalID: got.Status.AgentIdentity.ObjectID}),
		"properties": map[string]any{
			"principalId":      got.Status.AgentIdentity.ObjectID,
			"principalType":    "ServicePrincipal",
			"roleDefinitionId": "/subscriptions/33333333-2222-3333-4444-555555555555/providers/Microsoft.Authorization/roleDefinitions/" + openAI,
		},
	}}
	if diff := cmp.Diff(want, w.azure.all()); diff != "" {
		t.Errorf("role assignments (-want +got):\n%s", diff)
	}
	if n := w.broker.count("broker PUT"); n != 1 {
		t.Errorf("the broker was asked %d times, want once: the answer is remembered", n)
	}
}

func TestU35WithoutTrustASandboxRunsAnonymouslyUntilThereIs(t *testing.T) {
	w := newWorld(t)
	sb := w.sandbox("nobody", nil)
	pod := w.pod(sb, nil)
	if got := containers(pod); got != "guard router" {
		t.Errorf("init containers are %q, want guard and router", got)
	}
	w.run(pod)
	got := w.phase(sb, v1alpha1.PhaseRunning)
	if got.Status.Tier != v1alpha1.TierAnonymous || got.Status.AgentIdentity != nil {
		t.Errorf("status is %+v, want the anonymous tier", got.Status)
	}
	if c := meta.FindStatusCondition(got.Status.Conditions, v1alpha1.ConditionIdentityReady); c == nil || c.Reason != reasonTrustNotSetUp {
		t.Errorf("condition IdentityReady is %+v, want the reason %s", c, reasonTrustNotSetUp)
	}

	config := w.trust()
	pod = w.pod(sb, func(p *corev1.Pod) bool { return p.UID != pod.UID })
	if got := containers(pod); got != "guard token router" {
		t.Errorf("init containers after trust are %q", got)
	}
	w.run(pod)
	w.until(sb, "the entra tier", func(sb *v1alpha1.KarsSandbox) bool {
		return sb.Status.Tier == v1alpha1.TierEntra && sb.Status.Phase == v1alpha1.PhaseRunning && sb.Status.AgentIdentity != nil
	})

	// An identity cannot go without the trust it came from; it is not
	// forgotten either.
	if err := w.client.Delete(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	w.reason(sb, v1alpha1.ConditionIdentityReady, reasonTrustNotSetUp)
	if err := w.client.Delete(t.Context(), sb); err != nil {
		t.Fatal(err)
	}
	w.until(sb, "the missing trust to be said", func(sb *v1alpha1.KarsSandbox) bool {
		c := meta.FindStatusCondition(sb.Status.Conditions, v1alpha1.ConditionReady)
		return c != nil && strings.Contains(c.Message, "kars mesh setup-trust")
	})
	w.trust()
	w.gone(sb)
	if kept, _ := w.broker.state(); kept != 0 {
		t.Error("the identity is left")
	}
}

func TestADeletedSandboxLeavesNothing(t *testing.T) {
	w := newWorld(t)
	w.trust()
	sb := w.sandbox("short", nil)
	w.run(w.pod(sb, nil))
	w.phase(sb, v1alpha1.PhaseRunning)
	before := len(w.broker.since(0))

	// As long as the role cannot be taken away, the sandbox stays and says so.
	w.azure.refusing(func(r *http.Request) (int, string) {
		if r.Method == http.MethodDelete {
			return http.StatusConflict, "ScopeLocked"
		}
		return 0, ""
	})
	if err := w.client.Delete(t.Context(), sb); err != nil {
		t.Fatal(err)
	}
	got := w.until(sb, "the lock to be said", func(sb *v1alpha1.KarsSandbox) bool {
		c := meta.FindStatusCondition(sb.Status.Conditions, v1alpha1.ConditionReady)
		return c != nil && strings.Contains(c.Message, "ScopeLocked")
	})
	if got.Status.Phase != v1alpha1.PhaseTerminating {
		t.Errorf("phase is %s, want Terminating", got.Status.Phase)
	}
	if kept, _ := w.broker.state(); kept != 1 {
		t.Error("the identity went before its roles")
	}
	w.azure.refusing(nil)
	w.gone(sb)

	if kept, _ := w.broker.state(); kept != 0 || len(w.azure.all()) != 0 {
		t.Errorf("%d identities and %d role assignments are left", kept, len(w.azure.all()))
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: sandbox.Namespace(sb.Namespace, sb.Name)}}
	if err := w.client.Get(t.Context(), client.ObjectKeyFromObject(ns), ns); !apierrors.IsNotFound(err) {
		t.Errorf("the namespace is left: %v", err)
	}
	after := w.broker.since(before)
	if last := after[len(after)-1]; last != "broker DELETE short" || !slices.Contains(after, "azure DELETE") {
		t.Errorf("deleted in the order %v, want role assignments before the identity", after)
	}
}

func TestALostStatusCreatesNothingTwice(t *testing.T) {
	w := newWorld(t)
	w.trust()
	sb := w.sandbox("lost", nil)
	pod := w.pod(sb, nil)
	w.run(pod)
	first := w.phase(sb, v1alpha1.PhaseRunning)

	w.stop()
	lost := first.DeepCopy()
	lost.Status = v1alpha1.KarsSandboxStatus{}
	if err := w.client.Status().Update(t.Context(), lost); err != nil {
		t.Fatal(err)
	}
	w.start()
	second := w.phase(sb, v1alpha1.PhaseRunning)
	if diff := cmp.Diff(first.Status.AgentIdentity, second.Status.AgentIdentity); diff != "" {
		t.Errorf("identity after the loss (-before +after):\n%s", diff)
	}
	if _, made := w.broker.state(); made != 1 {
		t.Errorf("%d identities were made, want one", made)
	}
	if n := w.azure.count("azure PUT"); n != 1 {
		t.Errorf("%d role assignments were written, want one", n)
	}
	if same := w.pod(sb, nil); same.UID != pod.UID {
		t.Error("the pod was made anew")
	}
}

func TestWhatKeepsRolesAway(t *testing.T) {
	for name, tc := range map[string]struct {
		status       int
		code, reason string
	}{
		"a principal that has not arrived is waited for": {http.StatusBadRequest, "PrincipalNotFound", reasonWaitingForEntra},
		"a refusal names the controller's identity":      {http.StatusForbidden, "AuthorizationFailed", "AuthorizationFailed"},
		"any other answer gives its code":                {http.StatusConflict, "ScopeLocked", "ScopeLocked"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.azure.refusing(func(r *http.Request) (int, string) {
				if r.Method == http.MethodPut {
					return tc.status, tc.code
				}
				return 0, ""
			})
			w.trust()
			sb := w.sandbox("roles-"+strings.ToLower(tc.code[:5]), nil)
			w.run(w.pod(sb, nil))
			got := w.reason(sb, v1alpha1.ConditionAccessGranted, tc.reason)
			if got.Status.Phase == v1alpha1.PhaseRunning || meta.IsStatusConditionTrue(got.Status.Conditions, v1alpha1.ConditionReady) {
				t.Errorf("ready without its roles: %+v", got.Status)
			}
			if tc.code == "AuthorizationFailed" {
				return // tried again after a pause that a test does not wait for
			}
			w.azure.refusing(nil)
			w.phase(sb, v1alpha1.PhaseRunning)
		})
	}
}

func TestARoleThatIsNoLongerNamedIsTakenBack(t *testing.T) {
	w := newWorld(t)
	config := w.trust()
	sb := w.sandbox("less", nil)
	w.reason(sb, v1alpha1.ConditionAccessGranted, reasonGranted)
	change(w, config, func(c *v1alpha1.KarsAuthConfig) { c.Spec.FoundryRbac = nil })
	got := w.reason(sb, v1alpha1.ConditionAccessGranted, reasonNothingToGrant)
	if left := w.azure.all(); len(left) != 0 || len(got.Status.GrantedRoles) != 0 {
		t.Errorf("left are %v, recorded %v", left, got.Status.GrantedRoles)
	}
}

func TestWhatIsTakenAwayIsMadeAgain(t *testing.T) {
	w := newWorld(t)
	w.trust()
	sb := w.sandbox("drift", nil)
	pod := w.pod(sb, nil)
	w.run(pod)
	w.phase(sb, v1alpha1.PhaseRunning)

	deny := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: "default-deny"}}
	if err := w.client.Delete(t.Context(), deny); err != nil {
		t.Fatal(err)
	}
	w.poll("the network policy", func(ctx context.Context) (bool, error) {
		err := w.client.Get(ctx, client.ObjectKeyFromObject(deny), deny)
		return err == nil, client.IgnoreNotFound(err)
	})
	env := &corev1.ConfigMap{}
	key := client.ObjectKey{Namespace: pod.Namespace, Name: v1alpha1.SidecarEnvConfigMap}
	if err := w.client.Get(t.Context(), key, env); err != nil {
		t.Fatal(err)
	}
	change(w, env, func(m *corev1.ConfigMap) { m.Data["AzureAd__TenantId"] = "someone else's" })
	w.poll("the ConfigMap", func(ctx context.Context) (bool, error) {
		err := w.client.Get(ctx, key, env)
		return err == nil && env.Data["AzureAd__TenantId"] == tenant, err
	})
	if err := w.client.Delete(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	again := w.pod(sb, func(p *corev1.Pod) bool { return p.UID != pod.UID })
	w.phase(sb, v1alpha1.PhaseDegraded)
	w.run(again)
	w.phase(sb, v1alpha1.PhaseRunning)
}

func TestAnEndedPodIsMadeAnew(t *testing.T) {
	w := newWorld(t)
	sb := w.sandbox("evicted", nil)
	pod := w.pod(sb, nil)
	pod.Status.Phase, pod.Status.Reason = corev1.PodFailed, "Evicted"
	if err := w.client.Status().Update(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	w.pod(sb, func(p *corev1.Pod) bool { return p.UID != pod.UID })
}

func TestASuspendedSandboxKeepsItsIdentity(t *testing.T) {
	w := newWorld(t)
	w.trust()
	sb := w.sandbox("asleep", nil)
	w.run(w.pod(sb, nil))
	now := w.phase(sb, v1alpha1.PhaseRunning)
	change(w, now, func(sb *v1alpha1.KarsSandbox) { sb.Spec.Suspended = true })
	now = w.until(sb, "no pod", func(sb *v1alpha1.KarsSandbox) bool {
		return sb.Status.Phase == v1alpha1.PhaseSuspended && sb.Status.Pod == ""
	})
	if kept, _ := w.broker.state(); kept != 1 || now.Status.AgentIdentity == nil {
		t.Error("the identity went with the pod")
	}
	change(w, now, func(sb *v1alpha1.KarsSandbox) { sb.Spec.Suspended = false })
	w.run(w.pod(sb, nil))
	w.phase(sb, v1alpha1.PhaseRunning)
}

func TestANamespaceOfSomebodyElseIsNotTakenOver(t *testing.T) {
	w := newWorld(t)
	name := sandbox.Namespace(v1alpha1.ResourceNamespace, "taken")
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if err := w.client.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	sb := w.sandbox("taken", nil)
	got := w.reason(sb, v1alpha1.ConditionPodReady, reasonNamespaceTaken)
	if got.Status.Phase != v1alpha1.PhaseFailed {
		t.Errorf("phase is %s, want Failed", got.Status.Phase)
	}
	if err := w.client.Delete(t.Context(), sb); err != nil {
		t.Fatal(err)
	}
	w.gone(sb)
	if err := w.client.Get(t.Context(), client.ObjectKey{Name: name}, ns); err != nil || !ns.DeletionTimestamp.IsZero() {
		t.Errorf("the namespace went with the sandbox: %v", err)
	}
}

func TestASandboxWithoutANamespaceLeavesThePodInItAlone(t *testing.T) {
	w := newWorld(t)
	labels := map[string]string{v1alpha1.LabelRole: v1alpha1.RoleSandbox, v1alpha1.LabelSandboxUID: "another"}
	name := sandbox.Namespace(v1alpha1.ResourceNamespace, "squatted")
	w.ensure(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}})
	w.ensure(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "default"}})
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "squatted", Labels: labels},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "agent", Image: "agent"}}},
	}
	w.ensure(pod)
	sb := w.sandbox("squatted", nil)
	w.reason(sb, v1alpha1.ConditionPodReady, reasonNamespaceTaken)
	if err := w.client.Delete(t.Context(), sb); err != nil {
		t.Fatal(err)
	}
	w.gone(sb)
	if err := w.client.Get(t.Context(), client.ObjectKeyFromObject(pod), pod); err != nil || !pod.DeletionTimestamp.IsZero() {
		t.Errorf("the pod of another sandbox went with it: %v", err)
	}
}

// TestAWrittenStatusTakesNoRoleFromAnotherSandbox records, as someone who may
// write statuses, what is not the sandbox's own.
func TestAWrittenStatusTakesNoRoleFromAnotherSandbox(t *testing.T) {
	w := newWorld(t)
	w.trust()
	victim := w.sandbox("victim", nil)
	got := w.reason(victim, v1alpha1.ConditionAccessGranted, reasonGranted)
	theirs := got.Status.GrantedRoles[0]
	sb := w.sandbox("thief", nil)
	w.reason(sb, v1alpha1.ConditionAccessGranted, reasonGranted)
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		if err := w.client.Get(t.Context(), client.ObjectKeyFromObject(sb), sb); err != nil {
			return err
		}
		sb.Status.GrantedRoles = append(sb.Status.GrantedRoles, theirs)
		return w.client.Status().Update(t.Context(), sb)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.client.Delete(t.Context(), sb); err != nil {
		t.Fatal(err)
	}
	w.gone(sb)
	if left := w.azure.all(); len(left) != 1 || left[0]["id"] != roleAssignmentID(victim.UID, theirs) {
		t.Errorf("left are %v, want the other sandbox's role alone", left)
	}
}

func TestU32AuthConfigBecomesTheSidecarEnvironment(t *testing.T) {
	w := newWorld(t)
	config := w.trust()
	w.poll("the trust to be ready", func(ctx context.Context) (bool, error) {
		err := w.client.Get(ctx, client.ObjectKeyFromObject(config), config)
		return config.Status.Phase == v1alpha1.AuthConfigReady, err
	})
	env := &corev1.ConfigMap{}
	key := client.ObjectKey{Namespace: v1alpha1.SystemNamespace, Name: v1alpha1.SidecarEnvConfigMap}
	if err := w.client.Get(t.Context(), key, env); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sandbox.SidecarEnv(config.Spec), env.Data); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
	if owner := metav1.GetControllerOf(env); owner == nil || owner.UID != config.UID {
		t.Errorf("owner is %+v, want the KarsAuthConfig", owner)
	}
	old := env.Annotations[v1alpha1.AnnotationAuthConfigHash]
	change(w, config, func(c *v1alpha1.KarsAuthConfig) {
		c.Spec.DownstreamAPIs = map[string]v1alpha1.DownstreamAPI{"Foundry": {BaseURL: "https://a.openai.azure.com"}}
	})
	w.poll("another hash", func(ctx context.Context) (bool, error) {
		err := w.client.Get(ctx, key, env)
		return env.Annotations[v1alpha1.AnnotationAuthConfigHash] != old, err
	})
}

func TestManySandboxes(t *testing.T) {
	w := newWorld(t)
	w.trust()
	var all []*v1alpha1.KarsSandbox
	for i := range 10 {
		all = append(all, w.sandbox(fmt.Sprintf("many-%d", i), nil))
	}
	seen := map[string]string{}
	for _, sb := range all {
		w.run(w.pod(sb, nil))
		now := w.phase(sb, v1alpha1.PhaseRunning)
		if other := seen[now.Status.AgentIdentity.AppID]; other != "" {
			t.Errorf("%s and %s are one identity", sb.Name, other)
		}
		seen[now.Status.AgentIdentity.AppID] = sb.Name
	}
}
