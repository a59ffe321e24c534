package kube_test

import (
	"os"
	"testing"

	"github.com/kars-dev/kars/internal/kube"
	"github.com/kars-dev/kars/internal/kube/kubetest"
)

var cluster kubetest.Cluster

func TestMain(m *testing.M) { os.Exit(cluster.Run(m)) }

func newKube(t *testing.T) *kube.Client {
	t.Helper()
	k, err := kube.ForConfig(cluster.Config(t), kube.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return k
}
