package cli

import (
	"regexp"
	"strings"

	"github.com/kars-dev/kars/internal/diagnose"
	"github.com/kars-dev/kars/localazure"
)

// fixes are what diagnose says to do about an error: its cause, then the
// commands.
func (a *app) fixes(err error) []string {
	known, ok := diagnose.Of(err)
	if !ok {
		return nil
	}
	e := diagnose.Explain(known)
	var out []string
	if e.Cause != "" {
		out = append(out, e.Cause)
	}
	return append(out, a.commands(e)...)
}

// commands are the fixes that can be carried out where this run works.
func (a *app) commands(e diagnose.Explanation) []string {
	var out []string
	for _, f := range e.Fix {
		switch command := a.pasteable(f.Command); {
		case command != "":
			out = append(out, f.Text+": "+command)
		case f.Command == "":
			out = append(out, f.Text)
		}
	}
	return out
}

var assignment = regexp.MustCompile(`^az role assignment create --assignee (\S+) --role ("[^"]+"|\S+) --scope (\S+)$`)

// pasteable turns a command that would change Azure into one that changes the
// local Azure, when that is what this run works with. It is empty when there
// is none.
func (a *app) pasteable(command string) string {
	s := a.session
	if s == nil || !s.local {
		return command
	}
	if m := assignment.FindStringSubmatch(command); m != nil && m[1] == s.caller.ObjectID {
		role := strings.Trim(m[2], `"`)
		if m[3] != "/subscriptions/"+s.subscription {
			role += "@" + m[3]
		}
		return "kars local principal add " + s.as + " --role '" + role + "'"
	}
	switch {
	case strings.HasPrefix(command, "az "):
		return ""
	case strings.HasPrefix(command, "kars up"), strings.HasPrefix(command, "kars preflight"):
		command += " --local"
		if s.as != localazure.OwnerName {
			command += " --as " + s.as
		}
	}
	return command
}
