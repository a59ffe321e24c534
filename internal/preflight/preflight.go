// Package preflight proves, before anything is written, that a plan can be
// carried out by the caller.
//
// Gather reads facts from Azure, few and at the same time; Decide turns them
// into a Report; Run does both. Deciding is pure: it sees the facts alone, and
// a fact that could not be read ends in an unknown verdict that names it, never
// in a guess.
//
// The permissions API is the source of truth for what the caller may do: it
// counts groups, nested groups and management groups in. Role assignments are
// read to evaluate the conditions under which roles may be given on, to explain,
// and to decide where the permissions API is closed to the caller.
package preflight

import (
	"context"
	"net/url"
	"time"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/azure/credential"
	"github.com/kars-dev/kars/internal/azure/graph"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/rbac"
)

// DefaultTimeout is how long preflight may take (U05).
const DefaultTimeout = 30 * time.Second

const apiVersion = "kars.azure.com/v1alpha1"

// ARM is what preflight asks of Azure Resource Manager. [arm.Client]
// implements it; lists have all their pages.
type ARM interface {
	Permissions(ctx context.Context, scope string) ([]rbac.Permission, error)
	RoleAssignments(ctx context.Context, scope, filter string) ([]rbac.Assignment, error)
	RoleDefinitions(ctx context.Context, scope, filter string) ([]rbac.RoleDefinition, error)
	DenyAssignments(ctx context.Context, scope, filter string) ([]rbac.DenyAssignment, error)
	Providers(ctx context.Context, subscription string) ([]arm.Provider, error)
	GetGroup(ctx context.Context, subscription, group string) (resource arm.Tree, found bool, err error)
	RoleActivations(ctx context.Context, scope string) ([]arm.RoleActivation, error)
	RoleEligibilities(ctx context.Context, scope string) ([]arm.RoleEligibility, error)
	Guarding
	Offering
	// List reads all pages of a list of resources.
	List(ctx context.Context, path, version string, query url.Values) ([]arm.Tree, error)
	Counts() (reads, writes int)
}

// Directory is what preflight asks of Microsoft Graph. [graph.Client]
// implements it.
type Directory interface {
	MyDirectoryRoles(ctx context.Context) ([]graph.Role, error)
	ServicePrincipalDirectoryRoles(ctx context.Context, id string) ([]graph.Role, error)
	EligibleDirectoryRoles(ctx context.Context) ([]graph.RoleInstance, error)
	Permissions(ctx context.Context) (graph.Permissions, error)
	Counts() (reads, writes int)
}

// Options say what to check, for whom, and whom to ask.
type Options struct {
	Plan      *plan.Plan
	Caller    credential.Caller
	ARM       ARM
	Directory Directory
	// Kubernetes is the plan's cluster, if it is there and can be reached.
	Kubernetes Kubernetes
	Token      Origin
	// LocalPrincipal is the caller's name in the local Azure, empty in the real
	// one. Fixes are then commands of `kars local`.
	LocalPrincipal string
	// Definitions asks for the role definitions even where nothing is missing,
	// as [Who] and explanations need them.
	Definitions bool
	Timeout     time.Duration    // DefaultTimeout if zero
	Now         func() time.Time // time.Now if nil
}

// Run checks a plan. It always returns a report: what could not be read in
// time is unknown in it.
func Run(ctx context.Context, o Options) Report {
	return Decide(o.Plan, Gather(ctx, o))
}

// Gather reads what deciding needs. It always returns: what could not be read
// says why.
func Gather(ctx context.Context, o Options) Facts {
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	started, before := o.Now(), o.requests()
	f := gather(ctx, o)
	f.DurationMS = o.Now().Sub(started).Milliseconds()
	f.Requests = o.requests() - before
	return f
}

// requests counts what was asked so far of both.
func (o Options) requests() int {
	reads, writes := o.ARM.Counts()
	if o.Directory != nil {
		r, w := o.Directory.Counts()
		reads, writes = reads+r, writes+w
	}
	return reads + writes
}

// Decide turns facts about a plan, the one of f.Plan, into a report. It is
// pure: the same facts give the same report.
func Decide(p *plan.Plan, f Facts) Report {
	d := decider{plan: p, facts: f, remedy: newRemedy(p, f)}
	d.changes = d.suggest()
	findings := []Finding{d.group()}
	for _, n := range p.Needs {
		findings = append(findings, d.need(n)...)
	}
	for _, check := range []func() []Finding{
		d.enabled, d.denies, d.locked, d.policed,
		d.quotas, d.sizes, d.model, d.deployment, d.version, d.regions, d.names,
		d.misleading, d.origin, d.ending,
		d.cluster,
		d.leastPrivilege,
	} {
		findings = append(findings, check()...)
	}
	r := newReport(f.Caller, merged(findings))
	r.Duration, r.Requests = f.DurationMS, f.Requests
	return r
}

// need decides one need of the plan.
func (d decider) need(n plan.Need) []Finding {
	switch n.Kind {
	case plan.NeedAction, plan.NeedData:
		if !d.facts.matters(n) {
			return nil // what a right to look leaves undecided says so itself
		}
		return []Finding{d.action(n)}
	case plan.NeedRegistration:
		return []Finding{d.registration(n)}
	case plan.NeedFeature:
		return []Finding{d.feature(n)}
	case plan.NeedDirectory:
		return []Finding{d.directoryRole(n), d.directoryToken(n)}
	case plan.NeedAccount:
		return []Finding{d.account(n)}
	}
	return nil
}

// A decider holds what the checks look at.
type decider struct {
	plan    *plan.Plan
	facts   Facts
	remedy  remedy
	changes changes
}
