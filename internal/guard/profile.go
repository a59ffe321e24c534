package guard

import (
	_ "embed" // the profile is a file beside this one
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// strict is the seccomp profile of an agent in the OCI runtime's form. It is
// containerd's default profile less what no agent needs (clocks, device nodes,
// file handles, mount and security-module queries), for 64-bit calls alone, so
// that the old multiplexed calls are no way around; and sockets can only be of
// the families AF_UNIX, AF_INET and AF_INET6.
//
//go:embed strict.json
var strict []byte

// ProfileName is how a pod's seccompProfile.localhostProfile names the
// profile, relative to the kubelet's seccomp folder.
const ProfileName = "kars/strict.json"

// StrictProfile returns the seccomp profile as JSON.
func StrictProfile() []byte { return append([]byte(nil), strict...) }

// InstallProfile writes the profile below the kubelet's seccomp folder, whole
// or not at all, and returns its path.
func InstallProfile(dir string) (string, error) {
	if dir == "" {
		return "", errors.New("install-profile: --dir is needed")
	}
	path := filepath.Join(dir, filepath.FromSlash(ProfileName))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // the kubelet's folder is readable by all
		return "", fmt.Errorf("seccomp profile: %w", err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".strict-*")
	if err != nil {
		return "", fmt.Errorf("seccomp profile: %w", err)
	}
	_, err = tmp.Write(strict)
	err = errors.Join(err, tmp.Chmod(0o644), tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return "", errors.Join(fmt.Errorf("seccomp profile: %w", err), os.Remove(tmp.Name()))
	}
	return path, nil
}
