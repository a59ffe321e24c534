package plan

import (
	"slices"
	"strings"
)

// Document is the plan as `kars up --dry-run` prints it.
type Document struct {
	Resources []ResourceDocument `json:"resources"`
	Grants    []GrantDocument    `json:"grants"`
	Needs     []Need             `json:"needs"`
	Features  []Feature          `json:"features"`
	Machines  []Machine          `json:"machines"`
	Model     *ModelCapacity     `json:"model,omitempty"`
	Names     []GlobalName       `json:"names"` // that must be free in all of Azure
}

// ResourceDocument is a resource of the plan.
type ResourceDocument struct {
	ID         string `json:"id"`
	Type       string `json:"type"`
	Name       string `json:"name"`
	APIVersion string `json:"apiVersion"`
}

// GrantDocument is a role assignment of the plan.
type GrantDocument struct {
	Scope            string `json:"scope"`
	RoleDefinitionID string `json:"roleDefinitionId"`
	Role             string `json:"role"`
	Principal        string `json:"principal"`
	PrincipalType    string `json:"principalType"`
	Before           bool   `json:"before"` // the cluster cannot be made without it
	Condition        string `json:"condition,omitempty"`
}

// Document renders the plan.
func (p *Plan) Document() Document {
	d := Document{Needs: p.Needs, Features: p.Features, Machines: p.Machines, Model: p.Model, Names: p.GlobalNames}
	for _, r := range append([]Resource{p.Group}, p.Resources...) {
		d.Resources = append(d.Resources, ResourceDocument{r.ID, r.Type, r.Name, r.APIVersion})
	}
	for _, g := range p.Grants {
		d.Grants = append(d.Grants, GrantDocument{
			g.Scope, p.RoleDefinitionOf(g), g.Role.Name, string(g.Principal), g.PrincipalType, g.Before, g.Condition,
		})
	}
	return d
}

var allSteps = []Step{
	StepGroup, StepRegistration, StepFoundation, StepGrants, StepCluster,
	StepImages, StepCRDs, StepTrust, StepChart, StepSandbox,
}

// IsStep says whether a name is a step's; no name means all of them.
func IsStep(name string) bool {
	for _, s := range allSteps {
		if name == "" || name == string(s) {
			return true
		}
	}
	return false
}

// Reaches says whether a run that ends with the step until, or with the last
// one for "", gets to a step.
func Reaches(until string, s Step) bool {
	return until == "" || slices.Index(allSteps, Step(until)) >= slices.Index(allSteps, s)
}

// StepNames lists the steps for a person.
func StepNames() string {
	names := make([]string, len(allSteps))
	for i, s := range allSteps {
		names[i] = string(s)
	}
	return strings.Join(names, ", ")
}
