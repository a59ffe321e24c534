package rbac

import (
	"cmp"
	"slices"
	"time"
)

// A SuggestionKind says what is done to follow a suggestion.
type SuggestionKind int

// The kinds of suggestion, from the one that takes the fewest people to the
// one that takes the most.
const (
	Activate SuggestionKind = iota // activate an eligible assignment in PIM
	Assign                         // have a role that exists assigned
	Custom                         // have a custom role made and assigned
)

func (k SuggestionKind) String() string {
	switch k {
	case Activate:
		return "activate"
	case Assign:
		return "assign"
	default:
		return "custom"
	}
}

// A Suggestion is one role assignment that, added to the policy, allows
// requests that it did not allow.
type Suggestion struct {
	Kind SuggestionKind
	// Role is what Assignment gives. Of a Custom one it holds exactly the
	// actions of the requests, with no id: it does not exist yet.
	Role       RoleDefinition
	Assignment Assignment
	// Eligible is what is to be activated, of an Activate one.
	Eligible *Eligible
	// Flips are the indices of the requests that it allows, ascending.
	Flips []int
	// Besides counts the actions it grants that nobody asked for, among those
	// that the roles of SuggestOptions name. Of a Custom one it is zero.
	Besides int
}

// An Eligible is a role assignment that may be activated.
//
// learn.microsoft.com/entra/id-governance/privileged-identity-management/pim-resource-roles-activate-your-roles
type Eligible struct {
	Assignment           // in force once activated; PrincipalID may be a group's
	Ends       time.Time // of the eligibility; zero when it has no end
}

// SuggestOptions is what suggestions are made from.
type SuggestOptions struct {
	// Roles are the roles that somebody could assign. Those of the policy are
	// not candidates unless they are here too.
	Roles    []RoleDefinition
	Eligible []Eligible
	// Scopes are those that exist and at which a role could be assigned.
	Scopes []string
}

// Suggest is [Advisor.Suggest] for who asks once.
func Suggest(in Input, principals []string, denied []Request, o SuggestOptions) []Suggestion {
	return NewAdvisor(in, o).Suggest(principals, denied)
}

// An Advisor suggests the smallest changes to role assignments that allow what
// a policy does not. It may not be used from several goroutines at once.
type Advisor struct {
	policy     *Policy
	candidates []*candidate
	eligible   []Eligible
	scopes     []string          // normalized, the narrowest first
	written    map[string]string // scopes as they were given
	universe   *universe
}

// NewAdvisor makes an advisor over the policy that in makes.
func NewAdvisor(in Input, o SuggestOptions) *Advisor {
	a := &Advisor{policy: Compile(in), eligible: o.Eligible, written: map[string]string{}, universe: newUniverse(o.Roles)}
	for _, d := range o.Roles {
		a.candidates = append(a.candidates, newCandidate(d))
	}
	for _, written := range o.Scopes {
		s := NormalizeScope(written)
		if _, twice := a.written[s]; !twice {
			a.scopes = append(a.scopes, s)
			a.written[s] = written
		}
	}
	slices.SortStableFunc(a.scopes, func(x, y string) int {
		return cmp.Compare(a.policy.depth(y), a.policy.depth(x))
	})
	return a
}

// Suggest returns changes that allow the requests, each of which the caller
// (as for [Policy.Decide]; the first id is whom roles would be assigned to) is
// not allowed now. For each kind it returns as few as allow all that this kind
// can, so that the suggestions of one kind together are one way and the kinds
// are alternatives. What a deny assignment takes away, no suggestion brings
// back, and a request that is allowed already is left out.
//
// Among roles that allow equally much the one that grants least besides is
// taken, at the narrowest scope; a role that may give roles away is suggested
// only for what no other role grants.
//
// Every suggestion has been tried: with it alone added, the policy allows
// every request of its Flips.
func (a *Advisor) Suggest(principals []string, denied []Request) []Suggestion {
	if len(principals) == 0 {
		return nil
	}
	s := &search{Advisor: a, principals: principals, requests: denied}
	s.open = s.flippable()
	if len(s.open) == 0 {
		return nil
	}
	out := s.cover(s.activations())
	out = append(out, s.cover(s.assignments())...)
	return append(out, s.customs()...)
}

// A search is one call of Suggest.
type search struct {
	*Advisor
	principals []string
	requests   []Request
	queries    []query    // the requests as they are looked up
	open       []int      // the requests that some role assignment would allow
	reaching   [][]string // by request, the scopes whose assignments reach it
}

// flippable lists the requests that are not allowed, and that a role would
// allow because no deny assignment takes them away or may do so.
func (s *search) flippable() []int {
	var open []int
	s.reaching = make([][]string, len(s.requests))
	for i, r := range s.requests {
		s.queries = append(s.queries, newQuery(s.principals, r))
		if s.policy.Decide(s.principals, r).Verdict == Allowed {
			continue
		}
		q := s.queries[i]
		if _, blocked := s.policy.decideDenies(&q); blocked {
			continue
		}
		s.policy.upwards(q.scope, func(scope string) bool {
			s.reaching[i] = append(s.reaching[i], scope)
			return true
		})
		open = append(open, i)
	}
	return open
}

// option is a suggestion that is being weighed.
type option struct {
	Suggestion
	*candidate
	depth int
}

// activations are the eligible assignments that would help.
func (s *search) activations() []option {
	var out []option
	for i := range s.eligible {
		e := &s.eligible[i]
		assignment := e.Assignment
		if assignment.PrincipalID == "" {
			assignment.PrincipalID = s.principals[0]
		}
		c := s.candidate(assignment.RoleDefinitionID)
		if c == nil || assignment.Scope == "" || !slices.ContainsFunc(s.principals, func(p string) bool { return fold(p) == fold(assignment.PrincipalID) }) {
			continue
		}
		out = s.weigh(out, Suggestion{Kind: Activate, Role: c.definition, Assignment: assignment, Eligible: e}, c)
	}
	return out
}

// assignments are the roles that would help, at every scope.
func (s *search) assignments() []option {
	var out []option
	for _, c := range s.candidates {
		for _, scope := range s.scopes {
			if !s.assignable(c.definition, scope) {
				continue
			}
			out = s.weigh(out, Suggestion{Kind: Assign, Role: c.definition, Assignment: Assignment{
				PrincipalID: s.principals[0], RoleDefinitionID: c.definition.ID, Scope: s.written[scope],
			}}, c)
		}
	}
	return out
}

// weigh adds the suggestion to the options if it allows anything.
func (s *search) weigh(out []option, g Suggestion, c *candidate) []option {
	scope := NormalizeScope(g.Assignment.Scope)
	trial := &grant{assignment: &g.Assignment, role: &c.role, guard: compileGuard(g.Assignment.Condition, g.Assignment.ConditionVersion)}
	for _, i := range s.open {
		if !slices.Contains(s.reaching[i], scope) {
			continue
		}
		if trial.decide(&s.queries[i]).verdict == Allowed {
			g.Flips = append(g.Flips, i)
		}
	}
	if len(g.Flips) == 0 {
		return out
	}
	return append(out, option{Suggestion: g, candidate: c, depth: s.policy.depth(scope)})
}
