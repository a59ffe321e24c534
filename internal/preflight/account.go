package preflight

import "github.com/kars-dev/kars/internal/plan"

// account says that nobody knows which resource answers at a URL: what the run
// must do at it cannot be checked.
func (d decider) account(n plan.Need) Finding {
	return Finding{
		ID: "name/Microsoft.CognitiveServices/accounts", Category: CategoryName, Verdict: Unknown, Subject: n.Action, Scope: n.Scope, Why: n.Why,
		Evidence: []string{"no account that you can see in the subscription answers at " + n.Action},
		Fix:      []Fix{{Text: "say which account it is", Command: "--foundry-id /subscriptions/<id>/resourceGroups/<group>/providers/Microsoft.CognitiveServices/accounts/<name>"}},
	}
}
