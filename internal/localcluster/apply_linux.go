package localcluster

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"time"

	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
)

// fieldManager owns what the supervisor applies.
const fieldManager = "kars-local-cluster"

// addDNS applies the cluster's DNS servers as soon as the local Azure, from
// which their images come, listens at the nodes: a pod that finds no registry
// is tried again only after ten seconds.
func (s *supervisor) addDNS(ctx context.Context) error {
	azure := net.JoinHostPort(azureAddress.String(), "443")
	err := wait.PollUntilContextCancel(ctx, poll, true, func(context.Context) (bool, error) {
		for _, n := range s.nodes {
			if !answers(n.space.network(), azure) {
				return false, nil
			}
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	for _, o := range dnsObjects(s.config.Spec) {
		err := wait.PollUntilContextCancel(ctx, 100*time.Millisecond, true, func(ctx context.Context) (bool, error) {
			err := s.apply(ctx, o)
			if err != nil {
				s.log.Warn("applying again", "path", o.path, "error", err)
			}
			return err == nil, nil
		})
		if err != nil {
			return err
		}
	}
	s.log.Info("the cluster's DNS servers are applied")
	return nil
}

func (s *supervisor) apply(ctx context.Context, o object) error {
	data, err := json.Marshal(o.value)
	if err != nil {
		return fmt.Errorf("encoding %s: %w", o.path, err)
	}
	force := true
	options := meta.PatchOptions{FieldManager: fieldManager, Force: &force}
	return s.client.Discovery().RESTClient().Patch(types.ApplyPatchType).AbsPath(o.path).
		VersionedParams(&options, meta.ParameterCodec).Body(data).Do(ctx).Error()
}
