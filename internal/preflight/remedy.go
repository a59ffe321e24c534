package preflight

import (
	"fmt"
	"strings"
	"time"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/azure/credential"
	"github.com/kars-dev/kars/internal/azure/graph"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/rbac"
)

// A remedy knows the commands that would change a finding. They name the
// caller by object id, which is right for users and service principals alike
// and takes no look-up in the directory.
type remedy struct {
	caller       credential.Caller
	local        string // name in the local Azure, or empty
	subscription string
	group        string // ARM id of the group if it exists
	now          time.Time
}

func newRemedy(p *plan.Plan, f Facts) remedy {
	r := remedy{caller: f.Caller, local: f.LocalPrincipal, subscription: p.SubscriptionID, now: f.Gathered}
	if f.Group.Value.Exists {
		r.group = p.Group.ID
	}
	return r
}

// forAction is the assignment of the one of the two recommended roles that
// grants the action, at the narrowest scope that exists and serves the plan.
func (r remedy) forAction(n plan.Need) []Fix {
	scope := arm.SubscriptionID(r.subscription)
	switch {
	case r.group != "" && rbac.Contains(r.group, n.Scope):
		scope = r.group
	case !rbac.Contains(scope, n.Scope):
		scope = n.Scope // of another subscription
	}
	return []Fix{r.assign(roleFor(n.Action), scope)}
}

// roleFor is Contributor, or User Access Administrator for what Contributor
// leaves out.
func roleFor(action string) string {
	for _, left := range []string{"Microsoft.Authorization/*/write", "Microsoft.Authorization/*/delete"} {
		if rbac.Match(left, action) {
			return "User Access Administrator"
		}
	}
	return "Contributor"
}

func (r remedy) assign(role, scope string) Fix {
	text := "have somebody who may assign roles there give you " + role
	if r.local != "" {
		value := role
		if scope != arm.SubscriptionID(r.subscription) {
			value += "@" + scope
		}
		return Fix{Text: "give the local principal " + role, Command: r.localAdd("--role", value)}
	}
	kind := "User"
	if r.caller.Type == credential.ServicePrincipal {
		kind = "ServicePrincipal"
	}
	return Fix{Text: text, Command: fmt.Sprintf(
		"az role assignment create --assignee-object-id %s --assignee-principal-type %s --role %s --scope %s",
		r.caller.ObjectID, kind, quote(role), quote(scope))}
}

// register is the command that registers these namespaces: a loop where there
// are several (U18).
func (r remedy) register(namespaces ...string) Fix {
	if r.local != "" {
		return r.assign("Contributor", arm.SubscriptionID(r.subscription))
	}
	f := Fix{
		Text:    "register it, or have somebody with a role at the subscription do so",
		Command: "az provider register -n " + strings.Join(namespaces, " ") + " --subscription " + r.subscription,
	}
	if len(namespaces) > 1 {
		f.Text = "register what is missing, or have somebody with a role at the subscription do so"
		f.Command = "for namespace in " + strings.Join(namespaces, " ") + `; do az provider register -n "$namespace" --subscription ` + r.subscription + "; done"
	}
	return f
}

// directoryRole says the way to the role that helps (U26): activating it for who
// is eligible, being given it for who is not, and both where that is not known.
func (r remedy) directoryRole(eligible Fact[[]graph.RoleInstance]) []Fix {
	if r.local != "" {
		return []Fix{{Text: "give the local principal the role, then complete trust with `kars mesh setup-trust --local`", Command: r.localAdd("--directory-role", "Agent ID Developer")}}
	}
	const portal = "https://portal.azure.com, Privileged Identity Management, My roles, Microsoft Entra roles"
	give := Fix{Text: "have an administrator give it to you: https://entra.microsoft.com, Identity, Roles & admins, Agent ID Developer"}
	then := Fix{Text: "then complete trust", Command: "kars mesh setup-trust"}
	if eligible.Unread != nil {
		return []Fix{{Text: "if the role is yours to activate: " + portal}, give, then}
	}
	for _, role := range eligible.Value {
		if _, helps := agentIDRole(role.TemplateID); !helps || role.Scope != "/" {
			continue
		}
		f := Fix{Text: "activate " + role.Name + ", which you are eligible for"}
		if !role.End.IsZero() {
			f.Text += " until " + role.End.UTC().Format(time.RFC3339)
		}
		f.Text += ": " + portal
		return []Fix{f, then}
	}
	return []Fix{give, then}
}

func (r remedy) localAdd(flag, value string) string {
	kind := ""
	if r.caller.Type == credential.ServicePrincipal {
		kind = " --type sp"
	}
	return "kars local principal add " + r.local + kind + " " + flag + " " + quote(value)
}

// quote makes one word of s for a POSIX shell.
func quote(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./@:", c)
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
