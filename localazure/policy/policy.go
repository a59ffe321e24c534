// Package policy is the local Azure's Azure Policy: definitions, assignments,
// the [Guard] that holds every write against them, and the restrictions that
// clients ask for beforehand. The language of the rules is in policyrule.
//
// The effects deny, audit and disabled are evaluated. Definitions with others,
// as modify or deployIfNotExists, can be written and assigned, and do nothing.
// There are no initiatives (policySetDefinitions) and no exemptions.
//
// learn.microsoft.com/azure/governance/policy/overview
package policy

import (
	"net/http"
	"regexp"

	"github.com/kars-dev/kars/localazure/arm"
)

// Resource types of Azure Policy.
const (
	DefinitionType = "Microsoft.Authorization/policyDefinitions"
	AssignmentType = "Microsoft.Authorization/policyAssignments"
)

// Provider serves Azure Policy.
type Provider struct {
	service *arm.Service
}

// New returns Azure Policy for a Resource Manager.
func New(s *arm.Service) *Provider { return &Provider{service: s} }

// Providers returns what Azure Policy serves in the namespaces of two resource
// providers: its objects, and the questions about them.
func (p *Provider) Providers() []arm.Provider {
	const builtin = "/providers/" + DefinitionType
	const check = "/providers/Microsoft.PolicyInsights/checkPolicyRestrictions"
	return []arm.Provider{
		{
			Namespace: "Microsoft.Authorization",
			Types:     []arm.Type{p.definitions(), p.assignments()},
			Routes: []arm.Route{
				{Method: http.MethodGet, Pattern: builtin, Open: true, Handle: p.listBuiltins},
				{Method: http.MethodGet, Pattern: builtin + "/{name}", Open: true, Handle: p.getBuiltin},
			},
		},
		{
			Namespace: "Microsoft.PolicyInsights",
			Routes: []arm.Route{
				{Method: http.MethodPost, Pattern: "/subscriptions/{subscription}" + check, Read: true, Registered: true, Handle: p.checkRestrictions},
				{Method: http.MethodPost, Pattern: "/subscriptions/{subscription}/resourceGroups/{group}" + check, Read: true, Registered: true, Handle: p.checkRestrictions},
			},
		},
	}
}

// nameRule holds for definitions and assignments;
// learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftauthorization.
func nameRule(longest string) *regexp.Regexp {
	return regexp.MustCompile(`^[^<>*%&:\\?.+/]{0,` + longest + `}[^<>*%&:\\?.+/ ]$`)
}
