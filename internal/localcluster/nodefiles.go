package localcluster

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kars-dev/kars/localazure"
)

// nodeFiles writes what a node needs to be one below its root.
type nodeFiles struct {
	spec        localazure.ClusterSpec
	machine     machine
	pki         *pki
	cgroup      string // as kubelet wants it
	snapshotter string
	root        string
}

// leaves are the certificates that a node has.
func (n nodeFiles) leaves() []leaf {
	name := n.machine.Name
	return []leaf{
		{name: name, commonName: "system:node:" + name, organization: []string{"system:nodes"}},
		{name: name + "-serving", commonName: "system:node:" + name, hosts: []string{name, "127.0.0.1", n.machine.Address.String()}},
	}
}

// write writes everything; certificates must be there already.
func (n nodeFiles) write() error {
	files, err := n.files()
	if err != nil {
		return fmt.Errorf("configuring node %s: %w", n.machine.Name, err)
	}
	for _, dir := range []string{"/var/lib/kubelet/seccomp", "/var/lib/containerd", "/var/log/pods", "/var/log/containers", "/root"} {
		if err := os.MkdirAll(filepath.Join(n.root, dir), 0o755); err != nil {
			return err
		}
	}
	if err := os.Symlink("../run", filepath.Join(n.root, "var/run")); err != nil && !os.IsExist(err) {
		return err
	}
	for path, data := range files {
		path = filepath.Join(n.root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		mode := os.FileMode(0o644)
		if filepath.Ext(path) == ".key" {
			mode = 0o600
		}
		// Rewritten at each start: no need for it to be durable.
		if err := os.WriteFile(path, data, mode); err != nil {
			return err
		}
	}
	return nil
}

// files are the contents of files by their path at the node.
func (n nodeFiles) files() (map[string][]byte, error) {
	files := map[string][]byte{
		"/etc/passwd":        []byte("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"),
		"/etc/group":         []byte("root:x:0:\nnogroup:x:65534:\n"),
		"/etc/nsswitch.conf": []byte("passwd: files\ngroup: files\nhosts: files dns\n"),
		"/etc/hosts":         fmt.Appendf(nil, "127.0.0.1 localhost\n%s %s\n%s %s\n", controlAddress, n.spec.FQDN, n.machine.Address, n.machine.Name),
		"/etc/resolv.conf":   fmt.Appendf(nil, "nameserver %s\noptions timeout:1\n", dnsAddress),
		"/etc/machine-id":    append(n.machineID(), '\n'),
		// All that a node trusts is the local Azure.
		"/etc/ssl/certs/ca-certificates.crt": n.spec.CABundle,
	}
	if release, err := os.ReadFile("/etc/os-release"); err == nil {
		files["/etc/os-release"] = release
	}
	server := fmt.Sprintf("https://%s:%d", n.spec.FQDN, apiServerPort)
	in := func(name string) string { return nodeKubernetes + "/" + name }
	for path, render := range map[string]func() ([]byte, error){
		in("kubelet.yaml"):             func() ([]byte, error) { return kubeletConfig(n.machine, n.spec.DNSService, n.cgroup) },
		in("kube-proxy.yaml"):          func() ([]byte, error) { return kubeProxyConfig(n.machine, n.spec.PodCIDR) },
		in("credential-provider.yaml"): credentialProviderConfig,
		in("kubelet.kubeconfig"): func() ([]byte, error) {
			return kubeconfig(server, in("ca.crt"), in("kubelet.crt"), in("kubelet.key"))
		},
		in("kube-proxy.kubeconfig"): func() ([]byte, error) {
			return kubeconfig(server, in("ca.crt"), in("kube-proxy.crt"), in("kube-proxy.key"))
		},
		"/etc/containerd/config.toml": func() ([]byte, error) {
			return containerdConfig(binaries(nodeBinaries), n.spec.PauseImage, n.snapshotter)
		},
		nodeCNIConfig + "/10-azure.conflist": func() ([]byte, error) { return cniConfig(n.machine) },
		in("ca.crt"):                         func() ([]byte, error) { return os.ReadFile(n.pki.certificate("ca")) },
		in("kubelet.crt"):                    func() ([]byte, error) { return os.ReadFile(n.pki.certificate(n.machine.Name)) },
		in("kubelet.key"):                    func() ([]byte, error) { return os.ReadFile(n.pki.key(n.machine.Name)) },
		in("kubelet-serving.crt"):            func() ([]byte, error) { return os.ReadFile(n.pki.certificate(n.machine.Name + "-serving")) },
		in("kubelet-serving.key"):            func() ([]byte, error) { return os.ReadFile(n.pki.key(n.machine.Name + "-serving")) },
		in("kube-proxy.crt"):                 func() ([]byte, error) { return os.ReadFile(n.pki.certificate("kube-proxy")) },
		in("kube-proxy.key"):                 func() ([]byte, error) { return os.ReadFile(n.pki.key("kube-proxy")) },
	} {
		data, err := render()
		if err != nil {
			return nil, err
		}
		files[path] = data
	}
	return files, nil
}

// machineID is what tells this node from every other; man 5 machine-id.
func (n nodeFiles) machineID() []byte {
	sum := sha256.Sum256([]byte(n.spec.ID + "/" + n.machine.Name))
	return []byte(hex.EncodeToString(sum[:16]))
}
