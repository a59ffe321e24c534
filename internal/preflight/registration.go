package preflight

import (
	"slices"

	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/rbac"
)

// registration checks that a resource provider is registered, or that the run
// can register it (U16, U17).
func (d decider) registration(n plan.Need) Finding {
	f := Finding{
		ID: "registration/" + n.Action, Category: CategoryRegistration, Subject: n.Action, Scope: n.Scope,
		Why: n.Why,
	}
	if err := d.facts.Registrations.Unread; err != nil {
		f = undecided(f, err)
		f.Fix = append(f.Fix, d.remedy.register(n.Action))
		return f
	}
	state := d.facts.registration(n.Action)
	f.Evidence = []string{"its state is " + state}
	if registered(state) {
		f.Verdict = Pass
		return f
	}
	f.Fix = []Fix{d.remedy.register(d.facts.Unregistered(d.plan)...)}
	decision := d.facts.permitted(registering(n))
	f.Evidence = append(f.Evidence, decision.Reason)
	switch decision.Verdict {
	case rbac.Allowed:
		f.Verdict = Warn
		f.Evidence = append(f.Evidence, "the run registers it, which takes some minutes")
	case rbac.Denied:
		f.Verdict, f.Blocks = Fail, true
		f.Fix = slices.Concat(d.changes.activate[keyOf(registering(n))], f.Fix)
	default:
		f.Verdict = Unknown
	}
	return f
}

// registered reports whether a provider's state needs nothing done: Azure
// finishes what is Registering by itself.
func registered(state string) bool { return state == "Registered" || state == "Registering" }

// registering is the right of registering what a need names.
func registering(n plan.Need) plan.Need {
	return plan.Need{Kind: plan.NeedAction, Action: n.RegisterAction(), Scope: n.Scope, Step: n.Step}
}

// registering are the rights of registering what is not registered.
func (f Facts) registering(p *plan.Plan) []plan.Need {
	var out []plan.Need
	for _, n := range p.Needs {
		if n.Kind == plan.NeedRegistration && f.Registrations.Unread == nil && !registered(f.registration(n.Action)) {
			out = append(out, registering(n))
		}
	}
	return out
}

// Unregistered are the namespaces that the plan needs and the subscription has
// not registered; none where that could not be read.
func (f Facts) Unregistered(p *plan.Plan) []string {
	var out []string
	if f.Registrations.Unread != nil {
		return nil
	}
	for _, r := range p.Registrations {
		if !registered(f.registration(r.Namespace)) {
			out = append(out, r.Namespace)
		}
	}
	return out
}
