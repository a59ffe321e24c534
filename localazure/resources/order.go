package resources

import (
	"slices"
	"strings"

	"github.com/kars-dev/kars/localazure/armid"
)

// order resolves dependencies and sorts items so that each comes after what it
// depends on. A reference is an id, a type and name, or a name;
// learn.microsoft.com/azure/azure-resource-manager/templates/resource-dependency.
func order(items []item) ([]item, error) {
	seen := map[string]bool{}
	for i := range items {
		key := strings.ToLower(items[i].ID.String())
		if seen[key] {
			return nil, invalid("The resource '%s' is defined multiple times in a template. Please see https://aka.ms/arm-syntax-resources for usage details.", items[i].ID)
		}
		seen[key] = true
		for _, reference := range items[i].references {
			id, err := resolve(items, reference)
			if err != nil {
				return nil, err
			}
			items[i].DependsOn = append(items[i].DependsOn, id)
		}
	}
	var sorted []item
	done := map[string]bool{}
	for len(sorted) < len(items) {
		before := len(sorted)
		for _, it := range items {
			key := strings.ToLower(it.ID.String())
			if !done[key] && !slices.ContainsFunc(it.DependsOn, func(d string) bool { return !done[d] }) {
				done[key] = true
				sorted = append(sorted, it)
			}
		}
		if len(sorted) == before {
			i := slices.IndexFunc(items, func(it item) bool { return !done[strings.ToLower(it.ID.String())] })
			return nil, invalid("Circular dependency detected on resource: '%s'. Please see https://aka.ms/arm-syntax-resources for usage details.", items[i].ID)
		}
	}
	return sorted, nil
}

func resolve(items []item, reference string) (string, error) {
	var found []string
	for _, it := range items {
		id := it.ID.String()
		short := strings.ToLower(it.ID.Type() + "/" + it.ID.FullName())
		if armid.Equal(id, reference) || strings.EqualFold(it.ID.FullName(), reference) || short == strings.ToLower(reference) ||
			strings.HasPrefix(reference, "/") && strings.HasSuffix(strings.ToLower(id), strings.ToLower(reference)) {
			found = append(found, strings.ToLower(id))
		}
	}
	if len(found) != 1 {
		return "", invalid("The resource '%s' is not defined in the template, or its name is ambiguous. Please see https://aka.ms/arm-syntax for usage details.", reference)
	}
	return found[0], nil
}
