package pseudonym

import "strings"

// kindOf classifies the string at a path. "*" stands for an element of a list
// or the key of a map, "key" at the end for the key itself. Each path is that of
// docs/facts.md; a test sees to it that none is forgotten.
func kindOf(path []string) kind {
	at := strings.Join(path, ".")
	for _, row := range kinds() {
		if matches(row.path, at) {
			return row.kind
		}
	}
	return unclassified
}

// keyed reports whether what lies at a path is a map whose keys are data.
func keyed(path []string) bool {
	switch strings.Join(path, ".") {
	case "permissions", "registrations.value", "locations", "features.value", "nearby", "names", "elsewhere", "kubernetes.value.definitions":
		return true
	}
	return false
}

// public reports whether what lies at a path is the same in every tenant, as a
// built-in role is.
func public(path []string, v map[string]any) bool {
	return strings.Join(path, ".") == "definitions.value.*" && v["type"] == "BuiltInRole"
}

type row struct {
	path string // "…" at its beginning or its end stands for anything
	kind kind
}

// kinds has the narrower rows first.
func kinds() []row {
	return []row{
		{"apiVersion", keep},
		{"kind", keep},
		{"gathered", keep},
		{"caller.type", keep},
		{"caller.displayName", name},
		{"caller.*", id},
		{"caller.groups.*", id},
		{"localPrincipal", name},
		{"group.value.location", keep},
		{"names.key", id},
		{"names.*.value.reason", keep},
		{"names.*.value.message", text},
		{"permissions.key", id},
		{"registrations.value.key", keep},
		{"registrations.value.*", keep},
		{"directory.value.permissions.*", keep},
		{"directory.value.delegated.*", keep},
		{"directory.value.roles.*.displayName", keep},
		{"eligibleDirectoryRoles.value.*.displayName", role},
		{"….directoryScopeId", id},
		{"….assignmentType", keep},
		{"subscription.value.displayName", name},
		{"subscription.value.state", keep},
		{"….subscriptionId", id},
		{"….tenantId", id},
		{"elsewhere.key", id},
		{"elsewhere.*.denies.value.*.name", name},
		{"elsewhere.*.locks.value.*.name", name},
		{"elsewhere.*.locks.value.*.level", keep},
		{"elsewhere.*.locks.value.*.notes", text},
		{"locks.value.*.name", name},
		{"locks.value.*.level", keep},
		{"locks.value.*.notes", text},
		{"policies.value.*.name", name},
		{"….resourceId", id},
		{"….assignmentId", id},
		{"….assignmentName", name},
		{"….definitionId", id},
		{"….setDefinitionId", id},
		{"….referenceId", name},
		{"restrictions.value.*.effect", keep},
		{"restrictions.value.*.result", keep},
		{"restrictions.value.*.reason", text},
		{"restrictions.value.*.field", keep},
		{"restrictions.value.*.values.*", text},
		{"….roleName", role},
		{"….scopeName", name},
		{"….memberType", keep},
		{"activations.value.*.type", keep},
		{"….eligibilityId", id},
		{"….scheduleId", id},
		{"token.credential", keep},
		{"token.…", text},
		{"….unread.permission", keep},
		{"….unread.scope", id},
		{"….unread.*", text},
		{"….actions.*", keep},
		{"….notActions.*", keep},
		{"….dataActions.*", keep},
		{"….notDataActions.*", keep},
		{"….condition", id},
		{"….conditionVersion", keep},
		{"….principalType", keep},
		{"definitions.value.*.type", keep},
		{"definitions.value.*.name", name},
		{"definitions.value.*.description", name},
		{"denies.value.*.name", name},
		{"….principals.*", id},
		{"….excludePrincipals.*", id},
		{"….principalTypes.*", keep},
		{"….excludePrincipalTypes.*", keep},
		{"….assignableScopes.*", id},
		{"….principalId", id},
		{"….roleDefinitionId", id},
		{"….roleTemplateId", id},
		{"….identityId", id},
		{"….id", id},
		{"….scope", id},
		{"locations.…", keep},
		{"features.…", keep},
		{"usages.…", keep},
		{"sizes.…", keep},
		{"nearby.…", keep},
		{"modelUsages.…", keep},
		{"models.…", keep},
		{"deployments.value.*", name},
		{"versions.…", keep},
		{"cluster.…", keep},
		{"kubernetes.…", keep},
	}
}

// matches holds a path against a row's.
func matches(pattern, path string) bool {
	if tail, anywhere := strings.CutPrefix(pattern, "…"); anywhere {
		steps := strings.Count(tail, ".")
		parts := strings.Split(path, ".")
		if len(parts) <= steps {
			return false
		}
		return matches(tail[1:], strings.Join(parts[len(parts)-steps:], "."))
	}
	if head, anything := strings.CutSuffix(pattern, "…"); anything {
		return strings.HasPrefix(path, head)
	}
	want, have := strings.Split(pattern, "."), strings.Split(path, ".")
	if len(want) != len(have) {
		return false
	}
	for i := range want {
		if want[i] != "*" && want[i] != have[i] {
			return false
		}
	}
	return true
}
