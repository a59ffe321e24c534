package preflight

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/azure/graph"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/rbac"
)

// RunTakes is how long preflight reckons that a run holds the caller's rights:
// most end within 25 minutes, a slow region's within this.
const RunTakes = 45 * time.Minute

// Privileges are what Privileged Identity Management knows of the caller.
type Privileges struct {
	// Activations are the roles that end within a week; those without an end are
	// role assignments like others.
	Activations Fact[[]arm.RoleActivation] `json:"activations"`
	// Eligibilities and EligibleDirectoryRoles are roles that the caller may
	// activate; asked for only where something is missing.
	Eligibilities          Fact[[]arm.RoleEligibility] `json:"eligibilities"`
	EligibleDirectoryRoles Fact[[]graph.RoleInstance]  `json:"eligibleDirectoryRoles"`
}

// activations asks for the roles that the caller holds for a while.
func (g *gatherer) activations(ctx context.Context, scope string) {
	list, err := g.options.ARM.RoleActivations(ctx, scope)
	until := g.facts.Gathered.Add(7 * 24 * time.Hour)
	list = slices.DeleteFunc(list, func(a arm.RoleActivation) bool { return a.End.IsZero() || a.End.After(until) })
	fact := read(ctx, "which roles of yours end when", list, err)
	g.set(func(f *Facts) { f.Activations = fact })
}

// privileges asks what could be activated, where something is missing.
func (g *gatherer) privileges(ctx context.Context, lacks bool) []func() {
	var asks []func()
	if lacks {
		asks = append(asks, func() { g.eligibilities(ctx, arm.SubscriptionID(g.options.Plan.SubscriptionID)) })
	}
	if g.directoryNeed() && g.options.Directory != nil && len(g.facts.Directory.Value.sufficient()) == 0 {
		asks = append(asks, func() { g.eligibleDirectoryRoles(ctx) })
	}
	return asks
}

func (g *gatherer) eligibilities(ctx context.Context, scope string) {
	list, err := g.options.ARM.RoleEligibilities(ctx, scope)
	fact := read(ctx, "the roles that you may activate", list, err)
	g.set(func(f *Facts) { f.Eligibilities = fact })
}

func (g *gatherer) eligibleDirectoryRoles(ctx context.Context) {
	list, err := g.options.Directory.EligibleDirectoryRoles(ctx)
	fact := read(ctx, "the directory roles that you may activate", list, err)
	g.set(func(f *Facts) { f.EligibleDirectoryRoles = fact })
}

// eligible are the roles that could be activated, as the evaluator takes them.
// What a group is eligible for, its members activate for themselves.
func (f Facts) eligible() []rbac.Eligible {
	var out []rbac.Eligible
	for _, e := range f.Eligibilities.Value {
		out = append(out, rbac.Eligible{Ends: e.End, Assignment: rbac.Assignment{
			ID: e.ID, PrincipalID: f.Caller.ObjectID, RoleDefinitionID: e.RoleDefinitionID, Scope: e.Scope,
			Condition: e.Condition, ConditionVersion: e.ConditionVersion,
		}})
	}
	return out
}

// activation is the fix that activates what was found to help (P7): it comes
// before asking anybody for anything.
func (d decider) activation(s rbac.Suggestion) Fix {
	i := slices.IndexFunc(d.facts.Eligibilities.Value, func(e arm.RoleEligibility) bool { return e.ID == s.Eligible.ID })
	e := d.facts.Eligibilities.Value[i]
	if e.RoleName == "" {
		e.RoleName = s.Role.Name
	}
	return d.remedy.activate(e)
}

// activate is the request that activates a role for as long as a run takes, or
// for as long as the eligibility lasts.
// learn.microsoft.com/azure/role-based-access-control/pim-integration
func (r remedy) activate(e arm.RoleEligibility) Fix {
	f := Fix{Text: fmt.Sprintf("activate %s at %s, which you are eligible for", e.RoleName, e.Scope)}
	length := 2 * RunTakes
	if !e.End.IsZero() {
		f.Text += " until " + e.End.UTC().Format(time.RFC3339)
		length = min(length, e.End.Sub(r.now).Truncate(time.Minute))
	}
	if r.local != "" {
		return f
	}
	if command, err := e.Activate(r.caller.ObjectID, "kars up", length).Command(); err == nil {
		f.Command = command
	}
	return f
}

// ending warns of roles that end before the run would, where the plan needs
// them: without them something that is allowed now is not any more.
func (d decider) ending() []Finding {
	end := d.facts.Gathered.Add(RunTakes)
	var out []Finding
	for _, a := range d.facts.Activations.Value {
		if a.End.After(end) || !d.facts.needed(d.plan, a) {
			continue
		}
		name := a.RoleName
		if name == "" {
			name = "a role of yours"
		}
		out = append(out, Finding{
			ID: "token/activation-ends", Category: CategoryToken, Verdict: Warn, Subject: name, Scope: a.Scope,
			Why: "the run needs it to its end",
			Evidence: []string{fmt.Sprintf("it ends at %s, %d minutes after this check; a run may take up to %d",
				a.End.UTC().Format(time.RFC3339), int(a.End.Sub(d.facts.Gathered).Minutes()), int(RunTakes.Minutes()))},
			Fix: []Fix{{Text: "deactivate and activate it anew, or extend it, before the run: https://portal.azure.com, Privileged Identity Management, My roles, Azure resources"}},
		})
	}
	return out
}

// needed reports whether some need is met with a role that ends, and open without
// it. Where what the roles grant is not known, it is.
func (f Facts) needed(p *plan.Plan, ends arm.RoleActivation) bool {
	if f.Assignments.Unread != nil || f.Definitions.Unread != nil || len(f.Definitions.Value) == 0 {
		return true
	}
	rest := f
	rest.Assignments.Value = slices.DeleteFunc(slices.Clone(f.Assignments.Value), func(a rbac.Assignment) bool {
		return ends.AssignmentID != "" && strings.EqualFold(a.ID, ends.AssignmentID) ||
			a.PrincipalID == ends.PrincipalID && strings.EqualFold(a.RoleDefinitionID, ends.RoleDefinitionID) && strings.EqualFold(a.Scope, ends.Scope)
	})
	before, principals := f.assigned()
	after, _ := rest.assigned()
	return slices.ContainsFunc(append(slices.Clone(p.Needs), f.registering(p)...), func(n plan.Need) bool {
		return f.matters(n) && before.Decide(principals, request(n)).Verdict == rbac.Allowed &&
			after.Decide(principals, request(n)).Verdict != rbac.Allowed
	})
}

// endsSoon reports whether a role of the caller's ends before a run would.
func (f Facts) endsSoon() bool {
	return slices.ContainsFunc(f.Activations.Value, func(a arm.RoleActivation) bool { return !a.End.After(f.Gathered.Add(RunTakes)) })
}
