package v1alpha1_test

import (
	"os"
	"testing"

	"github.com/kars-dev/kars/internal/kube/kubetest"
)

var cluster kubetest.Cluster

func TestMain(m *testing.M) { os.Exit(cluster.Run(m)) }
