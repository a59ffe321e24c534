package plan

import (
	"sort"
	"strings"
)

// Registration is a resource provider that must be registered with the
// subscription.
type Registration struct {
	Namespace string
	Why       string
}

// registrations are the namespaces of everything the plan makes, and those
// that AKS uses on the cluster's behalf (U16).
func (p *Plan) registrations() []Registration {
	why := map[string]string{
		"Microsoft.Authorization": "role assignments",
		"Microsoft.Compute":       "the cluster's nodes",
		"Microsoft.Insights":      "the cluster's metrics and diagnostics",
	}
	for _, r := range p.Resources {
		namespace, _, _ := strings.Cut(r.Type, "/")
		if why[namespace] == "" {
			why[namespace] = r.Label
		}
	}
	out := make([]Registration, 0, len(why))
	for n, w := range why {
		out = append(out, Registration{n, w})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Namespace < out[j].Namespace })
	return out
}
