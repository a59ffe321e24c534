package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kars-dev/kars/internal/permissions"
	"github.com/kars-dev/kars/internal/plan"
)

func FuzzAReportIsReadOrRefused(f *testing.F) {
	f.Add([]byte(`{"kind":"PreflightReport","findings":[{"id":"rbac/a/write","verdict":"fail","subject":"a/write","scope":"/subscriptions/s/resourceGroups/g","why":"w","blocks":true}]}`))
	f.Add([]byte(`{"kind":"UpResult","preflight":{"kind":"PreflightReport","findings":[{"id":"feature/a/b","verdict":"warn","subject":"a/b"}]}}`))
	f.Add([]byte(`{"kind":"UpResult","preflight":null}`))
	p, err := plan.New(plan.Options{SubscriptionID: "11111111-1111-1111-1111-111111111111", TenantID: unknownTenant})
	if err != nil {
		f.Fatal(err)
	}
	file := filepath.Join(f.TempDir(), "report.json")
	f.Fuzz(func(t *testing.T, raw []byte) {
		if err := os.WriteFile(file, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := readReport(file)
		if err != nil {
			t.Skip()
		}
		page := permissions.Missing(permissions.Options{Plan: p, Principal: r.principal(), Constrain: true}, r.missing(p))
		if len(page.Permissions) > len(r.Findings) {
			t.Errorf("%d rights are missing by %d findings", len(page.Permissions), len(r.Findings))
		}
		for _, form := range formats() {
			if form.role && len(page.Definition().Actions) == 0 {
				continue
			}
			if form.render(page) == "" {
				t.Errorf("the form %s is empty", form.name)
			}
		}
	})
}
