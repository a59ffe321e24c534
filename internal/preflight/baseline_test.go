package preflight

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const baselineHead = "apiVersion: kars.azure.com/v1alpha1\nkind: PreflightBaseline\n"

func TestBaselinesThatAreRefused(t *testing.T) {
	for says, tt := range map[string]struct{ text, want string }{
		"nothing":                {"", `it is apiVersion "", kind ""`},
		"something else":         {"kind: Pod\n", `it is apiVersion "", kind "Pod"`},
		"no YAML":                {"{", "error converting YAML to JSON"},
		"an unknown field":       {baselineHead + "acepted: []\n", "acepted"},
		"no id":                  {baselineHead + "accepted:\n- scope: /\n  reason: r\n", "it names no id"},
		"no scope":               {baselineHead + "accepted:\n- id: a/b\n  reason: r\n", "it names no scope"},
		"no reason":              {baselineHead + "accepted:\n- {id: a/b, scope: /, reason: ' '}\n", "entry 1, a/b at /: it gives no reason"},
		"a day that is none":     {baselineHead + "accepted:\n- {id: a/b, scope: /, reason: r, expires: 2027-02-30}\n", `expires "2027-02-30" is no day`},
		"a verdict that is none": {baselineHead + "accepted:\n- {id: a/b, scope: /, reason: r, verdict: bad}\n", `verdict "bad" is none of`},
		"the verdict pass":       {baselineHead + "accepted:\n- {id: a/b, scope: /, reason: r, verdict: pass}\n", `verdict "pass" is none of`},
		"the same thing twice":   {baselineHead + "accepted:\n- {id: a/b, scope: /x, reason: r}\n- {id: A/B, scope: /X, reason: r}\n", "it is there twice"},
		"too long":               {baselineHead + strings.Repeat("#", maxBaseline), "longer than"},
	} {
		t.Run(says, func(t *testing.T) {
			if _, err := ParseBaseline([]byte(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("it says %v, want %q", err, tt.want)
			}
		})
	}
}

func TestBaselineAcceptsByIDAndScope(t *testing.T) {
	r := newReport(user, []Finding{
		{ID: "rbac/x/write", Scope: "/subscriptions/S", Verdict: Fail, Blocks: true},
		{ID: "rbac/x/write", Scope: "/subscriptions/s/resourceGroups/g", Verdict: Fail, Blocks: true},
		{ID: "deny/assignments", Scope: "/", Verdict: Unknown},
		{ID: "token/guest", Scope: "/", Verdict: Warn},
		{ID: "name/a", Scope: "/", Verdict: Pass},
	})
	b, err := ParseBaseline([]byte(baselineHead + `accepted:
- {id: RBAC/x/write, scope: /SUBSCRIPTIONS/s, reason: given by hand, expires: 2027-01-31}
- {id: deny/assignments, scope: /, reason: none here, expires: 2026-01-31}
- {id: token/guest, scope: /, reason: known}
- {id: name/a, scope: /, reason: was taken}
- {id: sku/a, scope: /, reason: was restricted}
`))
	if err != nil {
		t.Fatal(err)
	}
	got := r.Accept(b, time.Date(2027, 1, 31, 23, 59, 0, 0, time.UTC))
	want := []Finding{
		{ID: "rbac/x/write", Scope: "/subscriptions/S", Verdict: Fail, Accepted: &Acceptance{"given by hand", "2027-01-31"}},
		{ID: "rbac/x/write", Scope: "/subscriptions/s/resourceGroups/g", Verdict: Fail, Blocks: true},
		{ID: "deny/assignments", Scope: "/", Verdict: Unknown},
		{ID: "token/guest", Scope: "/", Verdict: Warn, Accepted: &Acceptance{Reason: "known"}},
		{ID: "name/a", Scope: "/", Verdict: Pass},
	}
	if diff := cmp.Diff(want, got.Findings); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	var stale []string
	for _, s := range got.Stale {
		stale = append(stale, s.ID+": "+s.Why)
	}
	if diff := cmp.Diff([]string{"deny/assignments: it ended on 2026-01-31", "name/a: it passes", "sku/a: nothing like it was found"}, stale); diff != "" {
		t.Errorf("stale entries (-want +got):\n%s", diff)
	}
	if got.Verdict != Fail || !got.Blocks() || !strings.HasSuffix(got.Summary(), "fail, 2 accepted") {
		t.Errorf("it is %s: %s", got.Verdict, got.Summary())
	}
	if !r.Findings[0].Blocks || r.Findings[0].Accepted != nil {
		t.Error("the report it was given has changed")
	}
	got = r.Accept(b, time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC))
	if got.Findings[0].Accepted != nil || !got.Findings[0].Blocks {
		t.Error("it accepts after its last day")
	}
}

func TestANewBaselineAcceptsNothingBeforeItHasReasons(t *testing.T) {
	r := newReport(user, []Finding{
		{ID: "rbac/x/write", Scope: "/", Verdict: Fail, Blocks: true},
		{ID: "token/guest", Scope: "/", Verdict: Warn, Accepted: &Acceptance{Reason: "known"}},
		{ID: "name/a", Scope: "/", Verdict: Pass},
	})
	raw, err := NewBaseline(r).YAML()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseBaseline(raw); err == nil || !strings.Contains(err.Error(), "it gives no reason") {
		t.Errorf("it says %v, want that a reason is missing", err)
	}
	b, err := ParseBaseline([]byte(strings.ReplaceAll(string(raw), `reason: ""`, "reason: why not")))
	if err != nil {
		t.Fatal(err)
	}
	want := []Accepted{{"rbac/x/write", "/", Fail, Acceptance{Reason: "why not"}}, {"token/guest", "/", Warn, Acceptance{Reason: "known"}}}
	if diff := cmp.Diff(want, b.Accepted); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	if got := r.Accept(b, time.Time{}); got.Verdict != Pass || got.Blocks() || got.Stale != nil {
		t.Errorf("with all of them accepted it is %+v", got)
	}
}

func FuzzBaseline(f *testing.F) {
	f.Add([]byte(baselineHead + "accepted:\n- {id: a/b, scope: /, reason: r, expires: 2027-01-31}\n"))
	f.Add([]byte(`{"apiVersion":"kars.azure.com/v1alpha1","kind":"PreflightBaseline","accepted":[]}`))
	f.Add([]byte("a: &a [*a]"))
	r := newReport(user, []Finding{{ID: "a/b", Scope: "/", Verdict: Fail, Blocks: true}})
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := ParseBaseline(raw)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the error has more than a line: %q", err)
			}
			return
		}
		got := r.Accept(b, time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))
		if len(got.Accepted())+len(got.Stale) != len(b.Accepted) {
			t.Errorf("of %d entries %d accept and %d are stale", len(b.Accepted), len(got.Accepted()), len(got.Stale))
		}
	})
}
