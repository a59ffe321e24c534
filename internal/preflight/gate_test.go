package preflight

import "testing"

func TestGateStopsFromItsVerdictOn(t *testing.T) {
	fail := Finding{Verdict: Fail, Blocks: true}
	warn, unknown, pass := Finding{Verdict: Warn}, Finding{Verdict: Unknown}, Finding{Verdict: Pass}
	accepted := Finding{Verdict: Fail, Accepted: &Acceptance{Reason: "known"}}
	for says, tt := range map[string]struct {
		gate               Gate
		findings           []Finding
		blocked, undecided bool
	}{
		"nothing found":                                  {GateWarning, []Finding{pass}, false, false},
		"no gate is the lenient one":                     {"", []Finding{warn, unknown}, false, false},
		"what blocks stops at every gate":                {GateError, []Finding{pass, fail}, true, false},
		"a warning passes the gate for errors":           {GateError, []Finding{warn}, false, false},
		"an unknown passes the gate for errors":          {GateError, []Finding{unknown}, false, false},
		"a warning passes the gate for unknowns":         {GateUnknown, []Finding{warn}, false, false},
		"an unknown stops at its gate":                   {GateUnknown, []Finding{unknown}, false, true},
		"a warning stops at its gate":                    {GateWarning, []Finding{warn}, true, false},
		"an unknown is worse than a warning":             {GateWarning, []Finding{unknown}, false, true},
		"what is known goes before what is not":          {GateWarning, []Finding{unknown, warn}, true, false},
		"what blocks goes before what is not known":      {GateUnknown, []Finding{unknown, fail}, true, false},
		"what a baseline accepts stops nowhere":          {GateWarning, []Finding{accepted}, false, false},
		"what a baseline accepts does not hide the rest": {GateError, []Finding{accepted, fail}, true, false},
	} {
		t.Run(says, func(t *testing.T) {
			blocked, undecided := tt.gate.Of(Report{Findings: tt.findings})
			if blocked != tt.blocked || undecided != tt.undecided {
				t.Errorf("blocked %t and undecided %t, want %t and %t", blocked, undecided, tt.blocked, tt.undecided)
			}
		})
	}
}
