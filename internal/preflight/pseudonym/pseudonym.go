// Package pseudonym makes facts of preflight fit to be handed to strangers:
// ids and names become pseudonyms, the same one wherever the same thing is
// meant, so that the verdict stays what it is.
//
// Facts is all there is. It promises that preflight decides alike from what it
// returns, and that no subscription, tenant, object id, or name of a person,
// group, resource or role of somebody's own is left in it; where it cannot keep
// that promise it returns an error.
//
// Pseudonyms are counted, not computed: nothing can be guessed back, and two
// documents cannot be told to be of the same tenant. Regions, sizes, versions,
// actions and the roles that are alike in every tenant stay.
package pseudonym

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/preflight"
)

// Facts returns the facts with pseudonyms.
func Facts(f preflight.Facts) (preflight.Facts, error) {
	p, err := plan.New(f.Plan)
	if err != nil {
		return preflight.Facts{}, fmt.Errorf("making the facts' plan: %w", err)
	}
	raw, err := f.JSON()
	if err != nil {
		return preflight.Facts{}, err
	}
	out, q, err := newNames(f, p, raw).replaced(f, p, raw)
	if err != nil {
		return preflight.Facts{}, fmt.Errorf("putting pseudonyms for names: %w", err)
	}
	if err := same(preflight.Decide(p, f), preflight.Decide(q, out)); err != nil {
		return preflight.Facts{}, err
	}
	return out, leaks(f, out)
}

// replaced makes the plan under pseudonyms first: the names that derive from the
// subscription and the group derive from their pseudonyms then.
func (n *names) replaced(f preflight.Facts, p *plan.Plan, raw []byte) (preflight.Facts, *plan.Plan, error) {
	q, err := plan.New(n.options(f.Plan))
	if err != nil {
		return preflight.Facts{}, nil, err
	}
	n.pair(p, q)
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		return preflight.Facts{}, nil, err
	}
	n.walk(nil, tree) // learns the names that prose mentions before it comes to them
	if raw, err = json.Marshal(n.walk(nil, tree)); err != nil {
		return preflight.Facts{}, nil, err
	}
	out, err := preflight.ParseFacts(raw)
	out.Plan = q.Options
	return out, q, err
}

// walk replaces every string below a path, keys of maps too.
func (n *names) walk(path []string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		if len(path) == 1 && path[0] == "plan" || public(path, v) {
			return v // the plan has been made already
		}
		out := make(map[string]any, len(v))
		for key, child := range v {
			step := key
			if keyed(path) {
				step = "*"
				key = n.replace(kindOf(append(path[:len(path):len(path)], "key")), key)
			}
			out[key] = n.walk(append(path[:len(path):len(path)], step), child)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, child := range v {
			out[i] = n.walk(append(path[:len(path):len(path)], "*"), child)
		}
		return out
	case string:
		return n.replace(kindOf(path), v)
	}
	return v
}

// same holds two reports against each other: what was looked at, in the same
// order, and what came of it.
func same(a, b preflight.Report) error {
	changed := errors.New("the verdict would be another one with pseudonyms; save the facts without them")
	if a.Verdict != b.Verdict || len(a.Findings) != len(b.Findings) {
		return changed
	}
	for i, f := range a.Findings {
		g := b.Findings[i]
		if f.Category != g.Category || f.Verdict != g.Verdict || f.Blocks != g.Blocks || len(f.Fix) != len(g.Fix) {
			return fmt.Errorf("%s: %w", f.ID, changed)
		}
	}
	return nil
}

// leaks looks for what must not be left.
func leaks(f, out preflight.Facts) error {
	raw, err := out.JSON()
	if err != nil {
		return err
	}
	text := strings.ToLower(string(raw))
	for _, secret := range []string{f.Plan.SubscriptionID, f.Plan.TenantID, f.Caller.ObjectID, f.Caller.TenantID, f.Caller.DisplayName} {
		told := guid.MatchString(secret) || strings.Contains(secret, "@") // not a word of the language
		if told && strings.Contains(text, strings.ToLower(secret)) {
			return errors.New("putting pseudonyms: a name stands where none was looked for; nothing is saved")
		}
	}
	return nil
}
