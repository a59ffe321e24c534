package authorization

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/kars-dev/kars/internal/rbac"
	"github.com/kars-dev/kars/localazure/action"
	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/directory"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// look is what a list of instances is asked for: at, above and below a scope,
// of some principals or of all.
type look struct {
	scope  string
	filter filter
	own    bool     // asTarget(): what the caller itself may have
	person string   // whose; "" for everybody's
	groups []string // that the person is in
}

// listInstances answers with what find returns. A caller may ask for its own
// without any permission: who is eligible has none yet, and the portal's "My
// roles" lists what there is to activate;
// learn.microsoft.com/entra/id-governance/privileged-identity-management/pim-resource-roles-activate-your-roles.
func (p *Provider) listInstances(ctx context.Context, r *arm.Request, find func(names, look) ([]store.Tree, error)) (*arm.Response, error) {
	l, err := p.look(r)
	if err != nil {
		return nil, err
	}
	if !l.own {
		need, _ := action.Of(r.Method, r.ID)
		if err := p.service.Authorize(ctx, r.Caller, need, nil); err != nil {
			return nil, err
		}
	}
	if err := p.authorizer.Settle(); err != nil {
		return nil, err
	}
	var trees []store.Tree
	err = p.service.Store.View(func(tx *store.Tx) error {
		n, err := p.names(tx)
		if err == nil {
			trees, err = find(n, l)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	page, err := arm.Paged(r, trees)
	if err != nil {
		return nil, err
	}
	return arm.OK(page), nil
}

func (p *Provider) look(r *arm.Request) (look, error) {
	l := look{scope: r.ID.Scope()}
	text := strings.TrimSpace(r.URL.Query().Get("$filter"))
	l.own = regexp.MustCompile(`(?i)^asTarget\(\)$`).MatchString(text)
	if !l.own {
		var err error
		if l.filter, err = parseFilter(text); err != nil {
			return l, err
		}
		l.person = l.filter.assignedTo
	} else {
		l.person = r.Caller.ObjectID
	}
	if l.person == "" {
		return l, nil
	}
	groups, err := p.directory.GroupsOf(l.person)
	l.groups = groups
	return l, err
}

// sees says whether what a principal has at a scope is asked for.
func (l look) sees(scope, principal string) bool {
	if !covers(scope, l.scope) && (l.filter.atScope || !covers(l.scope, scope)) {
		return false
	}
	switch {
	case l.person != "":
		return strings.EqualFold(principal, l.person) || l.through(principal)
	case l.filter.principal != "":
		return strings.EqualFold(principal, l.filter.principal)
	}
	return true
}

func (l look) through(principal string) bool {
	return slices.ContainsFunc(l.groups, func(g string) bool { return strings.EqualFold(g, principal) })
}

// memberType says how what is asked for comes about: to who asks itself, by a
// group, or from a scope above.
func (l look) memberType(s schedule) string {
	switch {
	case l.through(s.PrincipalID):
		return "Group"
	case !covers(l.scope, s.Scope):
		return "Inherited"
	}
	return "Direct"
}

// names tells what schedules refer to by its name.
type names struct {
	tx        *store.Tx
	directory *directory.Tx
	roles     map[string]rbac.RoleDefinition
}

func (p *Provider) names(tx *store.Tx) (names, error) {
	n := names{tx: tx, directory: p.directory.In(tx), roles: map[string]rbac.RoleDefinition{}}
	err := eachDefinition(tx, func(d rbac.RoleDefinition) error {
		n.roles[d.ID] = d
		return nil
	})
	return n, err
}

// expanded are the expandedProperties of a principal's role at a scope.
func (n names) expanded(scope, role, principal string) (store.Tree, error) {
	who, _, err := n.directory.Principal(principal)
	if err != nil {
		return nil, err
	}
	at, err := expandedScope(n.tx, scope)
	if err != nil {
		return nil, err
	}
	person := store.Tree{"id": principal, "displayName": who.DisplayName, "type": who.Type}
	if who.UPN != "" {
		person["email"] = who.UPN
	}
	return store.Tree{"scope": at, "principal": person, "roleDefinition": expandedRole(scope, n.roles[role])}, nil
}

func expandedRole(scope string, d rbac.RoleDefinition) store.Tree {
	at, _ := armid.Parse(scope) // the tenant's form where the scope has no subscription
	return store.Tree{"id": definitionID(at, d.ID), "displayName": d.Name, "type": d.Type}
}

func expandedScope(tx *store.Tx, scope string) (store.Tree, error) {
	id, err := armid.Parse(scope)
	if err != nil {
		return nil, err
	}
	out := store.Tree{"id": scope, "displayName": id.Name(), "type": id.Type()}
	switch {
	case scope == "/":
		out["displayName"], out["type"] = "Tenant root", "tenant"
	case len(id.Providers) == 0 && id.ResourceGroup != "":
		out["type"] = "resourcegroup"
	case len(id.Providers) == 0:
		tree, _, err := resource.Get(tx, scope)
		if err != nil {
			return nil, err
		}
		out["displayName"], out["type"] = resource.Text(tree, "displayName"), "subscription"
	}
	return out, nil
}
