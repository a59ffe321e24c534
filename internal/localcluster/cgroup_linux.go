package localcluster

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cgroups is a cluster's group in every hierarchy of control groups, below
// which each node has its own, so that nodes that share a kernel do not see
// each other's pods.
type cgroups struct {
	name        string // as "kars-1a2b3c4d"
	hierarchies []hierarchy
	// beside is the unified hierarchy of a machine that has version 1 as well:
	// it controls nothing there, but runc makes groups in it.
	beside []hierarchy
}

type hierarchy struct {
	mount   string // as /sys/fs/cgroup/memory
	unified bool   // version 2
}

// findCgroups reads which hierarchies this machine has.
func findCgroups(name string) (*cgroups, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	c := &cgroups{name: name}
	v1 := false
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		// 36 35 98:0 /root /mount options - type source …; man 5 proc.
		before, after, _ := strings.Cut(lines.Text(), " - ")
		fields, kind := strings.Fields(before), strings.Fields(after)
		if len(fields) < 5 || len(kind) == 0 || !strings.HasPrefix(fields[4], "/sys/fs/cgroup") {
			continue
		}
		switch kind[0] {
		case "cgroup":
			v1 = true
			c.hierarchies = append(c.hierarchies, hierarchy{mount: fields[4]})
		case "cgroup2":
			c.hierarchies = append(c.hierarchies, hierarchy{mount: fields[4], unified: true})
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(c.hierarchies) == 0 {
		return nil, errors.New("this machine has no control groups mounted below /sys/fs/cgroup")
	}
	if v1 {
		unified := func(h hierarchy) bool { return h.unified }
		for _, h := range c.hierarchies {
			if unified(h) {
				c.beside = append(c.beside, h)
			}
		}
		c.hierarchies = slices.DeleteFunc(c.hierarchies, unified)
	}
	return c, nil
}

// node is the group of a node, as kubelet's cgroupRoot wants it.
func (c *cgroups) node(name string) string { return "/" + c.name + "/" + name }

// create makes the groups of the cluster and its nodes.
func (c *cgroups) create(nodes []string) error {
	for _, h := range c.hierarchies {
		groups := []string{c.name}
		for _, n := range nodes {
			groups = append(groups, filepath.Join(c.name, n))
		}
		for _, g := range groups {
			dir := filepath.Join(h.mount, g)
			if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("making control group: %w", err)
			}
			if err := h.prepare(dir); err != nil {
				return fmt.Errorf("preparing control group %s: %w", dir, err)
			}
		}
	}
	return nil
}

// prepare lets a new group have what its parent has.
func (h hierarchy) prepare(dir string) error {
	if h.unified {
		available, err := os.ReadFile(filepath.Join(filepath.Dir(dir), "cgroup.controllers"))
		if err != nil {
			return err
		}
		var enable strings.Builder
		for _, c := range strings.Fields(string(available)) {
			enable.WriteString("+" + c + " ")
		}
		for _, d := range []string{filepath.Dir(dir), dir} {
			if err := os.WriteFile(filepath.Join(d, "cgroup.subtree_control"), []byte(enable.String()), 0o644); err != nil {
				return err
			}
		}
		return nil
	}
	// In version 1 a group without processors and memory takes no process.
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		value, err := os.ReadFile(filepath.Join(filepath.Dir(dir), file))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, file), value, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// processes are those in a node's pods.
func (c *cgroups) processes() ([]int, error) {
	var pids []int
	h := c.hierarchies[0]
	err := filepath.WalkDir(filepath.Join(h.mount, c.name), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !d.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(path, "cgroup.procs"))
		if err != nil {
			return nil //nolint:nilerr // the group is going away
		}
		for _, field := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(field); err == nil && pid > 0 {
				pids = append(pids, pid)
			}
		}
		return nil
	})
	return pids, err
}

// remove removes the cluster's groups, which must have no processes left. A
// group stays busy for a moment after its last process has ended.
func (c *cgroups) remove() error {
	deadline := time.Now().Add(2 * time.Second)
	for {
		var failed error
		for _, h := range slices.Concat(c.hierarchies, c.beside) {
			if err := removeGroups(filepath.Join(h.mount, c.name)); err != nil {
				failed = err
			}
		}
		if failed == nil || time.Now().After(deadline) {
			return failed
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func removeGroups(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeGroups(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	if err := unix.Rmdir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing control group %s: %w", dir, err)
	}
	return nil
}
