package localazure_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	policyVersion    = "?api-version=2023-04-01"
	allowedLocations = "e56962a6-4747-49cd-b67b-bf8b01975c4c"
	groupLocations   = "e765b5de-1225-4ba3-bd56-1ac6695af988"
	notAllowedTypes  = "6c112d4e-5bc7-47ae-a041-ea2d9dccd749"
	requireTag       = "871b6d14-10aa-478d-b590-94f262ecfa99"
)

func builtinPolicy(id string) string {
	return "/providers/Microsoft.Authorization/policyDefinitions/" + id
}

func assignmentID(scope, name string) string {
	return scope + "/providers/Microsoft.Authorization/policyAssignments/" + name
}

// assignPolicy assigns a definition with parameter values.
func (w *world) assignPolicy(scope, name, definition string, parameters, more object) object {
	w.Helper()
	values := object{}
	for p, v := range parameters {
		values[p] = object{"value": v}
	}
	properties := object{"policyDefinitionId": definition, "displayName": "Assigned as " + name, "parameters": values}
	for k, v := range more {
		properties[k] = v
	}
	return w.must("PUT", assignmentID(scope, name)+policyVersion, object{"properties": properties})
}

// definePolicy writes a custom definition of mode All with this condition.
func (w *world) definePolicy(name string, condition any) string {
	w.Helper()
	id := w.subscription() + "/providers/Microsoft.Authorization/policyDefinitions/" + name
	w.must("PUT", id+policyVersion, object{"properties": object{
		"mode": "All", "displayName": "Custom " + name,
		"policyRule": object{"if": condition, "then": object{"effect": "deny"}},
	}})
	return id
}

func registryBody(more object) object {
	body := object{"location": "eastus2", "sku": object{"name": "Basic"}}
	for k, v := range more {
		body[k] = v
	}
	return body
}

func TestPoliciesDenyWritesP12(t *testing.T) {
	field := func(name, operator string, v any) object { return object{"field": name, operator: v} }
	for name, c := range map[string]struct {
		builtin    string
		parameters object
		condition  any
		more       object // of the assignment
		atGroup    bool   // assigned at the group
		group      bool   // what is written is another group
		body       object
		denied     bool
	}{
		"a region that is not allowed":                  {builtin: allowedLocations, parameters: object{"listOfAllowedLocations": []any{"westeurope"}}, denied: true},
		"a region that is allowed":                      {builtin: allowedLocations, parameters: object{"listOfAllowedLocations": []any{"East US 2"}}},
		"allowed locations say nothing of groups":       {builtin: allowedLocations, parameters: object{"listOfAllowedLocations": []any{"westeurope"}}, group: true},
		"a group in a region that is not allowed":       {builtin: groupLocations, parameters: object{"listOfAllowedLocations": []any{"westeurope"}}, group: true, denied: true},
		"a resource in a group that is allowed":         {builtin: groupLocations, parameters: object{"listOfAllowedLocations": []any{"westeurope"}}},
		"a type that is not allowed":                    {builtin: notAllowedTypes, parameters: object{"listOfResourceTypesNotAllowed": []any{"microsoft.containerregistry/registries"}}, denied: true},
		"a type that is audited":                        {builtin: notAllowedTypes, parameters: object{"listOfResourceTypesNotAllowed": []any{"Microsoft.ContainerRegistry/registries"}, "effect": "Audit"}},
		"a policy that is disabled":                     {builtin: notAllowedTypes, parameters: object{"listOfResourceTypesNotAllowed": []any{"Microsoft.ContainerRegistry/registries"}, "effect": "Disabled"}},
		"a tag that is missing":                         {builtin: requireTag, parameters: object{"tagName": "costCenter"}, denied: true},
		"a tag that is there":                           {builtin: requireTag, parameters: object{"tagName": "costCenter"}, body: object{"tags": object{"CostCenter": "7"}}},
		"a tag is not asked of groups":                  {builtin: requireTag, parameters: object{"tagName": "costCenter"}, group: true},
		"an assignment at the group holds in it":        {builtin: requireTag, parameters: object{"tagName": "costCenter"}, atGroup: true, denied: true},
		"an assignment at a group leaves others alone":  {builtin: groupLocations, parameters: object{"listOfAllowedLocations": []any{"westeurope"}}, atGroup: true, group: true},
		"an assignment that is not enforced":            {builtin: requireTag, parameters: object{"tagName": "costCenter"}, more: object{"enforcementMode": "DoNotEnforce"}},
		"a scope that the assignment leaves out":        {builtin: requireTag, parameters: object{"tagName": "costCenter"}, more: object{"notScopes": []any{"GROUP"}}},
		"a scope beside what the assignment leaves out": {builtin: requireTag, parameters: object{"tagName": "costCenter"}, more: object{"notScopes": []any{"GROUP2"}}, denied: true},
		"a sku that is not allowed":                     {condition: field("Microsoft.ContainerRegistry/registries/sku.name", "notEquals", "Premium"), denied: true},
		"public network access":                         {condition: field("Microsoft.ContainerRegistry/registries/publicNetworkAccess", "notEquals", "Disabled"), denied: true},
		"public network access that is off":             {condition: field("Microsoft.ContainerRegistry/registries/publicNetworkAccess", "notEquals", "Disabled"), body: object{"properties": object{"publicNetworkAccess": "Disabled"}}},
		"a rule that fails denies":                      {condition: object{"value": "[substring(field('name'), 0, 64)]", "equals": "x"}, denied: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			group := w.subscription() + "/resourceGroups/g"
			w.must("PUT", group, object{"location": "eastus2"})
			definition := builtinPolicy(c.builtin)
			if c.condition != nil {
				definition = w.definePolicy("mine", object{"allOf": []any{object{"field": "type", "equals": "Microsoft.ContainerRegistry/registries"}, c.condition}})
			}
			scope := w.subscription()
			if c.atGroup {
				scope = group
			}
			if list, ok := c.more["notScopes"].([]any); ok {
				c.more["notScopes"] = []any{strings.Replace(list[0].(string), "GROUP", group, 1)}
			}
			w.assignPolicy(scope, "guard", definition, c.parameters, c.more)

			path, body := group+"/providers/Microsoft.ContainerRegistry/registries/policed12345", registryBody(c.body)
			if c.group {
				path, body = w.subscription()+"/resourceGroups/other", object{"location": "eastus2"}
			}
			status, tree := w.do(w.owner, "PUT", path, body)
			if denied := status == 403 && code(tree) == "RequestDisallowedByPolicy"; denied != c.denied || !denied && status >= 300 {
				t.Errorf("%d %v, denied should be %t", status, tree, c.denied)
			}
		})
	}
}

func TestAPolicyThatDeniesIsNamedInTheErrorP12(t *testing.T) {
	w := newWorld(t)
	group, registry := w.registry()
	w.assignPolicy(group, "regions", builtinPolicy(allowedLocations), object{"listOfAllowedLocations": []any{"westeurope"}}, nil)
	assignment := assignmentID(group, "regions")
	status, tree := w.do(w.owner, "PATCH", registry, object{"tags": object{"a": "b"}})
	want := object{"error": object{
		"code": "RequestDisallowedByPolicy", "target": "locked12345",
		"message": `Resource 'locked12345' was disallowed by policy. Policy identifiers: '[{"policyAssignment":{"name":"Assigned as regions","id":"` + assignment +
			`"},"policyDefinition":{"name":"Allowed locations","id":"` + builtinPolicy(allowedLocations) + `"}}]'.`,
		"additionalInfo": []any{object{"type": "PolicyViolation", "info": object{
			"policyDefinitionDisplayName": "Allowed locations", "policyDefinitionId": builtinPolicy(allowedLocations),
			"policyDefinitionName": allowedLocations, "policyDefinitionEffect": "Deny",
			"policyAssignmentId": assignment, "policyAssignmentName": "regions", "policyAssignmentDisplayName": "Assigned as regions",
			"policyAssignmentScope":      group,
			"policyAssignmentParameters": object{"listOfAllowedLocations": object{"value": []any{"westeurope"}}},
			"evaluationDetails": object{"evaluatedExpressions": []any{
				object{"result": "True", "expressionKind": "Field", "expression": "location", "path": "location", "expressionValue": "eastus2", "targetValue": []any{"westeurope"}, "operator": "NotIn"},
				object{"result": "True", "expressionKind": "Field", "expression": "location", "path": "location", "expressionValue": "eastus2", "targetValue": "global", "operator": "NotEquals"},
				object{"result": "True", "expressionKind": "Field", "expression": "type", "path": "type", "expressionValue": "Microsoft.ContainerRegistry/registries", "targetValue": "Microsoft.AzureActiveDirectory/b2cDirectories", "operator": "NotEquals"},
			}},
		}}},
	}}
	if diff := cmp.Diff(want, tree); diff != "" || status != 403 {
		t.Errorf("%d (-want +got):\n%s", status, diff)
	}

	w.assignPolicy(group, "regions", builtinPolicy(allowedLocations), object{"listOfAllowedLocations": []any{"westeurope"}},
		object{"nonComplianceMessages": []any{object{"message": "Ask the platform team."}}})
	_, tree = w.do(w.owner, "PATCH", registry, object{"tags": object{"a": "b"}})
	if want := "Resource 'locked12345' was disallowed by policy. Reasons: 'Ask the platform team.'. See error details for policy resource IDs."; message(tree) != want {
		t.Errorf("%s\nwant %s", message(tree), want)
	}
}

func TestDeploymentsAreHeldAgainstPoliciesBeforeTheyBeginP12(t *testing.T) {
	w := newWorld(t)
	group, _ := w.registry()
	w.assignPolicy(w.subscription(), "tag", builtinPolicy(requireTag), object{"tagName": "owner"}, nil)
	identity := func(name string, tags object) object {
		return object{"type": "Microsoft.ManagedIdentity/userAssignedIdentities", "apiVersion": "2023-01-31", "name": name, "location": "eastus2", "tags": tags}
	}
	for name, c := range map[string]struct {
		resources []any
		want      string // the message, or "" when nothing is wrong
		refused   int
	}{
		"one is refused":   {[]any{identity("a", nil), identity("b", object{"owner": "ada"})}, "because of policy violation", 1},
		"both are refused": {[]any{identity("a", nil), identity("b", object{"other": "ada"})}, "with multiple errors", 2},
		"none is refused":  {[]any{identity("a", object{"owner": "ada"})}, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			body := object{"properties": object{"mode": "Incremental", "template": object{
				"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", "contentVersion": "1.0.0.0", "resources": c.resources,
			}}}
			path := group + "/providers/Microsoft.Resources/deployments/d"
			for method, path := range map[string]string{"POST": path + "/validate", "PUT": path} {
				status, tree := w.do(w.owner, method, path, body)
				if c.want == "" {
					if status >= 300 {
						t.Errorf("%s: %d %v", method, status, tree)
					}
					continue
				}
				e, _ := tree["error"].(object)
				details, _ := e["details"].([]any)
				first := object{}
				if len(details) > 0 {
					first, _ = details[0].(object)
				}
				if status != 400 || code(tree) != "InvalidTemplateDeployment" || !strings.Contains(message(tree), c.want) ||
					len(details) != c.refused || first["code"] != "RequestDisallowedByPolicy" || first["additionalInfo"] == nil {
					t.Errorf("%s: %d %v", method, status, tree)
				}
			}
		})
	}
}

func checkPath(scope string) string {
	return scope + "/providers/Microsoft.PolicyInsights/checkPolicyRestrictions?api-version=2023-03-01"
}

func TestRestrictionsAreToldBeforehandP12(t *testing.T) {
	w := newWorld(t)
	group, _ := w.registry()
	w.assignPolicy(w.subscription(), "regions", builtinPolicy(allowedLocations), object{"listOfAllowedLocations": []any{"eastus2", "westus"}}, nil)
	w.assignPolicy(w.subscription(), "group-regions", builtinPolicy(groupLocations), object{"listOfAllowedLocations": []any{"westus"}}, nil)
	w.assignPolicy(group, "tag", builtinPolicy(requireTag), object{"tagName": "owner"}, nil)
	w.assignPolicy(group, "off", builtinPolicy(requireTag), object{"tagName": "other"}, object{"enforcementMode": "DoNotEnforce"})
	w.assignPolicy(group, "audit", builtinPolicy(notAllowedTypes), object{"listOfResourceTypesNotAllowed": []any{"Microsoft.KeyVault/vaults"}, "effect": "Audit"}, nil)
	broken := w.definePolicy("broken", object{"value": "[substring(field('name'), 0, 9)]", "equals": "x"})
	w.assignPolicy(group, "broken", broken, nil, object{"notScopes": []any{group + "/providers/Microsoft.KeyVault/vaults/kars-vault"}})

	vault := func(more object) object {
		content := object{"type": "Microsoft.KeyVault/vaults", "name": "kars-vault", "location": "eastus2"}
		for k, v := range more {
			content[k] = v
		}
		return object{"resourceContent": content, "apiVersion": "2023-07-01"}
	}
	for name, c := range map[string]struct {
		scope string
		body  object
		want  []string // "assignment effect result", of restrictions "field assignment result values"
	}{
		"a tag that is missing is refused": {
			group, object{"resourceDetails": vault(nil)}, []string{"tag Deny NonCompliant"},
		},
		"a vault that complies": {
			group, object{"resourceDetails": vault(object{"tags": object{"owner": "ada"}})}, nil,
		},
		"audits are told of on demand": {
			group, object{"resourceDetails": vault(object{"tags": object{"owner": "ada"}}), "includeAuditEffect": true}, []string{"audit Audit NonCompliant"},
		},
		"a policy of the group does not concern the subscription": {
			w.subscription(), object{"resourceDetails": vault(object{"location": "westeurope"})}, []string{"regions Deny NonCompliant"},
		},
		"a group is asked about at the subscription": {
			w.subscription(),
			object{"resourceDetails": object{"resourceContent": object{"type": "Microsoft.Resources/subscriptions/resourceGroups", "name": "new", "location": "eastus2"}}},
			[]string{"group-regions Deny NonCompliant"},
		},
		"a rule that fails is told of": {
			group,
			object{"resourceDetails": object{"resourceContent": object{"type": "Microsoft.Network/virtualNetworks", "name": "v", "location": "eastus2", "tags": object{"owner": "ada"}}}},
			[]string{"broken Deny Error"},
		},
		"a child lies in its parent": {
			group, object{"resourceDetails": object{
				"resourceContent": object{"type": "Microsoft.KeyVault/vaults/secrets", "name": "s"},
				"scope":           group + "/providers/Microsoft.KeyVault/vaults/kars-vault",
			}}, nil,
		},
		"a tag that is pending is required": {
			group, object{"resourceDetails": vault(nil), "pendingFields": []any{object{"field": "tags"}}}, []string{"tags.owner tag Required []"},
		},
		"regions that are pending are sorted out": {
			group, object{"resourceDetails": vault(object{"location": nil, "tags": object{"owner": "ada"}}), "pendingFields": []any{
				object{"field": "location", "values": []any{"eastus2", "westeurope", "westus", "northeurope"}},
			}}, []string{"location regions Deny [westeurope northeurope]"},
		},
		"a region that is pending, without any to choose from": {
			group,
			object{"resourceDetails": vault(object{"location": "nowhere", "tags": object{"owner": "ada"}}), "pendingFields": []any{object{"field": "location"}}},
			[]string{"location regions Required [eastus2 westus]", "location regions Required [global]"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			status, tree := w.do(w.owner, "POST", checkPath(c.scope), c.body)
			if status != 200 {
				t.Fatalf("%d %v", status, tree)
			}
			if diff := cmp.Diff(c.want, told(tree)); diff != "" {
				t.Errorf("(-want +got):\n%s\n%v", diff, tree)
			}
		})
	}
	for name, body := range map[string]any{
		"no body":                      nil,
		"no type":                      object{"resourceDetails": object{"resourceContent": object{"name": "x"}}},
		"a scope that is elsewhere":    object{"resourceDetails": object{"resourceContent": object{"type": "A.B/c"}, "scope": "/subscriptions/other"}},
		"a scope that is no id at all": object{"resourceDetails": object{"resourceContent": object{"type": "A.B/c"}, "scope": "/sub//x"}},
	} {
		if status, tree := w.do(w.owner, "POST", checkPath(group), body); status != 400 {
			t.Errorf("%s: %d %v", name, status, tree)
		}
	}
	if status, tree := w.do(w.owner, "POST", checkPath(w.subscription()+"/resourceGroups/none"), object{"resourceDetails": vault(nil)}); code(tree) != "ResourceGroupNotFound" {
		t.Errorf("in a group that there is not: %d %v", status, tree)
	}
	nobody := w.principal("nobody", "sp")
	if status, tree := w.do(nobody, "POST", checkPath(group), object{"resourceDetails": vault(nil)}); status != 403 ||
		!strings.Contains(message(tree), "'Microsoft.PolicyInsights/checkPolicyRestrictions/read'") {
		t.Errorf("as nobody: %d %v", status, tree)
	}
}

// told writes what an answer says, in short.
func told(tree object) []string {
	var all []string
	last := func(v any) string {
		id := fmt.Sprint(v)
		return id[strings.LastIndex(id, "/")+1:]
	}
	content, _ := tree["contentEvaluationResult"].(object)
	evaluations, _ := content["policyEvaluations"].([]any)
	for _, raw := range evaluations {
		e, _ := raw.(object)
		policy, _ := e["policyInfo"].(object)
		effect, _ := e["effectDetails"].(object)
		all = append(all, fmt.Sprintf("%s %s %s", last(policy["policyAssignmentId"]), effect["policyEffect"], e["evaluationResult"]))
	}
	fields, _ := tree["fieldRestrictions"].([]any)
	for _, raw := range fields {
		f, _ := raw.(object)
		restrictions, _ := f["restrictions"].([]any)
		for _, raw := range restrictions {
			r, _ := raw.(object)
			policy, _ := r["policy"].(object)
			values, _ := r["values"].([]any)
			all = append(all, fmt.Sprintf("%s %s %s %v", f["field"], last(policy["policyAssignmentId"]), r["result"], values))
		}
	}
	return all
}

func TestPolicyObjectsAreCheckedAndListedP12(t *testing.T) {
	w := newWorld(t)
	group, registry := w.registry()
	custom := w.definePolicy("mine", object{"field": "kind", "equals": "never"})
	locations := object{"listOfAllowedLocations": object{"value": []any{"eastus2"}}}
	for name, c := range map[string]struct {
		path string
		body object
		want string
	}{
		"a definition without rule":                {w.subscription() + "/providers/Microsoft.Authorization/policyDefinitions/x", object{}, "InvalidPolicyRule"},
		"a definition in a group":                  {group + "/providers/Microsoft.Authorization/policyDefinitions/x", object{}, "InvalidCreatePolicyDefinitionRequest"},
		"an assignment of nothing":                 {assignmentID(group, "x"), object{}, "InvalidCreatePolicyAssignmentRequest"},
		"an assignment of what there is not":       {assignmentID(group, "x"), object{"policyDefinitionId": builtinPolicy("x")}, "PolicyDefinitionNotFound"},
		"an assignment of an initiative":           {assignmentID(group, "x"), object{"policyDefinitionId": "/providers/Microsoft.Authorization/policySetDefinitions/x"}, "PolicySetDefinitionNotFound"},
		"a parameter that is missing":              {assignmentID(group, "x"), object{"policyDefinitionId": builtinPolicy(allowedLocations)}, "MissingPolicyParameter"},
		"a parameter that there is not":            {assignmentID(group, "x"), object{"policyDefinitionId": custom, "parameters": locations}, "UndefinedPolicyParameter"},
		"a parameter of another type":              {assignmentID(group, "x"), object{"policyDefinitionId": builtinPolicy(requireTag), "parameters": object{"tagName": object{"value": 7}}}, "InvalidPolicyParameterType"},
		"a value that is not allowed":              {assignmentID(group, "x"), object{"policyDefinitionId": builtinPolicy(notAllowedTypes), "parameters": object{"listOfResourceTypesNotAllowed": object{"value": []any{}}, "effect": object{"value": "Modify"}}}, "PolicyParameterValueNotAllowed"},
		"an enforcement mode that there is not":    {assignmentID(group, "x"), object{"policyDefinitionId": custom, "enforcementMode": "Sometimes"}, "InvalidEnforcementMode"},
		"an excluded scope that is none":           {assignmentID(group, "x"), object{"policyDefinitionId": custom, "notScopes": []any{7}}, "InvalidPolicyAssignmentNotScopes"},
		"excluded scopes that are no list":         {assignmentID(group, "x"), object{"policyDefinitionId": custom, "notScopes": "x"}, "InvalidPolicyAssignmentNotScopes"},
		"a definition with odd parameters":         {w.subscription() + "/providers/Microsoft.Authorization/policyDefinitions/x", object{"policyRule": object{"if": object{"field": "name", "equals": "x"}, "then": object{"effect": "deny"}}, "parameters": object{"a": object{"type": "Colour"}}}, "InvalidPolicyParameters"},
		"a definition whose effect there is not":   {w.subscription() + "/providers/Microsoft.Authorization/policyDefinitions/x", object{"policyRule": object{"if": object{"field": "name", "equals": "x"}, "then": object{"effect": "forbid"}}}, "InvalidPolicyRule"},
		"a definition with effects not evaluated ": {w.subscription() + "/providers/Microsoft.Authorization/policyDefinitions/x", object{"policyRule": object{"if": object{"field": "name", "equals": "x"}, "then": object{"effect": "modify"}}}, ""},
	} {
		if status, tree := w.do(w.owner, "PUT", c.path+policyVersion, object{"properties": c.body}); code(tree) != c.want {
			t.Errorf("%s: %d %v", name, status, tree)
		}
	}

	w.assignPolicy(w.subscription(), "above", builtinPolicy(requireTag), object{"tagName": "a"}, nil)
	w.assignPolicy(group, "here", custom, nil, nil)
	w.assignPolicy(registry, "below", custom, nil, nil)
	for filter, want := range map[string]string{
		"": "above here below", "atScope()": "above here", "atExactScope()": "here",
		"policyDefinitionId eq '" + custom + "'": "here below",
	} {
		_, tree := w.do(w.owner, "GET", assignmentID(group, "")[:len(assignmentID(group, ""))-1]+policyVersion+"&$filter="+strings.ReplaceAll(filter, " ", "%20"), nil)
		if got := names(tree); got != want {
			t.Errorf("filter %q: %s, want %s", filter, got, want)
		}
	}
	if status, tree := w.do(w.owner, "DELETE", custom+policyVersion, nil); code(tree) != "PolicyDefinitionInUse" {
		t.Errorf("deleting what is assigned: %d %v", status, tree)
	}
	for _, id := range []string{assignmentID(group, "here"), assignmentID(registry, "below"), custom} {
		if status, tree := w.do(w.owner, "DELETE", id+policyVersion, nil); status != 200 {
			t.Errorf("deleting %s: %d %v", id, status, tree)
		}
	}
	_, tree := w.do(w.owner, "GET", builtinPolicy(requireTag)+policyVersion, nil)
	if properties, _ := tree["properties"].(object); properties["policyType"] != "BuiltIn" {
		t.Errorf("the built-in definition: %v", tree)
	}
	if _, tree := w.do(w.owner, "GET", w.subscription()+"/providers/Microsoft.Authorization/policyDefinitions"+policyVersion, nil); len(names(tree)) < 4*36 {
		t.Errorf("definitions: %s", names(tree))
	}
}

// names lists the names in a list, in a stable order for tests of few.
func names(tree object) string {
	list, _ := tree["value"].([]any)
	var all []string
	for _, raw := range list {
		o, _ := raw.(object)
		all = append(all, fmt.Sprint(o["name"]))
	}
	order := map[string]int{"above": 0, "here": 1, "below": 2}
	for i := range all {
		for j := i + 1; j < len(all); j++ {
			if order[all[j]] < order[all[i]] {
				all[i], all[j] = all[j], all[i]
			}
		}
	}
	return strings.Join(all, " ")
}

func TestPoliciesAreAssignedByOwnersAndReadByAllP12(t *testing.T) {
	w := newWorld(t)
	group, _ := w.registry()
	w.assignPolicy(group, "here", builtinPolicy(requireTag), object{"tagName": "a"}, nil)
	body := object{"properties": object{"policyDefinitionId": builtinPolicy(requireTag), "parameters": object{"tagName": object{"value": "b"}}}}
	for _, role := range []string{"Contributor", "Reader", "AcrPull"} {
		c := w.principal("as-"+strings.ToLower(role), "sp", role)
		if status, tree := w.do(c, "GET", assignmentID(group, "here")+policyVersion, nil); status != 200 {
			t.Errorf("%s reads: %d %v", role, status, tree)
		}
		if status, tree := w.do(c, "PUT", assignmentID(group, "mine")+policyVersion, body); status != 403 || !strings.Contains(message(tree), "policyAssignments/write") {
			t.Errorf("%s assigns: %d %v", role, status, tree)
		}
		if status, tree := w.do(c, "DELETE", assignmentID(group, "here")+policyVersion, nil); status != 403 {
			t.Errorf("%s takes away: %d %v", role, status, tree)
		}
	}
	below := w.principal("below", "sp", "AcrPull@"+group)
	if _, tree := w.do(below, "GET", w.subscription()+"/providers/Microsoft.Authorization/policyAssignments"+policyVersion, nil); names(tree) != "here" {
		t.Errorf("with a role in the group: %v", tree)
	}
	nobody := w.principal("nobody", "sp")
	if status, tree := w.do(nobody, "GET", assignmentID(group, "here")+policyVersion, nil); status != 403 {
		t.Errorf("without any role: %d %v", status, tree)
	}
}
