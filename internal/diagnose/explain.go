package diagnose

import (
	"regexp"
	"slices"
	"strings"
)

// Explanation is what is known about an error. Its zero value knows nothing.
type Explanation struct {
	ID    string // stable, and the heading in docs/errors.md; empty if the error is unknown
	Cause string
	Fix   []Fix  // in the order in which to try them
	Doc   string // a page of the one whose error it is
}

// Fix is one thing to do.
type Fix struct {
	Text    string
	Command string // empty if there is none
}

// row is one known error. Cause and fixes may hold the placeholders {action},
// {scope}, {subscription}, {namespace}, {principal}, {target} and {group}.
type row struct {
	id      string
	plane   Plane    // any if empty
	codes   []string // one of them, in any case; any if empty
	action  string   // a pattern of the missing action, any if empty
	message string   // a pattern of the message, any if empty
	step    string   // of the run; any if empty
	status  int      // any if 0
	cause   string
	fix     []Fix
	doc     string
}

// table is all of them. The first row that matches counts: the particular
// stands before the general.
func table() []row {
	return slices.Concat(permissionRows(), subscriptionRows(), resourceRows(), trustRows(), signInRows(), clusterRows(), machineRows(), generalRows())
}

// Explain looks an error up.
func Explain(e Error) Explanation {
	for _, r := range table() {
		if !r.matches(e) {
			continue
		}
		fill := replacer(e)
		x := Explanation{ID: r.id, Cause: fill.cause.Replace(r.cause), Doc: r.doc}
		for _, f := range r.fix {
			x.Fix = append(x.Fix, Fix{Text: fill.cause.Replace(f.Text), Command: fill.command.Replace(f.Command)})
		}
		return x
	}
	return Explanation{}
}

func (r row) matches(e Error) bool {
	equal := func(code string) bool { return strings.EqualFold(code, e.Code) }
	return (r.plane == "" || r.plane == e.Plane) &&
		(len(r.codes) == 0 || slices.ContainsFunc(r.codes, equal)) &&
		(r.status == 0 || r.status == e.Status) &&
		(r.step == "" || r.step == e.Step) &&
		found(r.action, e.Action) && found(r.message, e.Message)
}

func found(pattern, text string) bool {
	return pattern == "" || regexp.MustCompile("(?i)"+pattern).MatchString(text)
}

// What messages of Azure say in prose.
const (
	namespacePattern = `namespace '([A-Za-z0-9.]+)'`
	objectPattern    = `object id '([0-9A-Za-z-]+)'`
	principalPattern = "(?:principal|identity) `?([0-9A-Fa-f-]{36})`?"
	dataPattern      = "data action `?([A-Za-z0-9./]+)`?"
)

func capture(pattern, text string) string {
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	return m[1]
}

type replacers struct{ cause, command *strings.Replacer }

// replacer puts what the error says into the placeholders. Where it does not
// say, a sentence gets words and a command a name in angle brackets.
func replacer(e Error) replacers {
	principal := first(capture(objectPattern, e.Message), capture(principalPattern, e.Message))
	action := first(e.Action, capture(dataPattern, e.Message))
	segments := strings.Split(e.Scope, "/")
	subscription, group := "", ""
	if len(segments) > 2 && strings.EqualFold(segments[1], "subscriptions") {
		subscription = segments[2]
	}
	if len(segments) > 4 && strings.EqualFold(segments[3], "resourceGroups") {
		group = segments[4]
	}
	namespace := capture(namespacePattern, e.Message)
	if namespace == "" && strings.HasSuffix(strings.ToLower(action), "/register/action") {
		namespace = action[:strings.IndexByte(action, '/')]
	}
	var cause, command []string
	for _, p := range []struct{ name, value, words string }{
		{"action", action, "the action"},
		{"scope", e.Scope, "the scope in question"},
		{"subscription", subscription, "the subscription"},
		{"group", group, "the resource group"},
		{"namespace", namespace, "the resource provider"},
		{"principal", principal, "the caller"},
		{"target", e.Target, "it"},
	} {
		placeholder := "{" + p.name + "}"
		cause = append(cause, placeholder, first(p.value, p.words))
		command = append(command, placeholder, first(quote(p.value), "<"+p.name+">"))
	}
	return replacers{strings.NewReplacer(cause...), strings.NewReplacer(command...)}
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

var plain = regexp.MustCompile(`^[A-Za-z0-9/._@:-]*$`)

// quote keeps a value one word of a shell's command line: what is put into a
// command came from a server.
func quote(value string) string {
	if plain.MatchString(value) {
		return value
	}
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}
