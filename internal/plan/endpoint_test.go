package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	theirSubscription = "/subscriptions/33333333-3333-3333-3333-333333333333"
	theirAccount      = theirSubscription + "/resourceGroups/models/providers/Microsoft.CognitiveServices/accounts/ours"
)

func TestAnAccountsEndpointIsFoldedToItsHost(t *testing.T) {
	for given, want := range map[string]string{
		"https://ours.openai.azure.com":                          "https://ours.openai.azure.com/",
		"https://Ours.OpenAI.azure.com/":                         "https://ours.openai.azure.com/",
		"https://ours.cognitiveservices.azure.com/":              "https://ours.cognitiveservices.azure.com/",
		"https://ours.services.ai.azure.com/api/projects/agents": "https://ours.services.ai.azure.com/",
		"https://ours.openai.azure.us/":                          "https://ours.openai.azure.us/",
	} {
		o := testOptions()
		o.FoundryEndpoint = given
		p := mustPlan(t, o)
		if got := p.FoundryEndpoint(); got != want || p.Options.FoundryDomain() != "ours" {
			t.Errorf("%s became %s of %q, want %s of ours", given, got, p.Options.FoundryDomain(), want)
		}
	}
}

func TestP04WithAnAccountThatIsThereThePlanMakesNoneAndGrantsAtIt(t *testing.T) {
	o := testOptions()
	o.FoundryEndpoint, o.FoundryID = "https://ours.openai.azure.com/", theirAccount
	p := mustPlan(t, o)
	for _, r := range p.Resources {
		if strings.HasPrefix(r.Type, accountType) {
			t.Errorf("the plan makes %s", r.ID)
		}
	}
	for _, r := range p.Registrations {
		if r.Namespace == "Microsoft.CognitiveServices" {
			t.Error("the plan registers Microsoft.CognitiveServices (U16: only where it makes an account)")
		}
	}
	if p.Model != nil {
		t.Errorf("the plan takes quota for a model: %+v", p.Model)
	}
	if slices.ContainsFunc(p.GlobalNames, func(n GlobalName) bool { return n.Type == accountType }) {
		t.Errorf("the plan needs a name for an account: %+v", p.GlobalNames)
	}
	var at []string
	for _, n := range p.Needs {
		if strings.Contains(n.Action, "CognitiveServices") && !n.Proof || n.Kind == NeedAccount {
			t.Errorf("the plan needs %s", n.Action)
		}
		if n.Scope == theirAccount {
			at = append(at, n.Action)
		}
	}
	if diff := cmp.Diff([]string{assignmentRead, assignmentWrite, "Microsoft.Authorization/permissions/read", accountType + "/deployments/read"}, at); diff != "" {
		t.Errorf("needs at the account (-want +got):\n%s", diff)
	}
	i := slices.IndexFunc(p.Grants, func(g Grant) bool { return g.Scope == theirAccount })
	if i < 0 {
		t.Fatalf("there is no grant at the account: %+v", p.Grants)
	}
	if id := p.RoleDefinitionOf(p.Grants[i]); !strings.HasPrefix(id, theirSubscription+"/") {
		t.Errorf("the grant names the role %s, of another subscription than its scope's", id)
	}
}

func TestAnAccountThatNobodyHasLookedUpIsANeedOfItsOwn(t *testing.T) {
	o := testOptions()
	o.FoundryEndpoint = "https://ours.openai.azure.com/"
	p := mustPlan(t, o)
	var got []Need
	for _, n := range p.Needs {
		if n.Kind == NeedAccount {
			got = append(got, n)
		}
		if n.Scope == "" {
			t.Errorf("a need without a scope: %+v", n)
		}
	}
	if len(got) != 1 || got[0].Action != o.FoundryEndpoint || got[0].Optional {
		t.Errorf("got %+v, want the one account", got)
	}
	if slices.ContainsFunc(p.Grants, func(g Grant) bool { return g.Scope == "" }) {
		t.Error("there is a grant at nowhere")
	}
	if slices.ContainsFunc(p.Duties(), func(d Duty) bool { return d.Scope == "" }) {
		t.Error("there is a duty at nowhere")
	}
}

func FuzzAnEndpointIsOfAnAccountOrRefused(f *testing.F) {
	f.Add("https://ours.openai.azure.com/")
	f.Add("https://ours.services.ai.azure.com/api/projects/p")
	f.Add("https://ours.openai.azure.com@evil.example/")
	f.Add("https://[::1]/")
	f.Fuzz(func(t *testing.T, endpoint string) {
		o := testOptions()
		o.FoundryEndpoint = endpoint
		p, err := New(o)
		if err != nil || endpoint == "" {
			t.Skip()
		}
		root := p.FoundryEndpoint()
		host, isRoot := strings.CutSuffix(strings.TrimPrefix(root, "https://"), "/")
		domain, suffix, _ := strings.Cut(host, ".")
		if !isRoot || domain != p.Options.FoundryDomain() || !slices.Contains(accountHosts(), suffix) {
			t.Errorf("%q became %q", endpoint, root)
		}
	})
}
