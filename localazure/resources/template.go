package resources

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"strings"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// item is a resource of a template, its place and what it waits for.
type item struct {
	ID         armid.ID
	APIVersion string
	Body       store.Tree
	DependsOn  []string // ids of other items, lower case

	references []string // as the template wrote them
}

// readTemplate returns the resources of a template for a deployment in a
// container, a subscription or a group, each after those it depends on.
// Templates hold literals; the one expression they may use is a whole value
// "[parameters('name')]", through which secure values come in;
// learn.microsoft.com/azure/azure-resource-manager/templates/syntax.
func readTemplate(template, parameters store.Tree, container armid.ID) ([]item, error) {
	if template == nil {
		return nil, invalid("The template is missing: the deployment has no 'template' property.")
	}
	if resource.Text(template, "$schema") == "" || resource.Text(template, "contentVersion") == "" {
		return nil, invalid("Required property '$schema' or 'contentVersion' not found in JSON.")
	}
	values, err := readParameters(template, parameters)
	if err != nil {
		return nil, err
	}
	list, ok := template["resources"].([]any)
	if !ok {
		return nil, invalid("Required property 'resources' is not a list.")
	}
	var items []item
	for _, r := range list {
		more, err := readResource(r, values, container, nil)
		if err != nil {
			return nil, err
		}
		items = append(items, more...)
	}
	return order(items)
}

func invalid(format string, args ...any) error {
	return arm.Errorf(http.StatusBadRequest, "InvalidTemplate", "Deployment template validation failed: '%s'.", fmt.Sprintf(format, args...))
}

func readParameters(template, given store.Tree) (map[string]any, error) {
	declared, _ := template["parameters"].(store.Tree)
	values := map[string]any{}
	for name, d := range declared {
		declaration, _ := d.(store.Tree)
		value := declaration["defaultValue"]
		if v, ok := given[name].(store.Tree); ok {
			value = v["value"]
		}
		if value == nil {
			return nil, invalid("The value for the template parameter '%s' is not provided. Please see https://aka.ms/arm-create-parameter-file for usage details.", name)
		}
		if !fits(value, resource.Text(declaration, "type")) {
			return nil, invalid("Template parameter JToken type is not valid for '%s'. Expected '%s'.", name, resource.Text(declaration, "type"))
		}
		values[strings.ToLower(name)] = value
	}
	for name := range given {
		if _, ok := values[strings.ToLower(name)]; !ok {
			return nil, invalid("The template parameters '%s' in the parameters file are not valid; they are not present in the original template and can therefore not be provided at deployment time.", name)
		}
	}
	return values, nil
}

func fits(value any, kind string) bool {
	ok := false
	switch strings.ToLower(kind) {
	case "string", "securestring":
		_, ok = value.(string)
	case "int":
		_, ok = value.(float64)
	case "bool":
		_, ok = value.(bool)
	case "array":
		_, ok = value.([]any)
	case "object", "secureobject":
		_, ok = value.(store.Tree)
	}
	return ok
}

// evaluate replaces references to parameters, and takes the escape off strings
// that begin with "[[".
func evaluate(value any, parameters map[string]any) (any, error) {
	switch v := value.(type) {
	case string:
		return evaluateString(v, parameters)
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			var err error
			if out[i], err = evaluate(e, parameters); err != nil {
				return nil, err
			}
		}
		return out, nil
	case store.Tree:
		out := store.Tree{}
		for k, e := range v {
			var err error
			if out[k], err = evaluate(e, parameters); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return value, nil
}

func evaluateString(s string, parameters map[string]any) (any, error) {
	if !strings.HasPrefix(s, "[") || !strings.HasSuffix(s, "]") {
		return s, nil
	}
	if strings.HasPrefix(s, "[[") {
		return s[1:], nil
	}
	m := regexp.MustCompile(`^\[\s*parameters\(\s*'([^']+)'\s*\)\s*\]$`).FindStringSubmatch(s)
	if m == nil {
		return nil, invalid("The template language expression '%s' is not evaluated: the local Azure deploys literals and references to parameters", s)
	}
	value, ok := parameters[strings.ToLower(m[1])]
	if !ok {
		return nil, invalid("The template parameter '%s' is not found. Please see https://aka.ms/arm-syntax-parameters for usage details.", m[1])
	}
	return value, nil
}

// readResource reads a resource and the children nested in it.
func readResource(raw any, parameters map[string]any, container armid.ID, parent *item) ([]item, error) {
	tree, ok := raw.(store.Tree)
	if !ok {
		return nil, invalid("A template resource is not an object.")
	}
	nested, _ := tree["resources"].([]any)
	tree = maps.Clone(tree)
	delete(tree, "resources")
	// A nested deployment's template is evaluated by its own deployment.
	properties, _ := tree["properties"].(store.Tree)
	inner := resource.Value(properties, "template")
	if inner != nil {
		properties = maps.Clone(properties)
		delete(properties, "template")
		tree["properties"] = properties
	}
	value, err := evaluate(tree, parameters)
	if err != nil {
		return nil, err
	}
	tree, _ = value.(store.Tree)
	if inner != nil {
		resource.Properties(tree)["template"] = inner
	}
	it, err := newItem(tree, container, parent)
	if err != nil {
		return nil, err
	}
	items := []item{it}
	for _, n := range nested {
		more, err := readResource(n, parameters, container, &it)
		if err != nil {
			return nil, err
		}
		items = append(items, more...)
	}
	return items, nil
}

func newItem(tree store.Tree, container armid.ID, parent *item) (item, error) {
	kind, name, version := resource.Text(tree, "type"), resource.Text(tree, "name"), resource.Text(tree, "apiVersion")
	if kind == "" || name == "" || version == "" {
		return item{}, invalid("A template resource lacks 'type', 'name' or 'apiVersion'.")
	}
	id, err := place(kind, name, tree, container, parent)
	if err != nil {
		return item{}, err
	}
	it := item{ID: id, APIVersion: version, Body: tree}
	references, _ := tree["dependsOn"].([]any)
	for _, r := range references {
		s, ok := r.(string)
		if !ok {
			return item{}, invalid("The resource '%s' has a 'dependsOn' that is not a list of strings.", id)
		}
		it.references = append(it.references, s)
	}
	for _, key := range []string{"type", "name", "apiVersion", "dependsOn", "scope", "comments", "resourceGroup", "subscriptionId"} {
		delete(tree, key)
	}
	return it, nil
}

// place returns the id of a template's resource.
func place(kind, name string, tree store.Tree, container armid.ID, parent *item) (armid.ID, error) {
	if parent != nil {
		return parse(parent.ID.String() + pairs(kind, name))
	}
	if strings.EqualFold(kind, "Microsoft.Resources/resourceGroups") {
		return armid.ID{Subscription: container.Subscription, ResourceGroup: name}, nil
	}
	if group := resource.Text(tree, "resourceGroup"); group != "" {
		container = armid.ID{Subscription: container.Subscription, ResourceGroup: group}
	}
	base := container.String()
	switch scope := resource.Text(tree, "scope"); {
	case strings.HasPrefix(scope, "/"):
		base = strings.TrimRight(scope, "/")
	case scope != "":
		relative, err := relativeID(scope)
		if err != nil {
			return armid.ID{}, err
		}
		base += relative
	}
	namespace, types, ok := strings.Cut(kind, "/")
	if !ok {
		return armid.ID{}, invalid("The type '%s' is not of the form namespace/type.", kind)
	}
	return parse(base + "/providers/" + namespace + pairs(types, name))
}

// pairs writes types and names alternately: "a/b", "x/y" as "/a/x/b/y". The
// old way to write an extension, type "a/providers/roleAssignments" with name
// "x/Microsoft.Authorization/id", comes out right too.
func pairs(types, names string) string {
	t, n := strings.Split(types, "/"), strings.Split(names, "/")
	var b strings.Builder
	for i := range max(len(t), len(n)) {
		if i < len(t) {
			b.WriteString("/" + t[i])
		}
		if i < len(n) {
			b.WriteString("/" + n[i])
		}
	}
	return b.String()
}

// relativeID turns "Microsoft.KeyVault/vaults/v" into "/providers/…".
func relativeID(scope string) (string, error) {
	parts := strings.Split(scope, "/")
	if len(parts) < 3 || len(parts)%2 == 0 {
		return "", invalid("The scope '%s' is no resource id.", scope)
	}
	return "/providers/" + scope, nil
}

func parse(path string) (armid.ID, error) {
	id, err := armid.Parse(path)
	if err == nil && !id.IsResource() {
		err = fmt.Errorf("the id %q has types and names that do not match", path)
	}
	if err != nil {
		return armid.ID{}, invalid("%v", err)
	}
	return id, nil
}
