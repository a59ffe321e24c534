package preflight

import (
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
		f.Verdict, f.Evidence = Unknown, []string{err.Error()}
		f.Fix = []Fix{d.remedy.register(n.Action)}
		return f
	}
	state := d.facts.registration(n.Action)
	f.Evidence = []string{"its state is " + state}
	if state == "Registered" || state == "Registering" {
		f.Verdict = Pass
		return f
	}
	f.Fix = []Fix{d.remedy.register(n.Action)}
	register := plan.Need{Kind: plan.NeedAction, Action: n.Action + "/register/action", Scope: n.Scope, Step: n.Step}
	decision := d.facts.permitted(register)
	f.Evidence = append(f.Evidence, decision.Reason)
	switch decision.Verdict {
	case rbac.Allowed:
		f.Verdict = Warn
		f.Evidence = append(f.Evidence, "the run registers it, which takes some minutes")
	case rbac.Denied:
		f.Verdict, f.Blocks = Fail, true
	default:
		f.Verdict = Unknown
	}
	return f
}
