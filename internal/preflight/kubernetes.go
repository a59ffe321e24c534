package preflight

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/kube"
)

// Kubernetes is a cluster that is there already. [kube.Client] implements it.
type Kubernetes interface {
	Standing(ctx context.Context, q kube.Question) (kube.Standing, error)
}

const (
	certManagerDefinition = "certificates.cert-manager.io"
	certManagerOldest     = "1.14.0" // U15
)

// karsDefinitions are the names of kars' own custom resource definitions.
func karsDefinitions() []string {
	return []string{"karssandboxes." + v1alpha1.GroupVersion.Group, "karsauthconfigs." + v1alpha1.GroupVersion.Group}
}

// clusterRights are what the run does in the cluster: definitions, the chart's
// objects, trust and the first sandbox. Whoever may make cluster roles that
// hold more than they do themselves may escalate; the chart's do.
// kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping
func clusterRights() []kube.Right {
	const system = "kars-system"
	return []kube.Right{
		{Verb: "create", Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions"},
		{Verb: "patch", Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions"},
		{Verb: "create", Resource: "namespaces"},
		{Verb: "create", Group: "rbac.authorization.k8s.io", Resource: "clusterroles"},
		{Verb: "escalate", Group: "rbac.authorization.k8s.io", Resource: "clusterroles"},
		{Verb: "create", Group: "rbac.authorization.k8s.io", Resource: "clusterrolebindings"},
		{Verb: "create", Group: "admissionregistration.k8s.io", Resource: "validatingadmissionpolicies"},
		{Verb: "create", Group: "admissionregistration.k8s.io", Resource: "validatingadmissionpolicybindings"},
		{Verb: "create", Group: "apps", Resource: "deployments", Namespace: system},
		{Verb: "create", Group: "apps", Resource: "daemonsets", Namespace: system},
		{Verb: "create", Resource: "secrets", Namespace: system}, // Helm keeps its releases there
		{Verb: "create", Resource: "configmaps", Namespace: system},
		{Verb: "create", Resource: "services", Namespace: system},
		{Verb: "create", Resource: "serviceaccounts", Namespace: system},
		{Verb: "create", Group: "networking.k8s.io", Resource: "networkpolicies", Namespace: system},
		{Verb: "create", Group: v1alpha1.GroupVersion.Group, Resource: "karssandboxes", Namespace: "kars"},
		{Verb: "create", Group: v1alpha1.GroupVersion.Group, Resource: "karsauthconfigs"},
	}
}

func (g *gatherer) kubernetes(ctx context.Context) {
	q := kube.Question{Rights: clusterRights(), Definitions: karsDefinitions()}
	if g.options.Plan.Options.Gateway {
		q.CertManager, q.Definitions = true, append(q.Definitions, certManagerDefinition)
	}
	standing, err := g.options.Kubernetes.Standing(ctx, q)
	fact := read(ctx, "what the cluster has and lets you do", standing, err)
	g.set(func(f *Facts) { f.Kubernetes = &fact })
}

// cluster checks the cluster that is there: rights, definitions and
// cert-manager. Without one there is only to say what a new one will lack.
func (d decider) cluster() []Finding {
	if d.facts.Kubernetes == nil {
		if d.plan.Options.Gateway && d.facts.Cluster.Unread == nil && !d.facts.Cluster.Value.Exists {
			return []Finding{d.certManagerToCome()}
		}
		return nil
	}
	out := []Finding{d.clusterRights()}
	if d.facts.Kubernetes.Unread != nil {
		return out
	}
	out = append(out, d.definitions())
	if d.plan.Options.Gateway {
		out = append(out, d.certManager())
	}
	return out
}

// clusterRights checks the rights inside the cluster (P25): where Azure RBAC
// authorises, Contributor holds none.
//
// learn.microsoft.com/azure/aks/manage-azure-rbac
func (d decider) clusterRights() Finding {
	f := Finding{
		ID: "cluster/rights", Category: CategoryCluster, Verdict: Pass, Subject: d.plan.Names.Cluster, Scope: d.plan.ClusterID(),
		Why: "the run installs kars in the cluster",
	}
	if err := d.facts.Kubernetes.Unread; err != nil {
		return undecided(f, err)
	}
	denied := d.facts.Kubernetes.Value.Denied
	if len(denied) == 0 {
		f.Evidence = []string{fmt.Sprintf("the cluster lets you do all %d things that the run does in it", len(clusterRights()))}
		return f
	}
	f.Verdict, f.Blocks = Fail, true
	for _, right := range denied {
		f.Evidence = append(f.Evidence, "you may not "+right.String())
	}
	f.Fix = []Fix{d.remedy.assign("Azure Kubernetes Service RBAC Cluster Admin", d.plan.ClusterID())}
	f.Fix[0].Text += "; it takes up to five minutes to be seen, and needs Azure RBAC in the cluster: elsewhere have an administrator of the cluster bind cluster-admin to you"
	return f
}

// definitions checks that kars' own definitions, where they are there, serve the
// version that this kars speaks.
func (d decider) definitions() Finding {
	f := Finding{
		ID: "cluster/definitions", Category: CategoryCluster, Verdict: Pass, Subject: "custom resource definitions", Scope: d.plan.ClusterID(),
		Why: "sandboxes are custom resources",
	}
	for _, name := range karsDefinitions() {
		served, there := d.facts.Kubernetes.Value.Definitions[name]
		switch {
		case !there:
			f.Evidence = append(f.Evidence, name+" is not there and will be made")
		case slices.Contains(served, v1alpha1.GroupVersion.Version):
			f.Evidence = append(f.Evidence, name+" serves "+strings.Join(served, ", "))
		default:
			f.Verdict, f.Blocks = Fail, true
			f.Evidence = append(f.Evidence, name+" serves "+strings.Join(served, ", ")+" and not "+v1alpha1.GroupVersion.Version+": another kars made it")
			f.Fix = []Fix{{Text: "use the kars that made it, or another cluster"}}
		}
	}
	return f
}

const gatewayNeeds = "the gateway's certificate is made by it"

// certManagerToCome says before there is a cluster what the gateway will wait
// for in it (P24).
func (d decider) certManagerToCome() Finding {
	return Finding{
		ID: "cluster/cert-manager", Category: CategoryCluster, Verdict: Warn, Subject: "cert-manager", Scope: d.plan.ClusterID(), Why: gatewayNeeds,
		Evidence: []string{"there is no cluster yet, and a new one does not have it: the gateway has no certificate until somebody installs it"},
		Fix:      []Fix{installCertManager("once the cluster is there, install it, or have whoever runs the cluster do so; kars does not")},
	}
}

// installCertManager is a command for a person; nothing here runs it.
func installCertManager(text string) Fix {
	return Fix{
		Text:    text,
		Command: "helm upgrade --install cert-manager oci://quay.io/jetstack/charts/cert-manager --namespace cert-manager --create-namespace --set crds.enabled=true",
	}
}

// certManager checks for the one thing that the gateway needs and the run does
// not install (U15, P24).
//
// cert-manager.io/docs/installation/helm
func (d decider) certManager() Finding {
	f := Finding{
		ID: "cluster/cert-manager", Category: CategoryCluster, Verdict: Pass, Subject: "cert-manager", Scope: d.plan.ClusterID(),
		Why: gatewayNeeds,
	}
	_, defined := d.facts.Kubernetes.Value.Definitions[certManagerDefinition]
	tag := d.facts.Kubernetes.Value.CertManager
	have, unreadable := version.ParseSemantic(tag)
	switch {
	case !defined:
		f.Verdict, f.Blocks, f.Evidence = Fail, true, []string{"the cluster has no " + certManagerDefinition}
	case unreadable != nil:
		f.Verdict = Unknown
		f.Evidence = []string{"the cluster has " + certManagerDefinition + ", but which version of cert-manager serves it cannot be told from \"" + tag + "\""}
	case have.LessThan(version.MustParseSemantic(certManagerOldest)):
		f.Verdict, f.Blocks, f.Evidence = Fail, true, []string{"it is " + tag + ", older than " + certManagerOldest}
	default:
		f.Evidence = []string{"it is " + tag}
	}
	if f.Verdict != Pass {
		f.Fix = []Fix{installCertManager("install it, or have whoever runs the cluster do so; kars does not")}
	}
	return f
}
