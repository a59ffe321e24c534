package preflight

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/azure/credential"
	"github.com/kars-dev/kars/internal/azure/graph"
	"github.com/kars-dev/kars/internal/diagnose"
	"github.com/kars-dev/kars/internal/kube"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/rbac"
)

// FactsVersion is the version of the document that [Facts] are saved as. It
// goes up when a fact changes its meaning; docs/facts.md has its history.
const FactsVersion = 1

// Facts are everything that deciding looks at, so that a saved one comes to the
// same verdict on another machine and without a network. They hold no token.
type Facts struct {
	APIVersion string `json:"apiVersion"` // kars.azure.com/v1alpha1
	Kind       string `json:"kind"`       // PreflightFacts
	Version    int    `json:"version"`    // FactsVersion
	// Gathered is when, in UTC: activations and secrets end relative to it.
	Gathered time.Time         `json:"gathered"`
	Plan     plan.Options      `json:"plan"`
	Caller   credential.Caller `json:"caller"`
	// LocalPrincipal is the caller's name in the local Azure, empty in the real
	// one. Fixes are then commands of `kars local`.
	LocalPrincipal string `json:"localPrincipal,omitempty"`
	Requests       int    `json:"requests"`
	DurationMS     int64  `json:"durationMs"`

	Group Fact[Group] `json:"group"`
	// Permissions of the caller by the scope they were asked for: the
	// subscription, the group if it exists, and resources that exist and where
	// those of the group did not suffice.
	Permissions map[string]Fact[[]rbac.Permission] `json:"permissions"`
	// Assignments are those of the caller at the subscription and below it, from
	// above it and through groups too; at the group where the subscription is
	// closed to the caller. Those at an account in another subscription are among
	// them, where they could be read.
	Assignments Fact[[]rbac.Assignment]     `json:"assignments"`
	Denies      Fact[[]rbac.DenyAssignment] `json:"denies"`
	// Elsewhere is what guards the scopes outside of the group on which the plan
	// gives roles.
	Elsewhere map[string]Elsewhere `json:"elsewhere,omitempty"`
	// Definitions are of the subscription's roles; asked for only when a role
	// hangs on a condition, or when something is missing.
	Definitions Fact[[]rbac.RoleDefinition] `json:"definitions"`
	// Registrations are the states of resource providers by namespace in lower
	// case.
	Registrations Fact[map[string]string] `json:"registrations"`
	// Locations are the regions, by display name, of each planned type that
	// lists any. They are read with Registrations.
	Locations map[string][]string `json:"locations,omitempty"`
	// Granted are the roles that the plan's identities have already; asked for
	// only when the caller may not give them.
	Granted   Fact[[]Granted] `json:"granted"`
	Directory Fact[Standing]  `json:"directory"`

	Guards
	Offers
	Privileges
	Token Origin `json:"token,omitzero"`
	// Kubernetes is what a cluster that is there already says; nil if none was
	// asked.
	Kubernetes *Fact[kube.Standing] `json:"kubernetes,omitempty"`
}

// A Fact is something read from Azure, or why it could not be read. A fact that
// nobody asked for has neither.
type Fact[T any] struct {
	Value  T       `json:"value,omitzero"`
	Unread *Unread `json:"unread,omitempty"`
}

// Unread says why a fact could not be read.
type Unread struct {
	What   string `json:"what"`   // as "the deny assignments at /subscriptions/…"
	Reason string `json:"reason"` // one line
	// Permission and Scope are what a refusal names.
	Permission string `json:"permission,omitempty"`
	Scope      string `json:"scope,omitempty"`
	Refused    bool   `json:"refused,omitempty"` // for want of a permission
	Code       string `json:"code,omitempty"`    // as AADSTS530084, where an answer has one
	TimedOut   bool   `json:"timedOut,omitempty"`
}

// Error says it in one line.
func (u *Unread) Error() string {
	if u.TimedOut {
		return fmt.Sprintf("reading %s: no answer in time", u.What)
	}
	return fmt.Sprintf("reading %s: %s", u.What, u.Reason)
}

// read makes a fact of an answer, or of an error that kept it from being read.
func read[T any](ctx context.Context, what string, value T, err error) Fact[T] {
	if err == nil {
		return Fact[T]{Value: value}
	}
	u := &Unread{What: what, Reason: oneLine(err.Error()), Refused: arm.IsForbidden(err), TimedOut: errors.Is(ctx.Err(), context.DeadlineExceeded)}
	if refusal := new(arm.Error); errors.As(err, &refusal) {
		root := refusal.Root()
		u.Permission, u.Scope = root.Action, root.Scope
	}
	if described, ok := diagnose.Of(err); ok {
		u.Code = described.Code
	}
	return Fact[T]{Value: value, Unread: u}
}

// Group is the plan's resource group as it is now.
type Group struct {
	Exists   bool   `json:"exists"`
	Location string `json:"location,omitempty"`
}

// groupMayExist reports whether the group is there, or may be: an answer that
// was lost says nothing. Of what a group that is not there holds, Azure says
// that it is not found.
func (f Facts) groupMayExist() bool {
	return f.Group.Value.Exists || f.Group.Unread != nil && !f.Group.Unread.Refused
}

// narrowest is the group if it may exist, or else the subscription.
func (f Facts) narrowest(p *plan.Plan) string {
	if f.groupMayExist() {
		return p.Group.ID
	}
	return arm.SubscriptionID(p.SubscriptionID)
}

// Standing is what the caller is in the directory.
type Standing struct {
	Roles       []graph.Role `json:"roles,omitempty"`       // active
	Permissions []string     `json:"permissions,omitempty"` // of an application by itself, in Graph
	Delegated   []string     `json:"delegated,omitempty"`   // that a user's token has in Graph
	// Token is true if there was one, and Permissions and Delegated are all of it.
	Token bool `json:"token,omitempty"`
}

// store keeps facts that are read at the same time.
type store struct {
	mu    sync.Mutex
	facts Facts
}

// set changes the facts.
func (s *store) set(change func(*Facts)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.facts)
}

// holdings returns what the caller holds at each scope that was asked for and
// contains this one, the narrowest first.
func (f Facts) holdings(scope string) []holding {
	var out []holding
	for asked, p := range f.Permissions {
		if rbac.Contains(asked, scope) {
			out = append(out, holding{scope: asked, Fact: p})
		}
	}
	slices.SortFunc(out, func(a, b holding) int { return len(b.scope) - len(a.scope) })
	return out
}

type holding struct {
	scope string
	Fact[[]rbac.Permission]
}

// conditioned reports whether a role of the caller hangs on a condition.
func (f Facts) conditioned() bool {
	return slices.ContainsFunc(f.Assignments.Value, func(a rbac.Assignment) bool { return a.Condition != "" })
}

// registration returns the state of a resource provider.
func (f Facts) registration(namespace string) string {
	if state := f.Registrations.Value[strings.ToLower(namespace)]; state != "" {
		return state
	}
	return "NotRegistered"
}
