package localcluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// node is a machine of a cluster that runs: a thread in namespaces of its own
// and a root file system of its own, which stays when the cluster stops.
type node struct {
	machine
	space *namespace
	root  string // its root, as the supervisor sees it
}

// newNode makes a node's namespaces. The network is still empty.
func newNode(m machine, root string) (*node, error) {
	space, err := newNamespace(unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWUTS)
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", m.Name, err)
	}
	return &node{machine: m, space: space, root: root}, nil
}

// systemFolders of the machine are read at a node, never written.
var systemFolders = []string{"usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"}

// enter makes n.root the root of the node's thread and of everything started
// there. extra are further folders and files of the machine, by where they are
// mounted at the node.
func (n *node) enter(extra map[string]string) error {
	return n.space.do(func() error {
		if err := unix.Sethostname([]byte(n.Name)); err != nil {
			return fmt.Errorf("naming node %s: %w", n.Name, err)
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return fmt.Errorf("making mounts private: %w", err)
		}
		if err := unix.Mount(n.root, n.root, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mounting the root of node %s: %w", n.Name, err)
		}
		if err := n.mountSystem(); err != nil {
			return err
		}
		for target, source := range extra {
			if err := bindReadOnly(source, filepath.Join(n.root, target)); err != nil {
				return err
			}
		}
		return pivot(n.root)
	})
}

// mountSystem mounts what every Linux has.
func (n *node) mountSystem() error {
	for _, dir := range systemFolders {
		if err := copyFolder("/"+dir, filepath.Join(n.root, dir)); err != nil {
			return err
		}
	}
	const safe = unix.MS_NOSUID | unix.MS_NODEV
	for _, m := range []struct {
		source, target, kind string
		flags                uintptr
		options              string
	}{
		{"proc", "proc", "proc", safe | unix.MS_NOEXEC, ""},
		{"sysfs", "sys", "sysfs", safe | unix.MS_NOEXEC, ""}, // shows the node's network
		{"/sys/fs/cgroup", "sys/fs/cgroup", "", unix.MS_BIND | unix.MS_REC, ""},
		{"/dev", "dev", "", unix.MS_BIND | unix.MS_REC, ""},
		{"tmpfs", "run", "tmpfs", safe, "mode=0755"},
		{"tmpfs", "tmp", "tmpfs", safe, "mode=1777"},
	} {
		target := filepath.Join(n.root, m.target)
		if err := os.MkdirAll(target, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.source, target, m.kind, m.flags, m.options); err != nil {
			return fmt.Errorf("mounting /%s at node %s: %w", m.target, n.Name, err)
		}
	}
	return nil
}

// copyFolder shows a folder of the machine at target: a link as that link,
// a folder as itself, one that is not there not at all.
func copyFolder(source, target string) error {
	info, err := os.Lstat(source)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink == 0 {
		return bindReadOnly(source, target)
	}
	to, err := os.Readlink(source)
	if err != nil {
		return err
	}
	if err := os.Symlink(to, target); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// bindReadOnly shows a folder or a file of the machine at target.
func bindReadOnly(source, target string) error {
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	if info.IsDir() {
		err = os.MkdirAll(target, 0o755)
	} else if err = os.MkdirAll(filepath.Dir(target), 0o755); err == nil {
		err = touch(target)
	}
	if err != nil {
		return err
	}
	if err := unix.Mount(source, target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("mounting %s: %w", source, err)
	}
	if err := unix.Mount("", target, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("mounting %s read-only: %w", source, err)
	}
	return nil
}

func touch(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o755)
	if err != nil {
		return err
	}
	return f.Close()
}

// pivot makes root the root of the calling thread and lets go of the old one.
func pivot(root string) error {
	if err := unix.Chdir(root); err != nil {
		return err
	}
	// The old root lands on top of the new one, from where it is taken off;
	// man 2 pivot_root.
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("changing the root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("letting go of the old root: %w", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return err
	}
	// Kubelet hands mounts on to pods, which needs a shared root.
	return unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, "")
}
