package rbac

import "fmt"

// A guard is the compiled condition of an assignment or a permission set. The
// zero guard always holds.
type guard struct {
	condition *Condition
	problem   error // why there is no telling
}

// compileGuard never fails: what does not parse is unknown to every request, and
// so is any version but the one that Azure documents.
//
// learn.microsoft.com/azure/role-based-access-control/conditions-role-assignments-rest
func compileGuard(condition, version string) guard {
	if condition == "" {
		return guard{}
	}
	if version != "" && version != "2.0" {
		return guard{problem: fmt.Errorf("conditions of version %s are not known", version)}
	}
	c, err := ParseCondition(condition)
	return guard{condition: c, problem: err}
}

func (g *guard) holds(r *Request) (t Truth, why string) {
	switch {
	case g.problem != nil:
		return UnknownTruth, g.problem.Error()
	case g.condition == nil:
		return True, ""
	default:
		return g.condition.Evaluate(*r)
	}
}

// both is the conjunction of two guards.
func both(a, b *guard, r *Request) (t Truth, why string) {
	first, why := a.holds(r)
	if first == False {
		return False, ""
	}
	second, why2 := b.holds(r)
	if second == True {
		return first, why
	}
	if why == "" {
		why = why2
	}
	return second, why
}
