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
func gather(ctx context.Context, o Options) facts {
	g := &gatherer{options: o, facts: facts{permissions: map[string]fact[[]rbac.Permission]{}}}
	subscription := arm.SubscriptionID(o.Plan.SubscriptionID)
	wantsDirectory := slices.ContainsFunc(o.Plan.Needs, func(n plan.Need) bool { return n.Kind == plan.NeedDirectory })

	g.all(
		func() { g.group(ctx) },
		func() { g.permissions(ctx, subscription) },
		func() { g.registrations(ctx) },
		func() {
			if wantsDirectory {
				g.directory(ctx)
			}
		},
	)

	narrowest := subscription
	if g.facts.group.value.exists {
		narrowest = o.Plan.Group.ID
	}
	second := []func(){
		func() { g.assignments(ctx, narrowest) },
		func() { g.denies(ctx, narrowest) },
	}
	if narrowest != subscription {
		second = append(second, func() { g.permissions(ctx, narrowest) })
	}
	for _, scope := range elsewhere(o.Plan) {
		second = append(second, func() { g.permissions(ctx, scope) })
	}
	g.all(second...)

	var third []func()
	if g.facts.conditioned() {
		third = append(third, func() { g.definitions(ctx, subscription) })
	}
	for _, scope := range g.insufficient() {
		third = append(third, func() { g.permissions(ctx, scope) })
	}
	g.all(third...)
	return g.facts
}

type gatherer struct {
	options Options
	mu      sync.Mutex
	facts   facts
}

// all runs functions at the same time and waits for them.
func (g *gatherer) all(of ...func()) {
	var wait sync.WaitGroup
	for _, f := range of {
		wait.Go(f)
	}
	wait.Wait()
}

// set stores a fact.
func (g *gatherer) set(store func(*facts)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	store(&g.facts)
}

func (g *gatherer) group(ctx context.Context) {
	p := g.options.Plan
	tree, found, err := g.options.ARM.GetGroup(ctx, p.SubscriptionID, p.Group.Name)
	location, _ := tree["location"].(string)
	g.set(func(f *facts) {
		f.group = fact[group]{group{exists: found, location: location}, because(ctx, "the resource group "+p.Group.Name, err)}
	})
}

// permissions reads what the caller holds at a scope. A resource that is not
// there has no answer of its own: what holds around it decides.
func (g *gatherer) permissions(ctx context.Context, scope string) {
	sets, err := g.options.ARM.Permissions(ctx, scope)
	if arm.IsNotFound(err) {
		return
	}
	g.set(func(f *facts) {
		f.permissions[scope] = fact[[]rbac.Permission]{sets, because(ctx, "your permissions at "+scope, err)}
	})
}

func (g *gatherer) registrations(ctx context.Context) {
	providers, err := g.options.ARM.Providers(ctx, g.options.Plan.SubscriptionID)
	states := make(map[string]string, len(providers))
	for _, p := range providers {
		states[strings.ToLower(p.Namespace)] = p.State
	}
	g.set(func(f *facts) {
		f.registrations = fact[map[string]string]{states, because(ctx, "the resource providers of the subscription", err)}
	})
}

// assignments reads the role assignments that reach the caller at a scope,
// through groups and from above too.
//
// learn.microsoft.com/azure/role-based-access-control/role-assignments-list-rest
func (g *gatherer) assignments(ctx context.Context, scope string) {
	filter := fmt.Sprintf("atScope() and assignedTo('%s')", g.options.Caller.ObjectID)
	list, err := g.options.ARM.RoleAssignments(ctx, scope, filter)
	g.set(func(f *facts) {
		f.assignments = fact[[]rbac.Assignment]{list, because(ctx, "your role assignments at "+scope, err)}
	})
}

func (g *gatherer) denies(ctx context.Context, scope string) {
	list, err := g.options.ARM.DenyAssignments(ctx, scope, "atScope()")
	g.set(func(f *facts) {
		f.denies = fact[[]rbac.DenyAssignment]{list, because(ctx, "the deny assignments at "+scope, err)}
	})
}

func (g *gatherer) definitions(ctx context.Context, scope string) {
	list, err := g.options.ARM.RoleDefinitions(ctx, scope, "")
	g.set(func(f *facts) {
		f.definitions = fact[[]rbac.RoleDefinition]{list, because(ctx, "the role definitions of the subscription", err)}
	})
}

func (g *gatherer) directory(ctx context.Context) {
	is, err := standingOf(ctx, g.options.Directory, g.options.Caller)
	g.set(func(f *facts) {
		f.directory = fact[standing]{is, because(ctx, "your directory roles", err)}
	})
}

// standingOf reads the active directory roles of the caller, those through
// groups too, and of a service principal its application permissions. These it
// returns also beside an error: a service principal may often not read its own
// roles.
func standingOf(ctx context.Context, d Directory, c credential.Caller) (standing, error) {
	if d == nil {
		return standing{}, errors.New("there is no way to Microsoft Graph")
	}
	if c.Type != credential.ServicePrincipal {
		roles, err := d.MyDirectoryRoles(ctx)
		return standing{roles: roles}, err
	}
	held, err := d.Permissions(ctx)
	if err != nil {
		return standing{}, err
	}
	roles, err := d.ServicePrincipalDirectoryRoles(ctx, c.ObjectID)
	return standing{roles: roles, permissions: held.Application}, err
}

// because names the fact that an error kept from being read.
func because(ctx context.Context, what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("reading %s: no answer in time", what)
	default:
		return fmt.Errorf("reading %s: %w", what, err)
	}
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
		_, asked := g.facts.permissions[n.Scope]
		switch {
		case n.Kind != plan.NeedAction || asked || !inGroup || slices.Contains(out, n.Scope):
		case rbac.Contains(own, n.Scope) && !g.facts.group.value.exists:
		case g.facts.permitted(n).Verdict != rbac.Allowed:
			out = append(out, n.Scope)
		}
	}
	return out
}
