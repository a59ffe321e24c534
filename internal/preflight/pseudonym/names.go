package pseudonym

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/preflight"
	"github.com/kars-dev/kars/internal/rbac"
)

// names holds the pseudonyms given so far. What is looked up is in lower case:
// neither Azure's ids nor its names know case.
type names struct {
	ids    map[string]string // GUIDs
	words  map[string]string // names, wherever they stand
	typed  map[string]string // names of resources of the plan, by type and name
	public map[string]bool   // GUIDs that are the same in every tenant
	// builtIn are names of roles that are the same in every tenant.
	builtIn map[string]bool
	order   []string // words, the longest first; nil when words has changed

	facts   string         // as they are, in lower case
	counted map[string]int // pseudonyms, by their form
}

var guid = regexp.MustCompile(`[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}`)

func newNames(f preflight.Facts, p *plan.Plan, raw []byte) *names {
	n := &names{
		ids: map[string]string{}, words: map[string]string{}, typed: map[string]string{}, public: publicIDs(), builtIn: map[string]bool{},
		facts: strings.ToLower(string(raw)), counted: map[string]int{},
	}
	for _, g := range p.Grants {
		n.public[strings.ToLower(g.Role.ID)] = true
		for _, role := range guid.FindAllString(g.Condition, -1) {
			n.public[strings.ToLower(role)] = true
		}
	}
	for _, d := range f.Definitions.Value {
		if d.Type == "BuiltInRole" {
			n.public[strings.ToLower(d.ID)], n.builtIn[d.Name] = true, true
		} else {
			n.name(d.Name)
		}
	}
	for _, r := range plan.AgentIDRoles() {
		n.builtIn[r.Name] = true
	}
	for _, r := range f.Directory.Value.Roles {
		n.public[strings.ToLower(r.TemplateID)] = true
	}
	n.name(f.Caller.DisplayName)
	return n
}

// publicIDs are those of built-in roles that remedies name, of the directory
// roles that make blueprints, of Microsoft's own clients, and of everyone.
// learn.microsoft.com/azure/role-based-access-control/built-in-roles
// learn.microsoft.com/troubleshoot/entra/entra-id/governance/verify-first-party-apps-sign-in
func publicIDs() map[string]bool {
	out := map[string]bool{rbac.AllPrincipals: true}
	for _, id := range []string{
		"8e3af657-a8ff-443c-a75c-2fe8c4bcb635", // Owner
		"b24988ac-6180-42a0-ab88-20f7382dd24c", // Contributor
		"acdd72a7-3385-48ef-bd42-f606fba81ae7", // Reader
		"18d7d88d-d35e-4fb5-a5c3-7773c20a72d9", // User Access Administrator
		"f58310d9-a9f6-439a-9e8d-f62e7b41a168", // Role Based Access Control Administrator
		"04b07795-8ddb-461a-bbee-02f9e1bf7b46", // Azure CLI
		"1950a258-227b-4e31-a9cf-717495945fc2", // Azure PowerShell
	} {
		out[id] = true
	}
	for _, r := range plan.AgentIDRoles() {
		out[strings.ToLower(r.ID)] = true
	}
	return out
}

// id is the pseudonym of a GUID, in lower case.
func (n *names) id(s string) string {
	low := strings.ToLower(s)
	if n.public[low] {
		return s
	}
	if n.ids[low] == "" {
		n.ids[low] = n.fresh("00000000-0000-4000-8000-%012x")
	}
	return n.ids[low]
}

// name is the pseudonym of a name. One that is a GUID is an id.
func (n *names) name(s string) string {
	switch {
	case s == "" || s == "*":
		return s
	case guid.FindString(s) == s:
		return n.id(s)
	}
	low := strings.ToLower(s)
	if n.words[low] == "" {
		form := "name-%d"
		if strings.Contains(s, "@") {
			form = "user-%d@example.com"
		}
		n.words[low], n.order = n.fresh(form), nil
	}
	return n.words[low]
}

// fresh counts until there is a pseudonym that does not stand in the facts
// already: they may have some from before.
func (n *names) fresh(form string) string {
	for {
		n.counted[form]++
		if s := fmt.Sprintf(form, n.counted[form]); !strings.Contains(n.facts, s) {
			return s
		}
	}
}

// options are those of the plan under pseudonyms. What kars itself would have
// chosen says nothing about anybody, and stays.
func (n *names) options(o plan.Options) plan.Options {
	plain := plan.Options{Region: o.Region}.WithDefaults()
	choose := func(v *string, usual, pseudonym string) {
		if !strings.EqualFold(*v, usual) {
			n.words[strings.ToLower(*v)] = pseudonym
			*v = pseudonym
		}
	}
	o.SubscriptionID, o.TenantID = n.id(o.SubscriptionID), n.id(o.TenantID)
	if o.ServiceTree != "" {
		o.ServiceTree = n.id(o.ServiceTree)
	}
	choose(&o.ResourceGroup, plain.ResourceGroup, "the-group")
	choose(&o.ClusterName, plain.ClusterName, "the-cluster")
	choose(&o.Name, plain.Name, "the-agent")
	choose(&o.ImageSource, plain.ImageSource, "images.example/kars")
	// A model that is deployed has its public name, a deployment in somebody's
	// account may have any. It is compared with those in the account.
	if o.FoundryEndpoint != "" {
		choose(&o.Model, plain.Model, "the-model")
	}
	n.words[strings.ToLower(o.Model)] = o.Model
	if domain := o.FoundryDomain(); domain != "" {
		o.FoundryEndpoint = strings.Replace(o.FoundryEndpoint, domain, n.name(domain), 1)
	}
	o.FoundryID = n.armID(o.FoundryID)
	n.order = nil
	return o
}

// pair learns how the names of the plan are called under pseudonyms.
func (n *names) pair(p, q *plan.Plan) {
	a, b := reflect.ValueOf(p.Names), reflect.ValueOf(q.Names)
	for i := range a.NumField() {
		n.words[strings.ToLower(a.Field(i).String())] = b.Field(i).String()
	}
	news := planned(q)
	for i, id := range planned(p) {
		olds, news := strings.Split(id, "/"), strings.Split(news[i], "/")
		for _, at := range nameSegments(olds) {
			n.typed[typeAt(olds, at)+"/"+strings.ToLower(olds[at])] = news[at]
		}
	}
	n.order = nil
}

// planned are the ids of everything in a plan: of its resources, and of what its
// needs and grants are about, as a subnet.
func planned(p *plan.Plan) []string {
	out := []string{p.Group.ID}
	for _, r := range p.Resources {
		out = append(out, r.ID)
	}
	for _, n := range p.Needs {
		out = append(out, n.Scope)
	}
	for _, g := range p.Grants {
		out = append(out, g.Scope)
	}
	return out
}

// replaceWords puts pseudonyms for all known names in a text, the longest
// first, where they stand as words.
func (n *names) replaceWords(s string) string {
	if n.order == nil {
		for w := range n.words {
			n.order = append(n.order, w)
		}
		slices.SortFunc(n.order, func(a, b string) int {
			if len(a) != len(b) {
				return len(b) - len(a)
			}
			return strings.Compare(a, b)
		})
	}
	var b strings.Builder
	low := strings.ToLower(s)
	if len(low) != len(s) {
		s = low // a character whose lower case has another length
	}
	for i := 0; i < len(s); {
		w := n.wordAt(low, i)
		if w == "" {
			b.WriteByte(s[i])
			i++
			continue
		}
		b.WriteString(n.words[w])
		i += len(w)
	}
	return b.String()
}

// wordAt is the longest known name that stands in a text at a place, with
// neither letter nor digit around it.
func (n *names) wordAt(low string, i int) string {
	if i > 0 && alphanumeric(low[i-1]) {
		return ""
	}
	for _, w := range n.order {
		end := i + len(w)
		if strings.HasPrefix(low[i:], w) && (end == len(low) || !alphanumeric(low[end])) {
			return w
		}
	}
	return ""
}

func alphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80
}
