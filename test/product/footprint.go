package product

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Footprint is what a home's local Azure and clusters hold of the machine.
type Footprint struct {
	Processes []string // "pid: command line"
	Mounts    []string // in the machine's own mount namespace
	Cgroups   []string
	// Networks are the network namespaces other than the machine's own, as
	// "net:[inode]".
	Networks []string
}

// Footprint looks at the machine. Processes are known by their environment,
// their command line, or a control group of the home's clusters.
func (h *Home) Footprint(t testing.TB, clusters ...string) Footprint {
	t.Helper()
	var f Footprint
	machine, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range processes(t) {
		if !h.owns(pid, clusters) {
			continue
		}
		line, _ := os.ReadFile(filepath.Join("/proc", pid, "cmdline"))
		f.Processes = append(f.Processes, pid+": "+string(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
		path := filepath.Join("/proc", pid, "ns", "net")
		network, err := os.Readlink(path)
		if err == nil && network != machine && !slices.Contains(f.Networks, network) && hold(t, path) {
			f.Networks = append(f.Networks, network)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, h.Dir) {
			f.Mounts = append(f.Mounts, strings.TrimSpace(line))
		}
	}
	for _, key := range clusters {
		for _, pattern := range []string{"/sys/fs/cgroup/", "/sys/fs/cgroup/*/"} {
			found, _ := filepath.Glob(pattern + groupOf(key))
			f.Cgroups = append(f.Cgroups, found...)
		}
	}
	return f
}

// hold keeps a network namespace until the test ends: the kernel would give its
// number to the next one, which may be another program's.
func hold(t testing.TB, path string) bool {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		return false // the process has ended
	}
	t.Cleanup(func() { _ = f.Close() })
	return true
}

func processes(t testing.TB) []string {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for i := range dirs {
		dirs[i] = filepath.Base(dirs[i])
	}
	return dirs
}

func (h *Home) owns(pid string, clusters []string) bool {
	for _, name := range []string{"environ", "cmdline"} {
		if raw, err := os.ReadFile(filepath.Join("/proc", pid, name)); err == nil && bytes.Contains(raw, []byte(h.Dir)) {
			return true
		}
	}
	raw, err := os.ReadFile(filepath.Join("/proc", pid, "cgroup"))
	if err != nil {
		return false
	}
	return slices.ContainsFunc(clusters, func(key string) bool { return bytes.Contains(raw, []byte("/"+groupOf(key))) })
}

// InNetworks are the processes of the machine, whoever's they are, that still
// live in one of the network namespaces.
func InNetworks(t testing.TB, networks []string) []string {
	t.Helper()
	var out []string
	for _, pid := range processes(t) {
		if n, err := os.Readlink(filepath.Join("/proc", pid, "ns", "net")); err == nil && slices.Contains(networks, n) {
			out = append(out, pid+" in "+n)
		}
	}
	return out
}

func groupOf(key string) string { return "kars-" + key }

// Cluster is a local cluster as its folder tells.
type Cluster struct {
	Dir string
	Key string // tells its control groups from others'
	PID int    // of its supervisor
}

// Clusters are the local clusters that the home has.
func (h *Home) Clusters(t testing.TB) []Cluster {
	t.Helper()
	var out []Cluster
	dirs, _ := filepath.Glob(filepath.Join(h.Local(), "clusters", "*", "cluster.json"))
	for _, f := range dirs {
		c := Cluster{Dir: filepath.Dir(f)}
		read(t, f, &struct {
			Key *string `json:"key"`
		}{&c.Key})
		read(t, filepath.Join(c.Dir, "status.json"), &struct {
			PID *int `json:"pid"`
		}{&c.PID})
		if c.Key == "" || c.PID == 0 {
			t.Fatalf("cluster %s: %+v", c.Dir, c)
		}
		out = append(out, c)
	}
	return out
}

func read(t testing.TB, path string, into any) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		t.Fatal(fmt.Errorf("reading %s: %w", path, err))
	}
}
