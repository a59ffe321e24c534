package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"github.com/kars-dev/kars/internal/azure/credential"
	"github.com/kars-dev/kars/internal/permissions"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/preflight"
)

// writeOut writes a file to be handed on: for all to read, and a script to be
// run. A file that says the same stays; one that says something else is
// replaced only when that is asked for.
func (a *app) writeOut(path, text string, force bool) error {
	have, err := os.ReadFile(path)
	switch {
	case err == nil && bytes.Equal(have, []byte(text)):
		a.printer.Say("%s is up to date", path)
		return nil
	case err == nil && !force:
		return usagef("replace it: --force", "%s is there already, and says something else", path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("reading %s: %w", path, err)
	}
	mode := fs.FileMode(0o644)
	if filepath.Ext(path) == ".sh" {
		mode = 0o755
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // a folder of the user's, for all to read
		return err
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		return err
	}
	a.printer.Say("%s is written", path)
	return nil
}

func isGUID(s string) bool {
	_, err := uuid.Parse(s)
	return err == nil && len(s) == 36
}

// readPage reads what kars permissions -o json printed.
func readPage(path string) (*permissions.Page, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, usagef("make one: kars permissions -o json > kars-permissions.json", "reading an earlier list: %w", err)
	}
	page := &permissions.Page{}
	if err := json.Unmarshal(raw, page); err != nil {
		return nil, usagef("make one: kars permissions -o json > kars-permissions.json", "%s is no JSON: %w", path, err)
	}
	if page.Kind != "Permissions" {
		return nil, usagef("make one: kars permissions -o json > kars-permissions.json", "%s is not of the kind Permissions, but %q", path, page.Kind)
	}
	return page, nil
}

// preflightReport is a report that was read back.
type preflightReport struct{ preflight.Report }

// readReport reads a PreflightReport, or the one within an UpPlan or UpResult.
func readReport(path string) (*preflightReport, error) {
	const fix = "make one: kars preflight -o json > report.json"
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, usagef(fix, "reading a report: %w", err)
	}
	var doc struct {
		Kind      string           `json:"kind"`
		Preflight *json.RawMessage `json:"preflight"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, usagef(fix, "%s is no JSON: %w", path, err)
	}
	if doc.Preflight != nil {
		raw = *doc.Preflight
	}
	r := &preflightReport{}
	if err := json.Unmarshal(raw, &r.Report); err != nil {
		return nil, usagef(fix, "%s is no report: %w", path, err)
	}
	if r.Kind != "PreflightReport" {
		return nil, usagef(fix, "%s is not of the kind PreflightReport, but %q", path, doc.Kind)
	}
	return r, nil
}

func (r *preflightReport) principal() permissions.Principal {
	c := r.Caller
	who := permissions.Principal{ObjectID: c.ObjectID, Type: "User", DisplayName: c.DisplayName}
	if c.Type == credential.ServicePrincipal {
		who.Type = "ServicePrincipal"
	}
	return who
}

// subscription is that of the first finding that lies in one.
func (r *preflightReport) subscription() string {
	for _, f := range r.Findings {
		if rest, ok := strings.CutPrefix(f.Scope, "/subscriptions/"); ok {
			id, _, _ := strings.Cut(rest, "/")
			return id
		}
	}
	return ""
}

// missing are the rights that the report found lacking. The step is the plan's,
// where it has the same need.
func (r *preflightReport) missing(p *plan.Plan) []permissions.Permission {
	var out []permissions.Permission
	for _, f := range r.Findings {
		if f.Verdict != preflight.Fail && f.Verdict != preflight.Warn {
			continue
		}
		need := plan.Need{Action: f.Subject}
		switch category, _, _ := strings.Cut(f.ID, "/"); category {
		case "rbac":
			need.Kind = plan.NeedAction
		case "data":
			need.Kind = plan.NeedData
		case "registration":
			need.Kind = plan.NeedRegistration
		case "feature":
			need.Kind = plan.NeedFeature
		case "directory":
			if f.ID != "directory/agent-id-role" {
				continue // of the token, which no role changes
			}
			need.Kind, need.Action = plan.NeedDirectory, plan.AgentIDNeed
		default:
			continue
		}
		right := permissions.Permission{Action: need.Action, Kind: need.Kind, Scope: f.Scope, Why: f.Why, Optional: !f.Blocks}
		if action := need.RegisterAction(); action != "" {
			right.Action, right.Of = action, need.Action
		}
		for _, n := range p.Needs {
			if n.Kind == need.Kind && strings.EqualFold(n.Action, need.Action) && (right.Step == "" || strings.EqualFold(n.Scope, f.Scope)) {
				right.Step = n.Step
			}
		}
		out = append(out, right)
	}
	return out
}
