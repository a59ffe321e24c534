package policy

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// Enforcement modes; learn.microsoft.com/azure/governance/policy/concepts/assignment-structure#enforcement-mode.
const (
	enforced    = "Default"
	notEnforced = "DoNotEnforce"
)

func (p *Provider) assignments() arm.Type {
	return arm.Type{
		Name:          AssignmentType,
		APIVersions:   []string{"2023-04-01", "2022-06-01"},
		Extension:     true,
		AlwaysCreated: true,
		NameRule:      nameRule("127"),
		Prepare:       prepareAssignment,
		List:          p.listAssignments,
	}
}

// prepareAssignment checks an assignment against the definition it is of;
// learn.microsoft.com/azure/governance/policy/concepts/assignment-structure.
func prepareAssignment(_ context.Context, w *arm.Write) error {
	properties := resource.Properties(w.New)
	id := resource.Text(properties, "policyDefinitionId")
	if id == "" {
		return arm.Errorf(http.StatusBadRequest, "InvalidCreatePolicyAssignmentRequest",
			"The policy assignment create request is invalid. The policy definition ID is required.")
	}
	if strings.Contains(strings.ToLower(id), "/policysetdefinitions/") {
		return arm.Errorf(http.StatusNotFound, "PolicySetDefinitionNotFound", "The policy set definition '%s' could not be found.", id[strings.LastIndex(id, "/")+1:])
	}
	definition, err := findDefinition(w.Tx, id)
	if err != nil {
		return err
	}
	if err := checkParameters(w.ID.Name(), definition, properties); err != nil {
		return err
	}
	resource.Default(properties, "enforcementMode", enforced)
	mode := resource.Text(properties, "enforcementMode")
	if mode != enforced && mode != notEnforced {
		return arm.Errorf(http.StatusBadRequest, "InvalidEnforcementMode",
			"The policy assignment '%s' has the enforcement mode '%s'; the modes are '%s' and '%s'.", w.ID.Name(), mode, enforced, notEnforced)
	}
	if _, err := notScopes(properties); err != nil {
		return err
	}
	properties["scope"] = w.ID.Parent().String()
	return nil
}

// notScopes returns the scopes that an assignment leaves out.
func notScopes(properties store.Tree) ([]string, error) {
	list, ok := properties["notScopes"].([]any)
	if !ok && properties["notScopes"] != nil {
		return nil, invalidNotScopes(properties["notScopes"])
	}
	scopes := make([]string, len(list))
	for i, raw := range list {
		if scopes[i], ok = raw.(string); !ok || !strings.HasPrefix(scopes[i], "/") {
			return nil, invalidNotScopes(raw)
		}
	}
	return scopes, nil
}

func invalidNotScopes(raw any) error {
	return arm.Errorf(http.StatusBadRequest, "InvalidPolicyAssignmentNotScopes", "The excluded scope '%v' is not a valid scope.", raw)
}

// checkParameters holds the values of an assignment against what its
// definition declares.
func checkParameters(name string, definition, properties store.Tree) error {
	known, err := declared(resource.Properties(definition))
	if err != nil {
		return err
	}
	given, _ := properties["parameters"].(store.Tree)
	of := resource.Text(definition, "name")
	var missing []string
	for _, p := range known {
		v, ok := valueOf(given, p.name)
		switch {
		case !ok && p.defaultValue == nil:
			missing = append(missing, p.name)
		case !ok:
		case !p.fits(v):
			return arm.Errorf(http.StatusBadRequest, "InvalidPolicyParameterType",
				"The policy parameter '%s' of the policy assignment '%s' is not of the type '%s' that the policy definition '%s' declares.", p.name, name, p.kind, of)
		case !p.admits(v):
			return arm.Errorf(http.StatusBadRequest, "PolicyParameterValueNotAllowed",
				"The value '%v' is not allowed for policy parameter '%s' in policy definition '%s'. The allowed values are '%s'.", v, p.name, of, joined(p.allowedValues))
		}
	}
	if missing != nil {
		return arm.Errorf(http.StatusBadRequest, "MissingPolicyParameter",
			"The policy assignment '%s' is missing the parameter(s) '%s' as defined in the policy definition '%s'.", name, strings.Join(missing, ","), of)
	}
	for sent := range given {
		if !hasParameter(known, sent) {
			return arm.Errorf(http.StatusBadRequest, "UndefinedPolicyParameter",
				"The policy assignment '%s' has defined parameters '%s' which are not defined in the policy definition '%s'.", name, sent, of)
		}
	}
	return nil
}

func hasParameter(known []parameter, name string) bool {
	for _, p := range known {
		if strings.EqualFold(p.name, name) {
			return true
		}
	}
	return false
}

// valueOf returns what an assignment gives a parameter.
func valueOf(given store.Tree, name string) (any, bool) {
	for sent, raw := range given {
		if tree, ok := raw.(store.Tree); ok && strings.EqualFold(sent, name) && tree["value"] != nil {
			return tree["value"], true
		}
	}
	return nil, false
}

func joined(values []any) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = fmt.Sprint(v)
	}
	return strings.Join(texts, ", ")
}

// listAssignments lists what is assigned at, above and below a scope;
// learn.microsoft.com/rest/api/policyauthorization/policy-assignments/list.
func (p *Provider) listAssignments(_ context.Context, r *arm.Request) (*arm.Response, error) {
	filter := strings.TrimSpace(r.URL.Query().Get("$filter"))
	of := ""
	if m := regexp.MustCompile(`(?i)^policyDefinitionId\s+eq\s+'([^']+)'$`).FindStringSubmatch(filter); m != nil {
		of, filter = m[1], ""
	}
	switch strings.ToLower(filter) {
	case "", "atscope()", "atexactscope()":
	default:
		return nil, arm.Errorf(http.StatusBadRequest, "InvalidFilterInQueryString", "Invalid $filter '%s' specified in the query string.", filter)
	}
	scope := r.ID.Target().String()
	var trees []store.Tree
	err := p.service.Store.View(func(tx *store.Tx) error {
		return resource.OfType(tx, "", AssignmentType, func(found resource.Resource) error {
			at := found.ID.Parent().String()
			above, below := armid.Within(scope, at), armid.Within(at, scope)
			exact := above && below
			wanted := above || below && filter == ""
			if strings.EqualFold(filter, "atExactScope()") {
				wanted = exact
			}
			if of != "" && !armid.Equal(of, resource.Text(found.Tree, "properties", "policyDefinitionId")) {
				wanted = false
			}
			if wanted {
				trees = append(trees, found.Tree)
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return paged(r, trees)
}
