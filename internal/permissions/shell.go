package permissions

import (
	"fmt"
	"strings"
)

// Az is a POSIX shell script for the Azure CLI that defines the custom role and
// assigns it by object id and principal type, which is right for people, groups
// and service principals alike and takes no look-up in the directory.
// learn.microsoft.com/azure/role-based-access-control/role-assignments-cli
func (p *Page) Az() string {
	var b script
	b.line("#!/bin/sh")
	b.comment("Gives %s what `kars up` needs of %s, and no more.", p.who(), strings.Join(p.Scopes, " and "))
	b.comment("Review it, then run it signed in as somebody who may define and assign roles there,")
	b.comment("as Owner or User Access Administrator. It may be run again.")
	b.line("set -eu", "")
	b.assignee(p.Principal)
	b.set("subscription", p.SubscriptionID)
	b.set("role_name", p.roleName())
	b.comment("What each right is for:")
	for _, r := range p.covered() {
		for _, why := range strings.Split(oneLine(r.Why), "; ") {
			b.comment("- %s: %s", r.Action, why)
		}
	}
	b.line("definition=$(cat <<'EOF'", strings.TrimRight(p.Definition().JSON(), "\n"), "EOF", ")", "")
	b.line(again, "")
	b.line(
		`role=$(az role definition list --subscription "$subscription" --custom-role-only true --name "$role_name" --query '[0].name' --output tsv)`,
		`if [ -z "$role" ]; then`,
		`  role=$(az role definition create --subscription "$subscription" --role-definition "$definition" --query name --output tsv)`,
		`else`,
		`  az role definition update --subscription "$subscription" --role-definition "$definition" --output none`,
		`fi`, "")
	condition := ""
	if p.Condition != "" {
		b.comment("Limits which roles may be given, and to whom. An assignment that is there already")
		b.comment("keeps the condition that it has: delete it first to change that.")
		b.set("condition", p.Condition)
		condition = ` --condition "$condition" --condition-version ` + p.ConditionVersion
	}
	for _, scope := range p.Scopes {
		b.line(`again az role assignment create --assignee-object-id "$assignee" --assignee-principal-type "$assignee_type" \`,
			`  --role "$role" --scope `+quote(scope)+condition+` --output none`)
	}
	b.left(p)
	return b.String()
}

// again is a shell function that tries a command for a while: Azure shows a new
// role, and Entra a new principal, to all of its servers only after some time.
// learn.microsoft.com/azure/role-based-access-control/troubleshooting#symptom---role-assignment-changes-are-not-being-detected
const again = `# What was just made is not known everywhere at once: what refers to it is tried again.
again() {
  tries=0
  until "$@"; do
    tries=$((tries + 1))
    [ "$tries" -lt 10 ] || return 1
    sleep "${KARS_POLL_SECONDS:-10}"
  done
}`

// script is a shell script that is being written.
type script struct{ strings.Builder }

func (s *script) line(lines ...string) {
	for _, l := range lines {
		s.WriteString(l + "\n")
	}
}

// comment writes one line, whatever is in the words.
func (s *script) comment(format string, args ...any) {
	s.line("# " + oneLine(fmt.Sprintf(format, args...)))
}

func (s *script) set(name, value string) { s.line(name + "=" + quote(value)) }

// assignee sets who gets the rights; somebody unknown must be said when the
// script is run.
func (s *script) assignee(who Principal) {
	if who.ObjectID == "" {
		s.line(`assignee=${KARS_ASSIGNEE:?the object id of whoever runs kars up}`, `assignee_type=${KARS_ASSIGNEE_TYPE:-User} # or Group, ServicePrincipal`)
		return
	}
	s.set("assignee", who.ObjectID)
	s.set("assignee_type", who.Type)
}

// left says what the script does not do, because others decide it.
func (s *script) left(p *Page) {
	rest := p.left()
	if len(rest) == 0 && !p.directory() {
		return
	}
	s.line("")
	s.comment("Not part of the role:")
	for _, r := range rest {
		s.comment("- %s at %s: %s", r.Action, r.Scope, r.Why)
	}
	if p.directory() {
		for _, way := range p.directoryWays() {
			s.comment("- %s", way)
		}
	}
}

// quote makes one word of s for a POSIX shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// oneLine keeps a text from ending the comment that it stands in.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
