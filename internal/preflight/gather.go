package preflight

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/azure/credential"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/rbac"
)

// gather reads the facts in three rounds: what needs no other fact; what needs
// to know whether the group exists; what needs to know where that did not
// suffice. The caller who may do everything never sees the third.
func gather(ctx context.Context, o Options) Facts {
	g := &gatherer{options: o}
	g.facts = newFacts(o)
	all(g.first(ctx)...)
	all(g.second(ctx)...)
	all(g.third(ctx)...)
	return g.facts
}

type gatherer struct {
	options       Options
	policiesAsked bool // about the plan's resources
	store
}

func newFacts(o Options) Facts {
	return Facts{
		APIVersion: apiVersion, Kind: factsKind, Version: FactsVersion,
		Gathered: o.Now().UTC(), Plan: o.Plan.Options, Caller: o.Caller, LocalPrincipal: o.LocalPrincipal,
		Permissions: map[string]Fact[[]rbac.Permission]{}, Offers: Offers{Names: map[string]Fact[Name]{}}, Token: o.Token,
	}
}

// first asks what needs no other fact.
func (g *gatherer) first(ctx context.Context) []func() {
	subscription := arm.SubscriptionID(g.options.Plan.SubscriptionID)
	asks := []func(){
		func() { g.group(ctx) },
		func() { g.permissions(ctx, subscription) },
		func() { g.assignments(ctx, subscription) },
		func() { g.registrations(ctx) },
		func() { g.subscription(ctx) },
		func() { g.policies(ctx, subscription) },
		func() { g.activations(ctx, subscription) },
	}
	asks = append(asks, g.offers(ctx)...)
	if g.directoryNeed() {
		asks = append(asks, func() { g.directory(ctx) })
	}
	return asks
}

func (g *gatherer) directoryNeed() bool {
	return slices.ContainsFunc(g.options.Plan.Needs, func(n plan.Need) bool { return n.Kind == plan.NeedDirectory })
}

// second asks what depends on whether the group exists.
func (g *gatherer) second(ctx context.Context) []func() {
	subscription, narrowest := arm.SubscriptionID(g.options.Plan.SubscriptionID), g.narrowest()
	asks := []func(){
		func() { g.denies(ctx, narrowest) },
		func() { g.locks(ctx, narrowest) },
	}
	asks = append(append(asks, g.held(ctx)...), g.restricted(ctx)...)
	if narrowest != subscription {
		if g.facts.Policies.Unread != nil {
			asks = append(asks, func() { g.policies(ctx, narrowest) })
		}
		if g.facts.Assignments.Unread != nil {
			asks = append(asks, func() { g.assignments(ctx, narrowest) })
		}
		asks = append(asks, func() { g.permissions(ctx, narrowest) })
	}
	for _, scope := range elsewhere(g.options.Plan) {
		asks = append(asks, func() { g.permissions(ctx, scope) })
	}
	for _, scope := range guardedElsewhere(g.options.Plan) {
		asks = append(asks, func() { g.guardsAt(ctx, scope) })
	}
	return asks
}

// third asks what is of use only where something is missing or conditional.
func (g *gatherer) third(ctx context.Context) []func() {
	p, insufficient := g.options.Plan, g.insufficient()
	subscription, lacks := arm.SubscriptionID(p.SubscriptionID), g.facts.lacks(p)
	var asks []func()
	if g.options.Definitions || g.facts.conditioned() || g.facts.endsSoon() || len(insufficient) > 0 || lacks {
		asks = append(asks, func() { g.definitions(ctx, subscription) })
	}
	// A condition may leave a need open that the permissions do not.
	asks = append(asks, g.privileges(ctx, lacks || g.facts.conditioned())...)
	if g.options.Kubernetes != nil && g.facts.Cluster.Value.Exists {
		asks = append(asks, func() { g.kubernetes(ctx) })
	}
	if g.facts.cramped(p) {
		asks = append(asks, g.nearby(ctx)...)
	}
	if !g.policiesAsked {
		asks = append(asks, g.restricted(ctx)...)
	}
	if g.facts.groupMayExist() && g.facts.mayLackGrant(g.options.Plan) {
		asks = append(asks, func() { g.granted(ctx) })
	}
	for _, scope := range insufficient {
		asks = append(asks, func() { g.permissions(ctx, scope) })
	}
	return asks
}

// narrowest is the group if it may exist, or else the subscription.
func (g *gatherer) narrowest() string { return g.facts.narrowest(g.options.Plan) }

// all runs functions at the same time and waits for them.
func all(of ...func()) {
	var wait sync.WaitGroup
	for _, f := range of {
		wait.Go(f)
	}
	wait.Wait()
}

func (g *gatherer) group(ctx context.Context) {
	p := g.options.Plan
	tree, found, err := g.options.ARM.GetGroup(ctx, p.SubscriptionID, p.Group.Name)
	location, _ := tree["location"].(string)
	fact := read(ctx, "the resource group "+p.Group.Name, Group{Exists: found, Location: location}, err)
	g.set(func(f *Facts) { f.Group = fact })
}

// permissions reads what the caller holds at a scope. A resource that is not
// there has no answer of its own: what holds around it decides.
func (g *gatherer) permissions(ctx context.Context, scope string) {
	sets, err := g.options.ARM.Permissions(ctx, scope)
	if arm.IsNotFound(err) {
		return
	}
	fact := read(ctx, "your permissions at "+scope, sets, err)
	g.set(func(f *Facts) { f.Permissions[scope] = fact })
}

func (g *gatherer) registrations(ctx context.Context) {
	providers, err := g.options.ARM.Providers(ctx, g.options.Plan.SubscriptionID)
	in := locations(g.options.Plan, providers)
	states := make(map[string]string, len(providers))
	for _, p := range providers {
		states[strings.ToLower(p.Namespace)] = p.State
	}
	fact := read(ctx, "the resource providers of the subscription", states, err)
	g.set(func(f *Facts) { f.Registrations, f.Locations = fact, in })
}

// assignments reads the role assignments that reach the caller at a scope and
// below it, through groups and from above too.
//
// learn.microsoft.com/azure/role-based-access-control/role-assignments-list-rest
func (g *gatherer) assignments(ctx context.Context, scope string) {
	filter := fmt.Sprintf("assignedTo('%s')", g.options.Caller.ObjectID)
	outside := elsewhere(g.options.Plan)
	there := make([][]rbac.Assignment, len(outside))
	var list []rbac.Assignment
	var err error
	asks := []func(){func() { list, err = g.options.ARM.RoleAssignments(ctx, scope, filter) }}
	for i, other := range outside {
		asks = append(asks, func() { there[i] = g.assignmentsIn(ctx, other, filter) })
	}
	all(asks...)
	list = slices.Concat(append([][]rbac.Assignment{list}, there...)...)
	fact := read(ctx, "your role assignments at "+scope, list, err)
	g.set(func(f *Facts) { f.Assignments = fact })
}

// assignmentsIn reads the role assignments that reach the caller at a scope of
// another subscription, for the conditions on them. It leaves out those of
// management groups, which need not be above the plan's. Where it may not look,
// what the permissions say there stands.
func (g *gatherer) assignmentsIn(ctx context.Context, scope, filter string) []rbac.Assignment {
	list, err := g.options.ARM.RoleAssignments(ctx, scope, filter)
	subscription, ok := rbac.SubscriptionOf(scope)
	if err != nil || !ok {
		return nil
	}
	return slices.DeleteFunc(list, func(a rbac.Assignment) bool { return !rbac.Contains(subscription, a.Scope) })
}

// denies reads also the deny assignments below the scope: a deployment stack
// denies at each of its resources. Of the subscription's it keeps those that
// reach a need; those of management groups above reach all of it.
func (g *gatherer) denies(ctx context.Context, scope string) {
	list, err := g.options.ARM.DenyAssignments(ctx, scope, "")
	subscription := arm.SubscriptionID(g.options.Plan.SubscriptionID)
	list = slices.DeleteFunc(list, func(d rbac.DenyAssignment) bool {
		return rbac.Contains(subscription, d.Scope) && !slices.ContainsFunc(g.options.Plan.Needs, func(n plan.Need) bool { return rbac.Contains(d.Scope, n.Scope) })
	})
	fact := read(ctx, "the deny assignments at "+scope, list, err)
	g.set(func(f *Facts) { f.Denies = fact })
}

func (g *gatherer) definitions(ctx context.Context, scope string) {
	list, err := g.options.ARM.RoleDefinitions(ctx, scope, "")
	fact := read(ctx, "the role definitions of the subscription", list, err)
	g.set(func(f *Facts) { f.Definitions = fact })
}

func (g *gatherer) directory(ctx context.Context) {
	is, err := standingOf(ctx, g.options.Directory, g.options.Caller)
	fact := read(ctx, "your directory roles", is, err)
	g.set(func(f *Facts) { f.Directory = fact })
}

// standingOf reads the active directory roles of the caller, those through
// groups too, and of a service principal its application permissions. These it
// returns also beside an error: a service principal may often not read its own
// roles.
func standingOf(ctx context.Context, d Directory, c credential.Caller) (Standing, error) {
	if d == nil {
		return Standing{}, errors.New("there is no way to Microsoft Graph")
	}
	held, err := d.Permissions(ctx)
	if err != nil {
		return Standing{}, err
	}
	if c.Type != credential.ServicePrincipal {
		roles, err := d.MyDirectoryRoles(ctx)
		return Standing{Roles: roles, Delegated: held.Delegated, Token: true}, err
	}
	roles, err := d.ServicePrincipalDirectoryRoles(ctx, c.ObjectID)
	return Standing{Roles: roles, Permissions: held.Application, Token: true}, err
}

// elsewhere are the scopes of needs outside the plan's subscription.
func elsewhere(p *plan.Plan) []string {
	var out []string
	subscription := arm.SubscriptionID(p.SubscriptionID)
	for _, n := range p.Needs {
		if n.Kind == plan.NeedAction && !rbac.Contains(subscription, n.Scope) && !slices.Contains(out, n.Scope) {
			out = append(out, n.Scope)
		}
	}
	return out
}

// insufficient are the scopes of resources where what was read so far does not
// suffice for a need: a role at the resource itself may. A group that is not
// there holds none.
func (g *gatherer) insufficient() []string {
	var out []string
	own := g.options.Plan.Group.ID
	for _, n := range g.options.Plan.Needs {
		_, inGroup := rbac.ResourceGroupOf(n.Scope)
		_, asked := g.facts.Permissions[n.Scope]
		switch {
		case !g.facts.matters(n) || asked || !inGroup || slices.Contains(out, n.Scope):
		case rbac.Contains(own, n.Scope) && !g.facts.groupMayExist():
		case g.facts.permitted(n).Verdict != rbac.Allowed:
			out = append(out, n.Scope)
		}
	}
	return out
}

// lacks reports whether what was read so far leaves a need open.
func (f Facts) lacks(p *plan.Plan) bool {
	return slices.ContainsFunc(append(slices.Clone(p.Needs), f.registering(p)...), func(n plan.Need) bool {
		return f.matters(n) && f.permitted(n).Verdict != rbac.Allowed
	})
}
