package localazure_test

import (
	"os/exec"
	"strings"
	"testing"
)

// The local Azure is a witness of its own: of the product it uses the rules of
// role-based access control alone, and of Kubernetes nothing.
func TestTheLocalAzureImportsNothingOfTheProductButRBAC(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "github.com/kars-dev/kars/localazure").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range strings.Fields(string(out)) {
		product := strings.HasPrefix(path, "github.com/kars-dev/kars/internal/") && path != "github.com/kars-dev/kars/internal/rbac"
		heavy := strings.HasPrefix(path, "k8s.io/") || strings.HasPrefix(path, "helm.sh/") || strings.Contains(path, "azure-sdk-for-go/")
		if product || heavy {
			t.Errorf("localazure depends on %s", path)
		}
	}
}
