package policyrule

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
)

// Resource is what a rule is held against.
type Resource struct {
	ID           string
	Type         string // Microsoft.Network/virtualNetworks
	Name         string // the last name
	FullName     string // with the names of its parents
	APIVersion   string // of Content
	Content      map[string]any
	Group        map[string]any // the resource group, for resourceGroup(); nil: none
	Subscription map[string]any // for subscription()
}

// field selects a property of the resource.
type field struct {
	name value
}

func parseField(raw any) (operand, error) {
	text, ok := raw.(string)
	if !ok {
		return nil, fmt.Errorf("a 'field' of the policy rule is not text")
	}
	name, err := parseValue(text)
	if err != nil {
		return nil, err
	}
	if l, ok := name.(literal); ok && !known(textOf(l.of)) {
		return nil, fmt.Errorf("the field '%s' is neither one that all resources have nor an alias", textOf(l.of))
	}
	return field{name}, nil
}

// known says whether a field is one that all resources have, or may be an
// alias.
func known(name string) bool {
	switch strings.ToLower(name) {
	case "name", "fullname", "kind", "type", "location", "id", "identity.type", "tags":
		return true
	}
	_, tag := tagName(name)
	return tag || strings.Contains(name, "/")
}

func (f field) choose(s *scope) (selection, error) {
	v, err := f.name.get(s)
	if err != nil {
		return selection{}, err
	}
	name := textOf(v)
	chosen := selection{kind: "Field", expression: name, location: strings.EqualFold(name, "location")}
	chosen.members, chosen.collection = s.in.Resource.members(name, s.at)
	return chosen, nil
}

// members returns what a field selects; fixed restricts it to certain members
// of arrays. A field that is not there is one member without value; an array's
// members are a collection, of none if it is not there.
func (r Resource) members(name string, fixed map[string]int) (found []member, collection bool) {
	single := func(path string, v any) ([]member, bool) { return []member{{value: v, path: path}}, false }
	switch lower := strings.ToLower(name); lower {
	case "name":
		return single(lower, text(r.Name))
	case "fullname":
		return single(lower, text(r.FullName))
	case "type":
		return single(lower, text(r.Type))
	case "id":
		return single(lower, text(r.ID))
	case "kind", "location", "tags":
		return single(lower, get(r.Content, lower))
	case "identity.type":
		identity, _ := get(r.Content, "identity").(map[string]any)
		return single(lower, get(identity, "type"))
	}
	if tag, ok := tagName(name); ok {
		tags, _ := get(r.Content, "tags").(map[string]any)
		return single("tags."+tag, get(tags, tag))
	}
	path, ok := r.path(name)
	if !ok {
		return single("", nil)
	}
	w := walk{prefix: strings.ToLower(name[:len(name)-len(path.alias)]), fixed: fixed}
	w.into(r.Content, path.steps, "", map[string]int{})
	if !strings.Contains(name, "[*]") && len(w.found) == 0 {
		return single("", nil)
	}
	return w.found, strings.Contains(name, "[*]")
}

func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// tagName reads tags['name'], tags[name], tags.name, and tags[”'name”'] for
// a name in apostrophes.
func tagName(field string) (string, bool) {
	if m := regexp.MustCompile(`(?is)^tags\.(.+)$`).FindStringSubmatch(field); m != nil {
		return m[1], true
	}
	m := regexp.MustCompile(`(?is)^tags\[(.+)\]$`).FindStringSubmatch(field)
	if m == nil {
		return "", false
	}
	name := m[1]
	if len(name) > 1 && strings.HasPrefix(name, "'") && strings.HasSuffix(name, "'") {
		name = strings.ReplaceAll(name[1:len(name)-1], "''", "'")
	}
	return name, name != ""
}

// aliasPath is where an alias leads in a resource.
type aliasPath struct {
	alias string // without the type
	steps []step
}

// step is a property on the way. alias is the alias up to and with it.
type step struct {
	key   string
	array bool // all its members
	alias string
}

// path returns where an alias of the resource's type leads. Azure's list of
// aliases gives each its path; they follow the rule that a name is below
// "properties", save what stands beside them in a resource's envelope:
// learn.microsoft.com/azure/governance/policy/concepts/definition-structure-alias.
func (r Resource) path(name string) (aliasPath, bool) {
	prefix := r.Type + "/"
	if len(name) <= len(prefix) || !strings.EqualFold(name[:len(prefix)], prefix) {
		return aliasPath{}, false
	}
	p := aliasPath{alias: name[len(prefix):]}
	if strings.Contains(p.alias, "/") {
		return aliasPath{}, false // of a child's type
	}
	keys := strings.Split(p.alias, ".")
	if !r.envelope(strings.TrimSuffix(keys[0], "[*]")) {
		p.steps = append(p.steps, step{key: "properties"})
	}
	alias := ""
	for _, key := range keys {
		bare, array := strings.CutSuffix(key, "[*]")
		alias += key
		p.steps = append(p.steps, step{key: bare, array: array, alias: strings.ToLower(alias)})
		alias += "."
	}
	return p, true
}

// envelope says whether a property stands beside "properties". Key vaults and
// workspaces have their sku within them:
// learn.microsoft.com/azure/templates/microsoft.keyvault/vaults,
// learn.microsoft.com/azure/templates/microsoft.operationalinsights/workspaces.
func (r Resource) envelope(key string) bool {
	switch strings.ToLower(key) {
	case "sku":
		return !strings.EqualFold(r.Type, "Microsoft.KeyVault/vaults") && !strings.EqualFold(r.Type, "Microsoft.OperationalInsights/workspaces")
	case "identity", "kind", "zones", "plan", "managedby", "extendedlocation", "location", "tags":
		return true
	}
	return false
}

// walk collects what a path leads to.
type walk struct {
	prefix string         // of the aliases that fixed names: the type
	fixed  map[string]int // the one member of an array to take
	found  []member
}

func (w *walk) into(v any, steps []step, path string, at map[string]int) {
	if len(steps) == 0 {
		w.found = append(w.found, member{value: v, path: strings.TrimPrefix(path, "."), at: maps.Clone(at)})
		return
	}
	tree, ok := v.(map[string]any)
	if !ok {
		return
	}
	next := steps[0]
	inner := get(tree, next.key)
	if inner == nil && path != "" {
		// The members of some arrays are resources, with properties of their own.
		if properties, ok := get(tree, "properties").(map[string]any); ok {
			inner, path = get(properties, next.key), path+".properties"
		}
	}
	path += "." + next.key
	if !next.array {
		if inner != nil || len(steps) == 1 {
			w.into(inner, steps[1:], path, at)
		}
		return
	}
	list, _ := inner.([]any)
	name := w.prefix + next.alias
	for i, e := range list {
		if only, ok := w.fixed[name]; ok && only != i {
			continue
		}
		at[name] = i
		w.into(e, steps[1:], fmt.Sprintf("%s[%d]", path, i), at)
		delete(at, name)
	}
}
