package localcluster

import (
	"bytes"
	"encoding/json"

	"github.com/BurntSushi/toml"
)

type table = map[string]any

// containerdConfig is the configuration of a node's containerd, version 3;
// github.com/containerd/containerd/blob/main/docs/cri/config.md.
func containerdConfig(bin binaries, pauseImage, snapshotter string) ([]byte, error) {
	config := table{
		"version": 3,
		"root":    "/var/lib/containerd",
		"state":   "/run/containerd",
		"grpc":    table{"address": nodeRuntime},
		"plugins": table{
			"io.containerd.cri.v1.images": table{
				"snapshotter":   snapshotter,
				"pinned_images": table{"sandbox": pauseImage},
			},
			"io.containerd.cri.v1.runtime": table{
				"disable_apparmor": true, // it would need the machine's parser and profiles
				// Without CAP_SYS_RESOURCE a sandbox that lowers its score
				// would not start.
				"restrict_oom_score_adj": true,
				"cni":                    table{"bin_dirs": []string{nodeCNI}, "conf_dir": nodeCNIConfig},
				"containerd": table{
					"runtimes": table{"runc": table{
						"runtime_type": "io.containerd.runc.v2",
						"options":      table{"BinaryName": bin.runc(), "SystemdCgroup": false},
					}},
				},
			},
		},
	}
	var b bytes.Buffer
	err := toml.NewEncoder(&b).Encode(config)
	return b.Bytes(), err
}

// cniConfig gives each pod a cable of its own to its node and a route instead
// of a bridge: no traffic bypasses the node's rules, and no kernel module is
// needed for that. Addresses are handed out anew at each start, as pods are.
func cniConfig(m machine) ([]byte, error) {
	type object = map[string]any
	return json.MarshalIndent(object{
		"cniVersion": "1.0.0",
		"name":       "azure", // as AKS names it
		"plugins": []object{{
			"type": "ptp",
			"ipam": object{
				"type":    "host-local",
				"dataDir": "/run/cni/addresses",
				"ranges":  [][]object{{{"subnet": m.Pods.String()}}},
				"routes":  []object{{"dst": "0.0.0.0/0"}},
			},
		}},
	}, "", "  ")
}
