// Package house holds the tests of the structure that docs/architecture.md
// describes: which room may know which, and which heavy things stay where.
package house

import (
	"bytes"
	"encoding/json"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const (
	module = "github.com/kars-dev/kars"
	azure  = "github.com/Azure/azure-sdk-for-go/sdk"
)

// dependencies are all packages that a package is built from, itself included.
func dependencies(t *testing.T, pattern string) map[string][]string {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Deps", pattern)
	cmd.Dir = "../.."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("listing %s: %v\n%s", pattern, err, stderr.String())
	}
	all := map[string][]string{}
	d := json.NewDecoder(bytes.NewReader(out))
	for {
		var p struct {
			ImportPath string
			Deps       []string
		}
		if err := d.Decode(&p); err == io.EOF { //nolint:errorlint // the decoder returns it bare
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all[p.ImportPath] = append(p.Deps, p.ImportPath)
	}
	if len(all) == 0 {
		t.Fatalf("%s matches no package", pattern)
	}
	return all
}

func within(path, room string) bool {
	return path == room || strings.HasPrefix(path, room+"/")
}

func TestRoomsKnowOnlyWhatTheyMay(t *testing.T) {
	doors := []string{
		module + "/internal/azure", module + "/internal/kube", module + "/internal/chart",
		azure, "k8s.io/client-go/rest", "helm.sh/helm/v4",
	}
	small := []string{"helm.sh/helm/v4", azure + "/resourcemanager"}
	smaller := append([]string{"k8s.io/client-go", azure + "/azidentity", azure + "/azcore/runtime"}, small...)
	for says, rule := range map[string]struct {
		rooms  []string
		banned []string
	}{
		"the pure rooms import no door and no SDK": {
			[]string{"internal/plan", "internal/rbac", "internal/sandbox", "internal/diagnose", "internal/permissions"}, doors,
		},
		"what is needed and what Azure does never meet": {
			[]string{"internal/plan", "internal/permissions", "internal/preflight", "internal/provision", "internal/trust"}, []string{module + "/localazure"},
		},
		"controller and broker carry no Helm and no arm packages": {
			[]string{"cmd/kars-controller", "cmd/kars-broker"}, small,
		},
		"what stands in a sandbox is small": {
			[]string{"cmd/kars-router", "cmd/kars-guard", "cmd/kars-agent", "cmd/kars-acr-credential"}, smaller,
		},
		"Kubernetes' server code stays out of the main module": {
			[]string{"cmd/..."}, []string{"k8s.io/kubernetes", "k8s.io/kube-aggregator"},
		},
		"the local cluster is wired to the local Azure by cli alone": {
			[]string{"localazure/..."}, []string{module + "/internal/localcluster"},
		},
	} {
		t.Run(says, func(t *testing.T) {
			for _, room := range rule.rooms {
				for path, deps := range dependencies(t, "./"+room) {
					for _, d := range deps {
						for _, b := range rule.banned {
							if within(d, b) {
								t.Errorf("%s depends on %s", strings.TrimPrefix(path, module+"/"), d)
							}
						}
					}
				}
			}
		})
	}
}

func TestTheLocalAzureImportsRBACAloneOfTheProduct(t *testing.T) {
	for path, deps := range dependencies(t, "./localazure/...") {
		for _, d := range deps {
			product := within(d, module+"/internal") || within(d, module+"/api") || within(d, module+"/charts")
			if product && d != module+"/internal/rbac" {
				t.Errorf("%s depends on %s", path, d)
			}
		}
	}
}

func TestHelmIsImportedByChartAlone(t *testing.T) {
	cmd := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(out), "\n") {
		path, imports, _ := strings.Cut(line, " ")
		if strings.Contains(imports, "helm.sh/helm") && path != module+"/internal/chart" {
			t.Errorf("%s imports Helm", path)
		}
	}
}
