package permissions

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/internal/plan"
)

func TestCompareSaysWhatAChangeNeeds(t *testing.T) {
	gateway := func(o *plan.Options) { o.Gateway = true }
	endpoint := func(o *plan.Options) { o.FoundryEndpoint, o.FoundryID = sampleEndpoint, sampleAccount }
	anonymous := func(o *plan.Options) { o.MeshTrust = plan.TrustAnonymous }
	renamed := func(o *plan.Options) { o.ClusterName, o.ResourceGroup = "other", "elsewhere" }
	for says, is := range map[string]struct {
		from, to []func(*plan.Options)
		summary  string
	}{
		"the same plan":                      {nil, nil, "this change needs no new permission"},
		"another name, in the same role":     {nil, []func(*plan.Options){renamed}, "this change needs no new permission"},
		"the gateway":                        {nil, []func(*plan.Options){gateway}, "this change needs one new permission"},
		"no gateway any more":                {[]func(*plan.Options){gateway}, nil, "this change needs no new permission; one is no longer needed"},
		"trust":                              {[]func(*plan.Options){anonymous}, nil, "this change needs three new permissions"},
		"an account of another subscription": {nil, []func(*plan.Options){endpoint}, "this change needs four new permissions; ten are no longer needed"},
		"trust, and the gateway no longer":   {[]func(*plan.Options){anonymous, gateway}, nil, "this change needs three new permissions; one is no longer needed"},
	} {
		t.Run(says, func(t *testing.T) {
			older, newer := New(forAda(mustPlan(t, is.from...))), New(forAda(mustPlan(t, is.to...)))
			d := Compare(readBack(t, older), newer)
			if got := d.Summary(); got != is.summary {
				t.Errorf("%q, want %q\n%+v", got, is.summary, d)
			}
			for _, r := range d.Added {
				if r.Scope == "" || r.Why == "" {
					t.Errorf("%s is added without scope or reason", r.Action)
				}
			}
		})
	}
}

// readBack is a page as a later run of kars has it.
func readBack(t *testing.T, p *Page) *Page {
	t.Helper()
	raw, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	out := &Page{}
	if err := json.Unmarshal(raw, out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAtAnotherScopeTheSameActionIsNew(t *testing.T) {
	older, newer := forAda(mustPlan(t)), forAda(mustPlan(t, func(o *plan.Options) { o.ResourceGroup = "other" }))
	older.Group, newer.Group = true, true
	if d := Compare(New(older), New(newer)); d.Empty() {
		t.Error("a role at one group is taken to do for another")
	}
}

func TestARoleThatWasNotGivenBeforeIsSaid(t *testing.T) {
	older, newer := New(forAda(mustPlan(t))), New(forAda(mustPlan(t)))
	older.Gives = older.Gives[:1]
	var got []string
	for _, g := range Compare(older, newer).Gives {
		got = append(got, g.Role)
	}
	want := []string{"Network Contributor", "AcrPull", "Role Based Access Control Administrator"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func FuzzCompareTakesAnyOlderPage(f *testing.F) {
	f.Add([]byte(`{"kind":"Permissions","permissions":[{"action":"a","scope":"/"}],"roles":null}`))
	f.Add([]byte(`{}`))
	p, err := plan.New(plan.Options{SubscriptionID: subscription, TenantID: tenant})
	if err != nil {
		f.Fatal(err)
	}
	newer := New(Options{Plan: p})
	f.Fuzz(func(t *testing.T, raw []byte) {
		older := &Page{}
		if json.Unmarshal(raw, older) != nil {
			t.Skip()
		}
		if d := Compare(older, newer); len(d.Added) == 0 && len(older.Permissions) == 0 {
			t.Error("nothing is new against a page that asks for nothing")
		}
	})
}
