package policy

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/policyrule"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

func (p *Provider) definitions() arm.Type {
	return arm.Type{
		Name:          DefinitionType,
		APIVersions:   []string{"2023-04-01", "2021-06-01"},
		Subscription:  true,
		AlwaysCreated: true,
		NameRule:      nameRule("127"),
		Prepare:       prepareDefinition,
		Remove:        removeDefinition,
		List:          p.listDefinitions,
	}
}

// prepareDefinition checks a definition;
// learn.microsoft.com/azure/governance/policy/concepts/definition-structure-basics.
func prepareDefinition(_ context.Context, w *arm.Write) error {
	if w.ID.ResourceGroup != "" {
		return arm.Errorf(http.StatusBadRequest, "InvalidCreatePolicyDefinitionRequest",
			"The policy definition '%s' cannot lie in a resource group: it lies in a subscription or management group.", w.ID.Name())
	}
	properties := resource.Properties(w.New)
	if _, err := policyrule.Parse(properties["policyRule"]); err != nil {
		return arm.Errorf(http.StatusBadRequest, "InvalidPolicyRule", "Failed to parse policy rule: '%v'.", err)
	}
	if _, err := declared(properties); err != nil {
		return arm.Errorf(http.StatusBadRequest, "InvalidPolicyParameters",
			"The policy definition '%s' has invalid parameters: %v.", w.ID.Name(), err)
	}
	properties["policyType"] = "Custom"
	resource.Default(properties, "mode", "Indexed")
	delete(properties, "provisioningState")
	return nil
}

// removeDefinition keeps a definition that is assigned.
func removeDefinition(_ context.Context, w *arm.Write) error {
	return resource.OfType(w.Tx, "/subscriptions/"+w.ID.Subscription, AssignmentType, func(r resource.Resource) error {
		if !armid.Equal(resource.Text(r.Tree, "properties", "policyDefinitionId"), w.ID.String()) {
			return nil
		}
		return arm.Errorf(http.StatusBadRequest, "PolicyDefinitionInUse",
			"The policy definition '%s' cannot be deleted because it is in use by the policy assignment '%s'.", w.ID.Name(), r.ID)
	})
}

// listDefinitions lists the subscription's own definitions and the built-in
// ones.
func (p *Provider) listDefinitions(_ context.Context, r *arm.Request) (*arm.Response, error) {
	trees := slices.Clone(builtins())
	err := p.service.Store.View(func(tx *store.Tx) error {
		return resource.OfType(tx, "/subscriptions/"+r.ID.Subscription, DefinitionType, func(found resource.Resource) error {
			trees = append(trees, found.Tree)
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return paged(r, trees)
}

func (p *Provider) listBuiltins(_ context.Context, r *arm.Request) (*arm.Response, error) {
	return paged(r, slices.Clone(builtins()))
}

func (p *Provider) getBuiltin(_ context.Context, r *arm.Request) (*arm.Response, error) {
	tree, ok := builtin("/providers/" + DefinitionType + "/" + r.Params["name"])
	if !ok {
		return nil, definitionNotFound(r.Params["name"])
	}
	return arm.OK(tree), nil
}

func paged(r *arm.Request, trees []store.Tree) (*arm.Response, error) {
	page, err := arm.Paged(r, trees)
	if err != nil {
		return nil, err
	}
	return arm.OK(page), nil
}

func definitionNotFound(name string) error {
	return arm.Errorf(http.StatusNotFound, "PolicyDefinitionNotFound", "The policy definition '%s' could not be found.", name)
}

// findDefinition returns the definition with this id, as it is shown.
func findDefinition(tx *store.Tx, id string) (store.Tree, error) {
	if tree, ok := builtin(id); ok {
		return tree, nil
	}
	tree, found, err := resource.Get(tx, id)
	if err != nil {
		return nil, err
	}
	if at, bad := armid.Parse(id); !found || bad != nil || !strings.EqualFold(at.Type(), DefinitionType) {
		return nil, definitionNotFound(id[strings.LastIndex(id, "/")+1:])
	}
	return tree, nil
}

// parameter is one that a definition declares;
// learn.microsoft.com/azure/governance/policy/concepts/definition-structure-parameters.
type parameter struct {
	name          string
	kind          string
	defaultValue  any
	allowedValues []any
}

// declared returns the parameters of a definition's properties.
func declared(properties store.Tree) ([]parameter, error) {
	tree, _ := properties["parameters"].(store.Tree)
	var all []parameter
	for name, raw := range tree {
		of, ok := raw.(store.Tree)
		if !ok {
			return nil, fmt.Errorf("the parameter '%s' is not an object", name)
		}
		p := parameter{name: name, kind: resource.Text(of, "type"), defaultValue: of["defaultValue"]}
		p.allowedValues, _ = of["allowedValues"].([]any)
		if !slices.ContainsFunc([]string{"String", "Array", "Object", "Boolean", "Integer", "Float", "DateTime"}, func(known string) bool {
			return strings.EqualFold(known, p.kind)
		}) {
			return nil, fmt.Errorf("the parameter '%s' is of the type '%s', which there is not", name, p.kind)
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b parameter) int { return strings.Compare(a.name, b.name) })
	return all, nil
}

// fits says whether a value is of the parameter's type.
func (p parameter) fits(v any) bool {
	ok := false
	switch strings.ToLower(p.kind) {
	case "string", "datetime":
		_, ok = v.(string)
	case "array":
		_, ok = v.([]any)
	case "object":
		_, ok = v.(store.Tree)
	case "boolean":
		_, ok = v.(bool)
	case "integer", "float":
		_, ok = v.(float64)
	}
	return ok
}

// admits says whether a value is among those allowed; of a list, each element.
func (p parameter) admits(v any) bool {
	if p.allowedValues == nil {
		return true
	}
	elements, ok := v.([]any)
	if !ok {
		elements = []any{v}
	}
	for _, e := range elements {
		if !slices.ContainsFunc(p.allowedValues, func(allowed any) bool { return strings.EqualFold(fmt.Sprint(allowed), fmt.Sprint(e)) }) {
			return false
		}
	}
	return true
}
