//go:build !linux

package localcluster

import (
	"context"
	"errors"

	"github.com/kars-dev/kars/localazure"
)

// ErrUnsupported says that nodes need Linux.
var ErrUnsupported = errors.New("a local cluster needs Linux")

// Clusters is the [localazure.Clusters] of a machine that cannot run any.
type Clusters struct{}

// New returns the clusters below o.Home.
func New(Options) *Clusters { return &Clusters{} }

// Ensure returns [ErrUnsupported].
func (*Clusters) Ensure(context.Context, localazure.ClusterSpec) (localazure.Cluster, error) {
	return localazure.Cluster{}, ErrUnsupported
}

// Delete does nothing: there can be no cluster.
func (*Clusters) Delete(context.Context, string) error { return nil }

// Stop does nothing: there can be no cluster.
func (*Clusters) Stop(context.Context) error { return nil }

// Supervise returns [ErrUnsupported].
func Supervise(context.Context, string) error { return ErrUnsupported }

// Check returns [ErrUnsupported].
func Check(string) error { return ErrUnsupported }
