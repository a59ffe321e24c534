package apply

import (
	"reflect"
)

// Contains reports whether live has everything that want asks for: every field
// of want is in live with an equal value, and lists are of equal length with
// each element containing its counterpart, because the server adds defaults to
// elements but not elements. Null and what is empty, text included, ask for
// nothing: the server leaves them out.
func Contains(live, want any) bool {
	switch want := want.(type) {
	case nil:
		return true
	case map[string]any:
		liveMap, ok := live.(map[string]any)
		if !ok {
			return live == nil && asksNothing(want)
		}
		for k, v := range want {
			if !Contains(liveMap[k], v) {
				return false
			}
		}
		return true
	case []any:
		liveList, ok := live.([]any)
		if !ok {
			return live == nil && len(want) == 0
		}
		if len(liveList) != len(want) {
			return false
		}
		for i := range want {
			if !Contains(liveList[i], want[i]) {
				return false
			}
		}
		return true
	case string:
		return live == want || live == nil && want == ""
	default:
		return equalScalar(live, want)
	}
}

func asksNothing(m map[string]any) bool {
	for _, v := range m {
		if !Contains(nil, v) {
			return false
		}
	}
	return true
}

// equalScalar compares numbers by value: YAML reads what JSON writes as int64
// as float64, and the other way round.
func equalScalar(a, b any) bool {
	if x, ok := number(a); ok {
		y, ok := number(b)
		return ok && x == y
	}
	return reflect.DeepEqual(a, b)
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case int64:
		return float64(n), true
	case int32:
		return float64(n), true
	case int:
		return float64(n), true
	case float64:
		return n, true
	default:
		return 0, false
	}
}
