package rbac

// ParentsOf makes the Parents of an Input for a subscription of which role and
// deny assignments were listed: Azure Resource Manager lists at a scope only
// what applies there, so every management group among the scopes is above the
// subscription. In which order they stand does not matter to a decision about
// the subscription or what it contains. It is nil where there are none.
//
// learn.microsoft.com/azure/role-based-access-control/role-assignments-list-rest
func ParentsOf(subscription string, listed []Assignment, denies []DenyAssignment) map[string]string {
	var parents map[string]string
	last := NormalizeScope(subscription)
	add := func(scope string) {
		s, err := ParseScope(scope)
		scope = NormalizeScope(scope)
		if err != nil || s.Kind != ManagementGroupScope || scope == last {
			return
		}
		if _, known := parents[scope]; known {
			return
		}
		if parents == nil {
			parents = make(map[string]string)
		}
		parents[last] = scope
		last = scope
	}
	for _, a := range listed {
		add(a.Scope)
	}
	for _, d := range denies {
		add(d.Scope)
	}
	return parents
}
