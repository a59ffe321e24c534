package faults

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/azure/graph"
	"github.com/kars-dev/kars/internal/kube"
	"github.com/kars-dev/kars/localazure"
)

type tree = map[string]any

// state is everything that a run has brought about, by what it is called,
// without what Azure makes up anew each time: ids, times, tags of versions.
type state map[string][]string

// read reads it as the owner, past every tap.
func (w *world) read() state {
	w.Helper()
	c := w.as(localazure.OwnerName, &tap{})
	made := state{}
	who := map[string]string{c.who.ObjectID: "owner"}
	for _, r := range append(slices.Clone(c.plan.Resources), c.plan.Group) {
		have, found, err := c.arm.Get(w.Context(), r.ID, r.APIVersion)
		if err != nil {
			w.Fatal(err)
		}
		if !found {
			continue
		}
		made[r.Type+" "+r.Name] = []string{c.scrub(have)}
		properties, _ := have["properties"].(tree)
		if principal, _ := properties["principalId"].(string); principal != "" {
			who[principal] = r.Name
		}
	}
	made["role assignments"] = c.assignments(who)
	c.trust(made)
	return made
}

// assignments lists who has which role where; a duplicate shows as one more.
func (c *caller) assignments(who map[string]string) []string {
	c.Helper()
	all, err := c.arm.RoleAssignments(c.Context(), "/subscriptions/"+c.plan.SubscriptionID, "")
	if err != nil {
		c.Fatal(err)
	}
	lines := make([]string, len(all))
	for i, a := range all {
		lines[i] = strings.Join([]string{who[a.PrincipalID], a.PrincipalType, a.RoleDefinitionID, a.Scope, a.Condition}, " | ")
	}
	slices.Sort(lines)
	return lines
}

// trust reads every blueprint with its principals and federated credentials,
// those of the controller, and what the cluster was told.
func (c *caller) trust(made state) {
	c.Helper()
	const kind = "microsoft.graph.agentIdentityBlueprint"
	for _, b := range c.ask("/v1.0/applications/" + kind) {
		id, _ := b["id"].(string)
		app, _ := b["appId"].(string)
		made["blueprints"] = append(made["blueprints"], c.scrub(b))
		for what, path := range map[string]string{
			"principals of blueprints":            "/v1.0/servicePrincipals?$filter=" + url.QueryEscape("appId eq '"+app+"'"),
			"federated credentials of blueprints": "/v1.0/applications/" + id + "/" + kind + "/federatedIdentityCredentials",
			"owners of blueprints":                "/v1.0/applications/" + id + "/owners?$select=id",
		} {
			for _, t := range c.ask(path) {
				made[what] = append(made[what], c.scrub(t))
			}
		}
	}
	credential := c.plan.ControllerCredential()
	if have, found, err := c.arm.Get(c.Context(), credential.ID, credential.APIVersion); err != nil {
		c.Fatal(err)
	} else if found {
		made["the controller's credential"] = []string{c.scrub(have)}
	}
	k, err := kube.ForConfig(c.config, kube.Options{})
	if err != nil {
		c.Fatal(err)
	}
	config := &v1alpha1.KarsAuthConfig{}
	if err := k.Client().Get(c.Context(), client.ObjectKey{Name: v1alpha1.AuthConfigName}, config); err == nil {
		made["KarsAuthConfig"] = []string{c.scrub(config.Spec)}
	}
}

func (c *caller) ask(path string) []tree {
	c.Helper()
	var out struct {
		Value []tree `json:"value"`
	}
	if err := c.graph.Do(c.Context(), http.MethodGet, path, nil, &out); err != nil && !graph.IsNotFound(err) {
		c.Fatal(err)
	}
	return out.Value
}

var madeUp = []struct {
	pattern *regexp.Regexp
	as      string
}{
	{regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), "<guid>"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`), "<time>"},
	{regexp.MustCompile(`"internalId":"[^"]*"`), `"internalId":"<id>"`},
	{regexp.MustCompile(`kars-aks-[0-9a-f]{8}\b`), `kars-aks-<hash>`},
}

// scrub is v as JSON without what was made up, but for who owns it.
func (c *caller) scrub(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		c.Fatal(err)
	}
	s := strings.ReplaceAll(string(raw), c.who.ObjectID, "<owner>")
	for _, m := range madeUp {
		s = m.pattern.ReplaceAllString(s, m.as)
	}
	return s
}
