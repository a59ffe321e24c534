package v1alpha1_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/kube"
	"github.com/kars-dev/kars/internal/sandbox"
)

const guid = "11111111-2222-3333-4444-555555555555"

func newClient(t *testing.T) client.Client {
	t.Helper()
	k, err := kube.ForConfig(cluster.Config(t), kube.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return k.Client()
}

func newSandbox(change func(*v1alpha1.KarsSandbox)) *v1alpha1.KarsSandbox {
	sb := &v1alpha1.KarsSandbox{
		ObjectMeta: metav1.ObjectMeta{Name: "my-assistant", Namespace: "default"},
		Spec:       v1alpha1.KarsSandboxSpec{Runtime: v1alpha1.Runtime{Kind: v1alpha1.RuntimeKars}},
	}
	if change != nil {
		change(sb)
	}
	return sb
}

func newAuthConfig(change func(*v1alpha1.KarsAuthConfig)) *v1alpha1.KarsAuthConfig {
	c := &v1alpha1.KarsAuthConfig{
		ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.AuthConfigName},
		Spec: v1alpha1.KarsAuthConfigSpec{
			Tenant:     v1alpha1.Tenant{TenantID: guid, AuthorityHost: "https://login.microsoftonline.com"},
			AgentID:    v1alpha1.Blueprint{BlueprintClientID: guid, BlueprintObjectID: guid, SponsorIDs: []string{guid}},
			Controller: v1alpha1.ControllerCredential{CredentialMode: v1alpha1.CredentialWorkloadIdentity},
		},
	}
	if change != nil {
		change(c)
	}
	return c
}

func TestKarsSandboxRules(t *testing.T) {
	c := newClient(t)
	for name, tc := range map[string]struct {
		change func(*v1alpha1.KarsSandbox)
		want   string // part of the refusal; empty: accepted
	}{
		"the smallest sandbox is accepted": {nil, ""},
		"a name of 49 characters fits in the namespace's": {func(sb *v1alpha1.KarsSandbox) {
			sb.Name = strings.Repeat("a", sandbox.MaxName)
		}, ""},
		"a name of 50 characters does not": {func(sb *v1alpha1.KarsSandbox) {
			sb.Name = strings.Repeat("a", sandbox.MaxName+1)
		}, "at most 49 characters"},
		"a dot is no part of a namespace's name": {func(sb *v1alpha1.KarsSandbox) { sb.Name = "a.b" }, "lower-case letters"},
		"BYO needs an image": {func(sb *v1alpha1.KarsSandbox) {
			sb.Spec.Runtime.Kind = v1alpha1.RuntimeBYO
		}, "byo is required"},
		"BYO with an image is accepted": {func(sb *v1alpha1.KarsSandbox) {
			sb.Spec.Runtime = v1alpha1.Runtime{Kind: v1alpha1.RuntimeBYO, BYO: &v1alpha1.BYORuntime{Image: "r.example/a@sha256:" + strings.Repeat("0", 64)}}
		}, ""},
		"the reference agent takes no image": {func(sb *v1alpha1.KarsSandbox) {
			sb.Spec.Runtime.BYO = &v1alpha1.BYORuntime{Image: "r.example/a"}
		}, "forbidden otherwise"},
		"an unknown isolation is refused": {func(sb *v1alpha1.KarsSandbox) { sb.Spec.Isolation = "none" }, "Unsupported value"},
		"an unknown runtime is refused":   {func(sb *v1alpha1.KarsSandbox) { sb.Spec.Runtime.Kind = "Docker" }, "Unsupported value"},
		"a model is called over TLS":      {func(sb *v1alpha1.KarsSandbox) { sb.Spec.Model.Endpoint = "http://a.openai.azure.com" }, "spec.model.endpoint"},
		"a model's URL has no user":       {func(sb *v1alpha1.KarsSandbox) { sb.Spec.Model.Endpoint = "https://u:p@a.openai.azure.com" }, "spec.model.endpoint"},
		"a model's URL is accepted":       {func(sb *v1alpha1.KarsSandbox) { sb.Spec.Model.Endpoint = "https://a.openai.azure.com/" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			check(t, c.Create(t.Context(), newSandbox(tc.change), client.DryRunAll), tc.want)
		})
	}
}

func TestKarsAuthConfigRules(t *testing.T) {
	c := newClient(t)
	for name, tc := range map[string]struct {
		change func(*v1alpha1.KarsAuthConfig)
		want   string
	}{
		"workload identity needs no managed identity": {nil, ""},
		"there is only default":                       {func(k *v1alpha1.KarsAuthConfig) { k.Name = "other" }, "named default"},
		"a managed identity is named by its client id": {func(k *v1alpha1.KarsAuthConfig) {
			k.Spec.Controller.CredentialMode = v1alpha1.CredentialManagedIdentity
		}, "managedIdentityClientId is required"},
		"a tenant is a GUID":        {func(k *v1alpha1.KarsAuthConfig) { k.Spec.Tenant.TenantID = "contoso.onmicrosoft.com" }, "tenantId"},
		"a sponsor is an object id": {func(k *v1alpha1.KarsAuthConfig) { k.Spec.AgentID.SponsorIDs = []string{"me@example.com"} }, "sponsorIds"},
		"a scope belongs to a subscription": {func(k *v1alpha1.KarsAuthConfig) {
			k.Spec.FoundryRbac = []v1alpha1.ScopedRoles{{Scope: "/", RoleDefinitionIDs: []string{guid}}}
		}, "scope"},
		"a scope without roles says nothing": {func(k *v1alpha1.KarsAuthConfig) {
			k.Spec.FoundryRbac = []v1alpha1.ScopedRoles{{Scope: "/subscriptions/" + guid, RoleDefinitionIDs: []string{}}}
		}, "roleDefinitionIds"},
		"an API's name becomes part of a variable's": {func(k *v1alpha1.KarsAuthConfig) {
			k.Spec.DownstreamAPIs = map[string]v1alpha1.DownstreamAPI{"a-b": {BaseURL: "https://a.example"}}
		}, "letters and digits"},
	} {
		t.Run(name, func(t *testing.T) {
			check(t, c.Create(t.Context(), newAuthConfig(tc.change), client.DryRunAll), tc.want)
		})
	}
}

func TestWhatMustNotChangeCannotBeChanged(t *testing.T) {
	c := newClient(t)
	sb, config := newSandbox(func(sb *v1alpha1.KarsSandbox) { sb.Name = "fixed" }), newAuthConfig(nil)
	for _, obj := range []client.Object{sb, config} {
		if err := c.Create(t.Context(), obj); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Delete(context.Background(), obj) })
	}
	sb.Spec.Runtime = v1alpha1.Runtime{Kind: v1alpha1.RuntimeBYO, BYO: &v1alpha1.BYORuntime{Image: "r.example/a"}}
	check(t, c.Update(t.Context(), sb), "kind is immutable")
	config.Spec.Tenant.TenantID = "99999999-2222-3333-4444-555555555555"
	check(t, c.Update(t.Context(), config), "tenantId is immutable")
}

// TestEveryFieldSurvives guards against definitions that prune what the types
// have.
func TestEveryFieldSurvives(t *testing.T) {
	c := newClient(t)
	sb := newSandbox(func(sb *v1alpha1.KarsSandbox) { sb.Name = "whole" })
	if err := c.Create(t.Context(), sb); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Delete(context.Background(), sb) })
	if got := sb.Spec.Isolation; got != v1alpha1.IsolationEnhanced {
		t.Errorf("isolation is %q by default, want enhanced", got)
	}
	sb.Status = v1alpha1.KarsSandboxStatus{
		Phase: v1alpha1.PhaseRunning, ObservedGeneration: 1, Namespace: "n", Pod: "p", Tier: v1alpha1.TierEntra,
		AgentIdentity: &v1alpha1.AgentIdentity{AppID: guid, ObjectID: guid, DisplayName: "kars-kars-whole"},
		GrantedRoles:  []v1alpha1.GrantedRole{{Scope: "/subscriptions/x", RoleDefinitionID: guid, PrincipalID: guid}},
		Conditions: []metav1.Condition{{
			Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: "Reconciled", ObservedGeneration: 1,
			LastTransitionTime: metav1.Now().Rfc3339Copy(),
		}},
	}
	want := sb.Status.DeepCopy()
	if err := c.Status().Update(t.Context(), sb); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, &sb.Status); diff != "" {
		t.Errorf("status after a round trip (-want +got):\n%s", diff)
	}
}

func check(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("refused: %v", err)
	case want != "" && err == nil:
		t.Errorf("accepted, want a refusal with %q", want)
	case want != "" && !strings.Contains(err.Error(), want):
		t.Errorf("refused with %v, want %q", err, want)
	}
}
