package localcluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The versions that hack/*/go.mod build. A test holds both together.
const (
	KubernetesVersion = "v1.36.3"
	containerdVersion = "v2.2.1"
	runcVersion       = "v1.5.2"
	cniVersion        = "v1.9.1"
	coreDNSVersion    = "v1.14.7"
)

// components are the programs of a cluster by the folder they are built into.
var components = map[string][]string{
	"kubernetes-" + KubernetesVersion: {"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"},
	"containerd-" + containerdVersion: {"containerd", "containerd-shim-runc-v2"},
	"runc-" + runcVersion:             {"runc"},
	"cni-" + cniVersion:               {"ptp", "host-local", "loopback"},
	"coredns-" + coreDNSVersion:       {"coredns"},
}

// tools are programs of the machine that kubelet and kube-proxy call, and
// Debian's packages for them.
var tools = map[string]string{"mount": "mount", "umount": "mount", "nft": "nftables"}

// binaries finds the programs of a cluster below a folder.
type binaries string

func (b binaries) folder(component, version string) string {
	return filepath.Join(string(b), component+"-"+version)
}

func (b binaries) kubernetes(name string) string {
	return filepath.Join(b.folder("kubernetes", KubernetesVersion), name)
}

func (b binaries) containerd() string {
	return filepath.Join(b.folder("containerd", containerdVersion), "containerd")
}

func (b binaries) runc() string { return filepath.Join(b.folder("runc", runcVersion), "runc") }

func (b binaries) coreDNS() string {
	return filepath.Join(b.folder("coredns", coreDNSVersion), "coredns")
}

// check returns a [*MissingBinaryError] for the first program that is not there.
func (b binaries) check() error {
	for component, names := range components {
		for _, name := range names {
			path := filepath.Join(string(b), component, name)
			if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
				return &MissingBinaryError{Component: component, Path: path}
			} else if err != nil {
				return fmt.Errorf("looking for %s: %w", component, err)
			}
		}
	}
	return nil
}

// checkTools returns a [*MissingToolError] for the first tool of the machine
// that is in none of the folders that a node looks into.
func checkTools() error {
	for tool, pkg := range tools {
		found := false
		for _, dir := range strings.Split(nodePath, ":") {
			if _, err := os.Stat(filepath.Join(dir, tool)); err == nil {
				found = true
			}
		}
		if !found {
			return &MissingToolError{Tool: tool, Package: pkg}
		}
	}
	return nil
}

// nodePath is PATH at a node.
const nodePath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
