package preflight

import (
	"strings"

	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/rbac"
)

// feature checks that a preview feature is registered with the subscription, or
// that the run can register it and have its provider learn of it. Without it the
// nodes are refused minutes into the run (U19 to U22).
//
// learn.microsoft.com/azure/aks/enable-host-encryption
func (d decider) feature(n plan.Need) Finding {
	f := Finding{ID: "feature/" + n.Action, Category: CategoryFeature, Subject: n.Action, Scope: n.Scope, Why: n.Why}
	if err := d.facts.Features.Unread; err != nil {
		f = undecided(f, err)
		f.Fix = append(f.Fix, d.remedy.feature(n.Action)...)
		return f
	}
	state := d.facts.Features.Value[strings.ToLower(n.Action)]
	if state == "" {
		state = "NotRegistered"
	}
	f.Evidence = []string{"its state is " + state}
	if state == "Registered" {
		f.Verdict = Pass
		return f
	}
	f.Fix = d.remedy.feature(n.Action)
	namespace, _, _ := strings.Cut(n.Action, "/")
	f.Verdict, f.Blocks = Warn, false
	actions := []string{n.RegisterAction(), namespace + "/register/action"}
	under := underway(state)
	if under {
		actions = actions[1:]
	}
	for _, action := range actions {
		decision := d.facts.permitted(plan.Need{Kind: plan.NeedAction, Action: action, Scope: n.Scope, Step: n.Step})
		if decision.Verdict == rbac.Allowed {
			continue
		}
		would := "register it"
		if under {
			would = "have its provider learn of it"
		}
		f.Evidence = append(f.Evidence, "the run would "+would+", but "+action+": "+decision.Reason)
		switch {
		case n.Optional:
			f.Evidence = append(f.Evidence, "where the feature is generally available its registration is not needed")
		case decision.Verdict == rbac.Denied && !under: // whoever asked for it may do the rest too
			f.Verdict, f.Blocks = Fail, true
		case f.Verdict != Fail:
			f.Verdict = Unknown
		}
	}
	switch {
	case f.Verdict != Warn || n.Optional:
	case under:
		f.Evidence = append(f.Evidence, "somebody has asked for it; the run waits, which takes 5 to 15 minutes, or until it is approved")
	default:
		f.Evidence = append(f.Evidence, "the run registers it and waits, which takes 5 to 15 minutes")
	}
	return f
}

// underway reports whether a feature's registration has been asked for.
// learn.microsoft.com/azure/azure-resource-manager/management/preview-features
func underway(state string) bool { return state == "Registering" || state == "Pending" }

// UnregisteredFeatures are those that the plan needs and the subscription can
// register and has not; none where that could not be read.
func (f Facts) UnregisteredFeatures(p *plan.Plan) []plan.Feature {
	var out []plan.Feature
	for _, feature := range p.Features {
		state, known := f.Features.Value[strings.ToLower(feature.ID())]
		if f.Features.Unread == nil && known && state != "Registered" {
			out = append(out, feature)
		}
	}
	return out
}

// feature are the commands that register a feature, and make its provider learn
// of it.
// learn.microsoft.com/azure/azure-resource-manager/management/preview-features
func (r remedy) feature(id string) []Fix {
	namespace, name, _ := strings.Cut(id, "/")
	if r.local != "" {
		return nil
	}
	in := " --subscription " + r.subscription
	return []Fix{
		{
			Text:    "register it, or have somebody with a role at the subscription do so",
			Command: "az feature register --namespace " + namespace + " --name " + name + in,
		},
		{
			Text:    "see when its state is Registered",
			Command: "az feature show --namespace " + namespace + " --name " + name + in + " --query properties.state -o tsv",
		},
		{Text: "then have its provider learn of it", Command: "az provider register -n " + namespace + in},
	}
}
