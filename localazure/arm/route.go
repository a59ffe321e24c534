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

// currentPath rewrites two addresses that mean the same as another: that which
// the operations of a group's deployments have from the time before resource
// providers, which the SDKs still use, and that of a subscription in the examples
// of Privileged Identity Management:
// learn.microsoft.com/rest/api/resources/deployment-operations/list,
// learn.microsoft.com/rest/api/authorization/role-assignment-schedule-requests/create#examples.
func currentPath(path string) string {
	segments := strings.Split(path, "/")
	if len(segments) > 4 && strings.EqualFold(strings.Join(segments[1:4], "/"), "providers/Microsoft.Subscription/subscriptions") {
		segments = append([]string{""}, segments[3:]...)
		path = strings.Join(segments, "/")
	}
	if len(segments) < 7 || !strings.EqualFold(segments[3], "resourceGroups") || !strings.EqualFold(segments[5], "deployments") {
		return path
	}
	return strings.Join(segments[:5], "/") + "/providers/Microsoft.Resources/" + strings.Join(segments[5:], "/")
}
