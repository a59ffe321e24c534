package preflight

import (
	"fmt"
	"slices"

	"github.com/kars-dev/kars/internal/azure/credential"
)

// A Verdict is what a check comes to.
type Verdict string

// The verdicts, from good to bad.
const (
	Pass    Verdict = "pass"
	Warn    Verdict = "warn"
	Unknown Verdict = "unknown" // a fact could not be read
	Fail    Verdict = "fail"
)

// badness orders verdicts.
func (v Verdict) badness() int {
	return slices.Index([]Verdict{Pass, Warn, Unknown, Fail}, v)
}

// Category groups findings.
type Category string

// The categories.
const (
	CategoryRBAC         Category = "rbac"
	CategoryRegistration Category = "registration"
	CategoryDirectory    Category = "directory"
	CategoryName         Category = "name"
	CategoryToken        Category = "token"
	CategoryDeny         Category = "deny"
	CategoryData         Category = "data"
	CategoryFeature      Category = "feature"
	CategoryQuota        Category = "quota"
	CategorySKU          Category = "sku"
	CategoryPolicy       Category = "policy"
	CategoryLock         Category = "lock"
	CategoryCluster      Category = "cluster"
)

// Report is the outcome of preflight. Its JSON is a contract:
// docs/architecture.md.
type Report struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Verdict    Verdict   `json:"verdict"`
	Duration   int64     `json:"durationMs"`
	Requests   int       `json:"requests"`
	Caller     Caller    `json:"caller"`
	Findings   []Finding `json:"findings"`
	// Stale are the entries of the baseline that accept nothing any more.
	Stale []StaleEntry `json:"staleBaseline,omitempty"`
}

// Caller is who was checked.
type Caller struct {
	ObjectID    string `json:"objectId"`
	Type        string `json:"type"` // user or servicePrincipal
	DisplayName string `json:"displayName"`
}

// A Finding is a check's result. Its key is (id, scope); ids are stable.
type Finding struct {
	ID       string   `json:"id"` // as rbac/Microsoft.KeyVault/vaults/write
	Category Category `json:"category"`
	Verdict  Verdict  `json:"verdict"`
	Subject  string   `json:"subject"` // an action, a namespace, a role
	Scope    string   `json:"scope"`   // ARM id, or "/" for the tenant
	Why      string   `json:"why"`     // the plan needs it
	Evidence []string `json:"evidence"`
	Fix      []Fix    `json:"fix"`
	Blocks   bool     `json:"blocks"` // the run must not start
	// Accepted is set by a baseline, and keeps the finding from blocking and
	// counting.
	Accepted *Acceptance `json:"accepted,omitempty"`
}

// A Fix is something that would change a finding.
type Fix struct {
	Text    string `json:"text"`
	Command string `json:"command"` // empty if there is none
}

func newReport(c credential.Caller, findings []Finding) Report {
	r := Report{
		APIVersion: apiVersion, Kind: "PreflightReport", Verdict: Pass, Findings: findings,
		Caller: Caller{ObjectID: c.ObjectID, Type: c.Type, DisplayName: c.DisplayName},
	}
	r.Verdict = worst(findings)
	return r
}

// worst is the verdict on all findings, save those that a baseline accepts.
func worst(findings []Finding) Verdict {
	verdict := Pass
	for _, f := range findings {
		if f.Accepted == nil && f.Verdict.badness() > verdict.badness() {
			verdict = f.Verdict
		}
	}
	return verdict
}

// Blocks reports whether a finding stands in the run's way.
func (r Report) Blocks() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Blocks })
}

// Of returns the findings with this verdict, save those that a baseline
// accepts.
func (r Report) Of(v Verdict) []Finding {
	return slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool { return f.Verdict != v || f.Accepted != nil })
}

// Accepted returns the findings that a baseline accepts.
func (r Report) Accepted() []Finding {
	return slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool { return f.Accepted == nil })
}

// Summary says in one line how it went, as
// "43 needs checked in 0.2 s with 14 requests: pass".
func (r Report) Summary() string {
	s := fmt.Sprintf("%d needs checked in %.1f s with %d requests: %s", len(r.Findings), float64(r.Duration)/1000, r.Requests, r.Verdict)
	if n := len(r.Accepted()); n > 0 {
		s += fmt.Sprintf(", %d accepted", n)
	}
	return s
}

// merged makes one finding of those that share a key: the worst verdict, and
// what all of them say.
func merged(findings []Finding) []Finding {
	var out []Finding
	at := map[[2]string]int{}
	for _, f := range findings {
		key := [2]string{f.ID, f.Scope}
		i, seen := at[key]
		if !seen {
			at[key] = len(out)
			f.Evidence, f.Fix = append([]string{}, f.Evidence...), append([]Fix{}, f.Fix...)
			out = append(out, f)
			continue
		}
		have := &out[i]
		if f.Verdict.badness() > have.Verdict.badness() {
			have.Verdict = f.Verdict
		}
		have.Blocks = have.Blocks || f.Blocks
		if f.Why != have.Why {
			have.Why += "; " + f.Why
		}
		have.Evidence = appendNew(have.Evidence, f.Evidence)
		have.Fix = appendNew(have.Fix, f.Fix)
	}
	return out
}

func appendNew[T comparable](to, from []T) []T {
	for _, v := range from {
		if !slices.Contains(to, v) {
			to = append(to, v)
		}
	}
	return to
}
