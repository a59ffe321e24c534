package localcluster

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// kubeletSysctls are settings of the whole machine that kubelet changes unless
// they are so already; setupKernelTunables in kubernetes/pkg/kubelet/cm.
var kubeletSysctls = map[string]string{
	"vm/overcommit_memory":      "1",
	"vm/panic_on_oom":           "0",
	"kernel/panic":              "10",
	"kernel/panic_on_oops":      "1",
	"kernel/keys/root_maxkeys":  "1000000",
	"kernel/keys/root_maxbytes": "25000000",
}

// forKubelet starts a thread at the node for kubelet, which sees these
// settings as it wants them while the machine keeps its own. Nothing else may
// see them so: the kernel refuses a pod with a user namespace its /proc where
// part of the node's is hidden.
func (n *node) forKubelet() (*namespace, error) {
	space, err := n.space.withOwnMounts()
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", n.Name, err)
	}
	return space, space.do(func() error {
		if err := unix.Mount("", "/proc", "", unix.MS_PRIVATE, ""); err != nil {
			return fmt.Errorf("making /proc private: %w", err)
		}
		for _, name := range slices.Sorted(maps.Keys(kubeletSysctls)) {
			shadow, real := filepath.Join("/run/sysctl", name), filepath.Join("/proc/sys", name)
			if err := os.MkdirAll(filepath.Dir(shadow), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(shadow, []byte(kubeletSysctls[name]+"\n"), 0o644); err != nil {
				return err
			}
			if err := unix.Mount(shadow, real, "", unix.MS_BIND, ""); err != nil {
				return fmt.Errorf("mounting %s: %w", real, err)
			}
		}
		return nil
	})
}
