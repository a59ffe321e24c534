package registry

import (
	"testing"

	"github.com/kars-dev/kars/internal/rbac"
	"github.com/kars-dev/kars/localazure/store"
)

// newEmptyService is a service that knows no principal.
func newEmptyService(f *testing.F) *Service {
	f.Helper()
	st, err := store.Open(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = st.Close() })
	s, err := New(Options{
		Dir: f.TempDir(), Store: st, Entra: issued{}, Authorizer: &assigned{rbac.Input{}},
		Registries: known{contoso: {ID: registryID(contoso), LoginServer: contoso, TenantID: tenant}},
	})
	if err != nil {
		f.Fatal(err)
	}
	return s
}
