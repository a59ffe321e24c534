package permissions

import (
	"strings"

	"github.com/kars-dev/kars/internal/plan"
)

// who names the principal for a person.
func (p *Page) who() string {
	who := p.Principal
	switch {
	case who.ObjectID == "":
		return "whoever runs kars up"
	case who.DisplayName == "":
		return "the " + typeWords(who.Type) + " " + who.ObjectID
	}
	return who.DisplayName + " (" + typeWords(who.Type) + " " + who.ObjectID + ")"
}

func typeWords(principalType string) string {
	switch principalType {
	case "User", "Group":
		return strings.ToLower(principalType)
	case "ServicePrincipal":
		return "service principal"
	}
	return "principal"
}

// covered are the permissions that the custom role brings, each action once,
// with all of its reasons.
func (p *Page) covered() []Permission {
	var out []Permission
	at := map[string]int{}
	for _, r := range p.Permissions {
		if r.Role == "" || r.Role != p.roleName() {
			continue
		}
		key := strings.ToLower(r.Action)
		i, seen := at[key]
		if !seen {
			at[key] = len(out)
			out = append(out, r)
			continue
		}
		out[i].Why = joined(out[i].Why, r.Why)
	}
	return out
}

// joined adds a reason that is not among the others yet.
func joined(why, more string) string {
	for _, w := range strings.Split(why, "; ") {
		if w == more {
			return why
		}
	}
	return why + "; " + more
}

// left are the rights that no role of the page brings.
func (p *Page) left() []Permission {
	var out []Permission
	for _, r := range p.Permissions {
		if r.Role == "" {
			out = append(out, r)
		}
	}
	return out
}

// directoryWays are the ways to a right in the directory, for the kind of
// principal that it is (U25, U26).
func (p *Page) directoryWays() []string {
	developer := plan.AgentIDRoles()[0]
	application := "a service principal takes, instead of a directory role, these application permissions of Microsoft Graph, with an administrator's consent: " +
		strings.Join(plan.AgentIDPermissions(), ", ")
	assign := "an administrator gives the directory role " + developer.Name + " (" + developer.ID + ") at https://entra.microsoft.com, Identity, Roles & admins"
	activate := "whoever is eligible for it activates it at https://portal.azure.com, Privileged Identity Management, My roles, Microsoft Entra roles"
	later := "without it the sandboxes run in the anonymous tier, and `kars mesh setup-trust` completes trust later, by whoever holds the role"
	if p.Principal.Type == "ServicePrincipal" {
		return []string{application, later}
	}
	return []string{assign, activate, later}
}

// reach says what a scope is, for a heading.
func reach(scope string) string {
	switch parts := strings.Split(scope, "/"); {
	case scope == "/":
		return "the tenant"
	case len(parts) == 3:
		return "the subscription"
	case len(parts) == 5:
		return "the group " + parts[4]
	default:
		return "`" + parts[len(parts)-1] + "`"
	}
}
