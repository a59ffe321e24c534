package preflight

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/rbac"
)

// Explanations are the derivations of a report's verdicts about permissions.
type Explanations struct {
	APIVersion string        `json:"apiVersion"`
	Kind       string        `json:"kind"`
	Needs      []Explanation `json:"needs"`
}

// An Explanation says by which role assignments a need is met, or why none of
// them does and what would change that.
type Explanation struct {
	Action  string       `json:"action"`
	Scope   string       `json:"scope"`
	Step    plan.Step    `json:"step"`
	Why     string       `json:"why"`
	Verdict Verdict      `json:"verdict"`
	Grants  []Derivation `json:"grants"`
	Denies  []Derivation `json:"denies"`
	// Notes say what the derivation does not show.
	Notes []string `json:"notes"`
	Fix   []Fix    `json:"fix"` // each was tried by the evaluator
}

// A Derivation is what one role assignment, or one deny assignment, comes to.
type Derivation struct {
	Assignment string   `json:"assignment"` // its id
	Name       string   `json:"name"`       // of the role, or of the deny assignment
	Scope      string   `json:"scope"`
	Principal  string   `json:"principal"`         // the caller, or a group of the caller's
	Verdict    string   `json:"verdict"`           // allowed, denied or unknown: by itself
	Pattern    string   `json:"pattern,omitempty"` // of actions, that names the action
	Except     string   `json:"except,omitempty"`  // of notActions, that takes it away again
	Condition  []string `json:"condition,omitempty"`
	Spares     string   `json:"spares,omitempty"` // why a deny assignment does not apply
}

// Explain derives the verdicts about the actions that match a pattern, as
// Microsoft.KeyVault/*; an empty one stands for all that do not pass. It needs
// the role definitions among the facts; see [Options.Definitions].
func Explain(p *plan.Plan, f Facts, r Report, pattern string) Explanations {
	x := Explanations{APIVersion: apiVersion, Kind: "PreflightExplanations", Needs: []Explanation{}}
	policy, principals := f.derivable()
	d := decider{plan: p, facts: f, remedy: newRemedy(p, f)}
	for _, n := range p.Needs {
		if n.Kind != plan.NeedAction {
			continue
		}
		found, ok := r.finding("rbac/"+n.Action, n.Scope)
		if !ok || pattern == "" && found.Verdict == Pass || pattern != "" && !rbac.Match(pattern, n.Action) {
			continue
		}
		explained := f.explain(policy, principals, n, found)
		if found.Verdict == Fail {
			explained.Fix = append(slices.Clip(explained.Fix), d.customRole(n)...)
		}
		x.Needs = append(x.Needs, explained)
	}
	return x
}

// derivable is the policy of everything that was read of the caller, or nil.
func (f Facts) derivable() (*rbac.Policy, []string) {
	policy, principals := f.assigned()
	if policy == nil {
		return nil, nil
	}
	for _, group := range f.Caller.Groups {
		if !slices.Contains(principals, group) {
			principals = append(principals, group)
		}
	}
	return rbac.Compile(rbac.Input{
		Definitions: f.Definitions.Value, Assignments: f.Assignments.Value, Denies: f.Denies.Value, Parents: f.parents(),
	}), principals
}

func (f Facts) explain(policy *rbac.Policy, principals []string, n plan.Need, found Finding) Explanation {
	out := Explanation{
		Action: n.Action, Scope: n.Scope, Step: n.Step, Why: n.Why, Verdict: found.Verdict, Fix: found.Fix,
		Grants: []Derivation{}, Denies: []Derivation{}, Notes: []string{},
	}
	if policy == nil {
		for _, u := range []*Unread{f.Assignments.Unread, f.Definitions.Unread} {
			if u != nil {
				out.Notes = append(out.Notes, u.Error())
			}
		}
		out.Notes = append(out.Notes, found.Evidence...)
		return out
	}
	derived := policy.Explain(principals, request(n))
	for _, g := range derived.Grants {
		out.Grants = append(out.Grants, f.derivation(g))
	}
	for _, d := range derived.Denies {
		out.Denies = append(out.Denies, Derivation{
			Assignment: d.Assignment.ID, Name: d.Assignment.Name, Scope: d.Assignment.Scope, Verdict: d.Takes.String(),
			Pattern: d.Pattern, Except: d.NotPattern, Condition: clauses(d.Clauses, d.Problem), Spares: string(d.Spares),
		})
	}
	if (derived.Decision.Verdict == rbac.Allowed) != (found.Verdict == Pass) {
		out.Notes = append(append(out.Notes, "the verdict rests on more than the role assignments that you may read:"), found.Evidence...)
	}
	return out
}

func (f Facts) derivation(g rbac.ExplainedGrant) Derivation {
	d := Derivation{
		Assignment: g.Assignment.ID, Name: g.Assignment.RoleDefinitionID, Scope: g.Assignment.Scope, Principal: "you",
		Verdict: g.Verdict.String(), Pattern: g.Pattern, Except: g.NotPattern, Condition: clauses(g.Clauses, g.Problem),
	}
	if g.Definition != nil {
		d.Name = g.Definition.Name
	}
	if !strings.EqualFold(g.Assignment.PrincipalID, f.Caller.ObjectID) {
		d.Principal = "the group " + g.Assignment.PrincipalID
	}
	return d
}

// clauses say what a condition comes to, a line each.
func clauses(all []rbac.Clause, problem string) []string {
	var out []string
	for _, c := range all {
		out = append(out, fmt.Sprintf("%s: %s (%s)", c.Truth, c.Text, c.Why))
	}
	if problem != "" {
		out = append(out, problem)
	}
	return out
}

// finding returns the one with this key.
func (r Report) finding(id, scope string) (Finding, bool) {
	i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.ID == id && f.Scope == scope })
	if i < 0 {
		return Finding{}, false
	}
	return r.Findings[i], true
}
