package permissions

import (
	"fmt"
	"strings"
)

// Bicep is a template, at the scope of the subscription or of the group, with
// the custom role and its assignment. Both are named by guid(), so that another
// deployment changes nothing.
// learn.microsoft.com/azure/azure-resource-manager/bicep/scenarios-rbac
func (p *Page) Bicep() string {
	at, target := "subscription()", "subscription"
	if strings.Contains(p.Scopes[0], "/resourceGroups/") {
		at, target = "resourceGroup()", "resourceGroup"
	}
	var b strings.Builder
	f := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	f("// Gives %s what `kars up` needs of %s, and no more.", oneLine(p.who()), p.Scopes[0])
	if target == "subscription" {
		f("//   az deployment sub create --subscription %s --location <region> --template-file kars-deployer.bicep", p.SubscriptionID)
	} else {
		f("//   az deployment group create --subscription %s --resource-group %s --template-file kars-deployer.bicep", p.SubscriptionID, bicepText(reachName(p.Scopes[0])))
	}
	f("targetScope = '%s'\n", target)
	f("@description('Object id of whoever runs kars up.')")
	f("param principalId string%s\n", bicepDefault(p.Principal.ObjectID))
	f("@allowed(['User', 'Group', 'ServicePrincipal'])")
	f("param principalType string%s\n", bicepDefault(orUser(p.Principal.Type)))
	covered := p.covered()
	b.WriteString(bicepList("actions", covered, p.Definition().Actions))
	b.WriteString(bicepList("dataActions", covered, p.Definition().DataActions))
	f("resource role 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {")
	f("  name: guid(%s.id, %s)", at, bicepText(p.roleName()))
	f("  properties: {")
	f("    roleName: %s\n    description: %s\n    type: 'CustomRole'", bicepText(p.roleName()), bicepText(description))
	f("    permissions: [\n      {\n        actions: actions\n        notActions: []\n        dataActions: dataActions\n        notDataActions: []\n      }\n    ]")
	f("    assignableScopes: [")
	for _, s := range p.Definition().AssignableScopes {
		if s == p.Scopes[0] {
			f("      %s.id", at)
			continue
		}
		f("      %s", bicepText(s))
	}
	f("    ]\n  }\n}\n")
	f("resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {")
	f("  name: guid(%s.id, principalId, role.id)", at)
	f("  properties: {\n    roleDefinitionId: role.id\n    principalId: principalId\n    principalType: principalType")
	if p.Condition != "" {
		f("    condition: %s\n    conditionVersion: %s", bicepText(p.Condition), bicepText(p.ConditionVersion))
	}
	f("  }\n}")
	for _, s := range p.Scopes[1:] {
		f("\n// Outside of this template's scope: assign the same role at\n//   %s", s)
	}
	return b.String()
}

// bicepList is a variable that holds actions, each under its reason.
func bicepList(name string, reasons []Permission, actions []string) string {
	if len(actions) == 0 {
		return "var " + name + " = []\n\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "var %s = [\n", name)
	for _, a := range actions {
		for _, why := range why(reasons, a) {
			b.WriteString("  // " + why + "\n")
		}
		b.WriteString("  " + bicepText(a) + "\n")
	}
	b.WriteString("]\n\n")
	return b.String()
}

// why are the reasons for which an action is asked for, a line each.
func why(of []Permission, action string) []string {
	for _, r := range of {
		if strings.EqualFold(r.Action, action) {
			return strings.Split(oneLine(r.Why), "; ")
		}
	}
	return nil
}

func bicepDefault(value string) string {
	if value == "" {
		return ""
	}
	return " = " + bicepText(value)
}

// bicepText is a string literal.
// learn.microsoft.com/azure/azure-resource-manager/bicep/data-types#strings
func bicepText(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "${", `\${`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(s) + "'"
}

func orUser(principalType string) string {
	if principalType == "" {
		return "User"
	}
	return principalType
}

func reachName(scope string) string { return scope[strings.LastIndexByte(scope, '/')+1:] }
