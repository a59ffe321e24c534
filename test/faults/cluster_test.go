package faults

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kars-dev/kars/charts"
	"github.com/kars-dev/kars/internal/barrier"
	"github.com/kars-dev/kars/internal/kube"
	"github.com/kars-dev/kars/internal/kube/kubetest"
	"github.com/kars-dev/kars/localazure"
)

// apiServer is the one API server of all cases.
var apiServer = kubetest.Cluster{Bare: true}

func TestMain(m *testing.M) {
	if socket := os.Getenv(azSocket); socket != "" {
		os.Exit(azMain(socket))
	}
	code := apiServer.Run(m)
	if err := os.RemoveAll(founded.dir); err != nil {
		fmt.Fprintln(os.Stderr, "removing the snapshot:", err)
		code = 1
	}
	os.Exit(code)
}

// oneCluster is that API server as what runs behind every managed cluster. It
// has no nodes.
type oneCluster struct{ config *rest.Config }

func (c oneCluster) Ensure(context.Context, localazure.ClusterSpec) (localazure.Cluster, error) {
	return localazure.Cluster{
		Server: c.config.Host, CA: c.config.CAData,
		AdminCertificate: c.config.CertData, AdminKey: c.config.KeyData,
		JWKS: []byte(`{"keys":[]}`),
	}, nil
}

func (oneCluster) Delete(context.Context, string) error { return nil }
func (oneCluster) Stop(context.Context) error           { return nil }

// empty takes from the API server what an earlier case has put there.
func empty(t testing.TB, config *rest.Config) {
	t.Helper()
	k, err := kube.ForConfig(config, kube.Options{})
	if err != nil {
		t.Fatal(err)
	}
	definitions, err := charts.Definitions()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range definitions {
		if err := client.IgnoreNotFound(k.Client().Delete(t.Context(), d)); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range definitions {
		_, err := barrier.Wait(t.Context(), barrier.Options{
			What: d.Name + " to be gone", Interval: 5 * time.Millisecond,
			Probe: func(ctx context.Context) (barrier.Result, error) {
				err := k.Client().Get(ctx, client.ObjectKeyFromObject(d), &apiextensionsv1.CustomResourceDefinition{})
				return barrier.Result{Done: err != nil}, client.IgnoreNotFound(err)
			},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
