package preflight

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/kube"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/rbac"
)

// standing is a cluster that answers.
type standing struct {
	has   kube.Standing
	err   error
	asked *kube.Question
}

func (s standing) Standing(_ context.Context, q kube.Question) (kube.Standing, error) {
	if s.asked != nil {
		*s.asked = q
	}
	return s.has, s.err
}

// inCluster checks a plan whose cluster is there.
func inCluster(t *testing.T, o plan.Options, k Kubernetes) Report {
	t.Helper()
	p := mustPlan(o)
	a := &azure{roles: developer, location: "eastus2", assignments: []rbac.Assignment{given(t, "Owner", subscription)}}
	a.there = map[string]arm.Tree{p.ClusterID(): {"properties": map[string]any{"kubernetesVersion": plan.KubernetesVersion}}}
	return check(t, a, func(o *Options) { o.Plan, o.Kubernetes = p, k })
}

func TestU15CertManagerP24(t *testing.T) {
	defined := func(tag string) kube.Standing {
		return kube.Standing{CertManager: tag, Definitions: map[string][]string{"certificates.cert-manager.io": {"v1"}}}
	}
	const helm = "helm upgrade --install cert-manager"
	for name, tt := range map[string]struct {
		has  kube.Standing
		want Verdict
		says string
	}{
		"a new one suffices":               {defined("v1.16.2"), Pass, "it is v1.16.2"},
		"1.14 suffices":                    {defined("v1.14.0"), Pass, "it is v1.14.0"},
		"an older one is refused":          {defined("v1.13.6"), Fail, helm},
		"a candidate of 1.14 is older":     {defined("v1.14.0-beta.0"), Fail, "older than 1.14.0"},
		"none is refused":                  {kube.Standing{}, Fail, helm},
		"one of no known version is open":  {defined(""), Unknown, "cannot be told"},
		"a definition alone is not enough": {kube.Standing{CertManager: "v1.16.2"}, Fail, "has no certificates.cert-manager.io"},
	} {
		t.Run(name, func(t *testing.T) {
			var asked kube.Question
			r := inCluster(t, plan.Options{Gateway: true}, standing{has: tt.has, asked: &asked})
			f := find(t, r, "cluster/cert-manager", mustPlan(plan.Options{}).ClusterID())
			if f.Verdict != tt.want || f.Blocks != (tt.want == Fail) || !asked.CertManager {
				t.Errorf("got %s, blocking %t; want %s: %v", f.Verdict, f.Blocks, tt.want, f.Evidence)
			}
			shows(t, f, tt.says)
		})
	}
	var asked kube.Question
	r := inCluster(t, plan.Options{}, standing{asked: &asked})
	if asked.CertManager || slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.ID == "cluster/cert-manager" }) {
		t.Error("without the gateway it is asked for")
	}
}

func TestU15WithTheGatewayANewClusterWillHaveNoCertManagerP24(t *testing.T) {
	a := &azure{roles: developer, assignments: []rbac.Assignment{given(t, "Owner", subscription)}}
	gateway := mustPlan(plan.Options{Gateway: true})
	r := check(t, a, func(o *Options) { o.Plan = gateway })
	f := find(t, r, "cluster/cert-manager", gateway.ClusterID())
	if f.Verdict != Warn || f.Blocks {
		t.Errorf("got %s, blocking %t; want a warning", f.Verdict, f.Blocks)
	}
	shows(t, f, "there is no cluster yet", "helm upgrade --install cert-manager")
	if slices.ContainsFunc(check(t, a).Findings, func(f Finding) bool { return f.ID == "cluster/cert-manager" }) {
		t.Error("without the gateway it is warned of")
	}
}

func TestRightsInTheClusterP25(t *testing.T) {
	id := mustPlan(plan.Options{}).ClusterID()
	shows(t, find(t, inCluster(t, plan.Options{}, standing{}), "cluster/rights", id), `"verdict": "pass"`)
	r := inCluster(t, plan.Options{}, standing{has: kube.Standing{Denied: []kube.Right{{Verb: "create", Resource: "namespaces"}}}})
	f := find(t, r, "cluster/rights", id)
	if !f.Blocks {
		t.Error("it does not block")
	}
	shows(t, f, "you may not create namespaces", "--role 'Azure Kubernetes Service RBAC Cluster Admin' --scope "+id)
	r = inCluster(t, plan.Options{}, standing{err: errors.New("no route to host")})
	if f := find(t, r, "cluster/rights", id); f.Verdict != Unknown || f.Blocks {
		t.Errorf("a cluster that does not answer is %s, want unknown", f.Verdict)
	}
}

func TestDefinitionsOfAnotherKarsAreRefused(t *testing.T) {
	id := mustPlan(plan.Options{}).ClusterID()
	other := kube.Standing{Definitions: map[string][]string{"karssandboxes.kars.azure.com": {"v1"}}}
	shows(t, find(t, inCluster(t, plan.Options{}, standing{has: other}), "cluster/definitions", id), `"verdict": "fail"`, "serves v1 and not v1alpha1")
}

func TestAClusterThatIsNotThereIsNotAsked(t *testing.T) {
	a := &azure{roles: developer, assignments: []rbac.Assignment{given(t, "Owner", subscription)}}
	r := check(t, a, func(o *Options) { o.Kubernetes = standing{err: errors.New("asked")} })
	if r.Verdict != Pass {
		t.Errorf("got %s: %+v", r.Verdict, r.Of(Unknown))
	}
}
