package permissions

import (
	"fmt"
	"strings"
)

// Terraform is a configuration for the azurerm provider with the custom role
// and an assignment at each scope.
// registry.terraform.io/providers/hashicorp/azurerm/latest/docs/resources/role_definition
func (p *Page) Terraform() string {
	var b strings.Builder
	f := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	f("# Gives %s what `kars up` needs of %s, and no more.\n", oneLine(p.who()), strings.Join(p.Scopes, " and "))
	f("variable \"principal_id\" {\n  description = \"Object id of whoever runs kars up.\"\n  type        = string%s\n}\n", hclDefault(p.Principal.ObjectID))
	f("variable \"principal_type\" {\n  description = \"User, Group or ServicePrincipal.\"\n  type        = string%s\n}\n", hclDefault(orUser(p.Principal.Type)))
	d := p.Definition()
	f("resource \"azurerm_role_definition\" \"kars_deployer\" {")
	f("  name        = %s\n  scope       = %s\n  description = %s\n", hclText(d.Name), hclText(d.AssignableScopes[0]), hclText(d.Description))
	f("  permissions {")
	b.WriteString(hclList("actions", p.covered(), d.Actions))
	if len(d.DataActions) > 0 {
		b.WriteString(hclList("data_actions", p.covered(), d.DataActions))
	}
	f("  }\n\n  assignable_scopes = [")
	for _, s := range d.AssignableScopes {
		f("    %s,", hclText(s))
	}
	f("  ]\n}\n")
	f("resource \"azurerm_role_assignment\" \"kars_deployer\" {\n  for_each = toset([")
	for _, s := range p.Scopes {
		f("    %s,", hclText(s))
	}
	f("  ])\n")
	f("  scope              = each.value")
	f("  role_definition_id = azurerm_role_definition.kars_deployer.role_definition_resource_id")
	f("  principal_id       = var.principal_id")
	f("  principal_type     = var.principal_type")
	if p.Condition != "" {
		f("  condition          = %s\n  condition_version  = %s", hclText(p.Condition), hclText(p.ConditionVersion))
	}
	f("}")
	return b.String()
}

func hclList(name string, reasons []Permission, actions []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "    %s = [\n", name)
	for _, a := range actions {
		for _, why := range why(reasons, a) {
			b.WriteString("      # " + why + "\n")
		}
		b.WriteString("      " + hclText(a) + ",\n")
	}
	b.WriteString("    ]\n")
	return b.String()
}

func hclDefault(value string) string {
	if value == "" {
		return ""
	}
	return "\n  default     = " + hclText(value)
}

// hclText is a quoted template without a template in it.
// developer.hashicorp.com/terraform/language/expressions/strings
func hclText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "${", "$${", "%{", "%%{", "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(s) + `"`
}
