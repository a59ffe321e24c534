package arm

import (
	"strings"
)

// match compares a path with a pattern and returns what the braces matched.
func match(pattern, path string) (map[string]string, bool) {
	want := strings.Split(strings.Trim(pattern, "/"), "/")
	have := strings.Split(strings.Trim(path, "/"), "/")
	params := map[string]string{}
	if want[0] == "{scope...}" {
		n := len(have) - len(want) + 1
		if n < 0 {
			return nil, false
		}
		params["scope"] = "/" + strings.Join(have[:n], "/")
		want, have = want[1:], have[n:]
	}
	if len(want) != len(have) {
		return nil, false
	}
	for i, w := range want {
		switch {
		case strings.HasPrefix(w, "{"):
			params[strings.Trim(w, "{}")] = have[i]
		case !strings.EqualFold(w, have[i]):
			return nil, false
		}
	}
	return params, true
}
