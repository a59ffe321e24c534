package rbac

// Permitted decides an action by a list of permission sets: it returns the
// pattern that grants it, and whether one does. A set under a condition counts
// as if the condition held; a Policy is there to evaluate it.
func Permitted(sets []Permission, action string, data bool) (string, bool) {
	folded := fold(action)
	for _, s := range sets {
		p := compilePermission(s)
		if pattern, _, ok := p.grants(folded, data); ok {
			return pattern, true
		}
	}
	return "", false
}

// permission is a compiled Permission.
type permission struct {
	actions, notActions, dataActions, notDataActions patterns
	guard                                            guard
}

func compilePermission(p Permission) permission {
	return permission{
		actions:        compilePatterns(p.Actions),
		notActions:     compilePatterns(p.NotActions),
		dataActions:    compilePatterns(p.DataActions),
		notDataActions: compilePatterns(p.NotDataActions),
		guard:          compileGuard(p.Condition, p.ConditionVersion),
	}
}

func compilePermissions(list []Permission) []permission {
	out := make([]permission, len(list))
	for i, p := range list {
		out[i] = compilePermission(p)
	}
	return out
}

// grants decides a folded action. When a pattern grants it, by is that
// pattern; when another takes it away again, except is that other.
func (p *permission) grants(action string, data bool) (by, except string, ok bool) {
	allow, not := &p.actions, &p.notActions
	if data {
		allow, not = &p.dataActions, &p.notDataActions
	}
	by, ok = matchSpelt(allow, action)
	if !ok {
		return "", "", false
	}
	if except, taken := matchSpelt(not, action); taken {
		return by, except, false
	}
	return by, "", true
}
