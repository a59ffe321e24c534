package localcluster

import (
	"errors"
	"fmt"
)

// ErrNeedsRoot says that this process may not make namespaces, mounts and
// control groups, which nodes need.
var ErrNeedsRoot = errors.New("a local cluster needs root: run kars with sudo, or in a container with all capabilities")

// MissingBinaryError says that a program of the cluster has not been built.
type MissingBinaryError struct {
	Component string // as "kubernetes-v1.36.3"
	Path      string // where it should be
}

func (e *MissingBinaryError) Error() string {
	return fmt.Sprintf("%s is not built (%s is missing): run make build", e.Component, e.Path)
}

// MissingToolError says that the machine lacks a program that nodes call.
type MissingToolError struct {
	Tool    string // as "nft"
	Package string // Debian's package that holds it
}

func (e *MissingToolError) Error() string {
	return fmt.Sprintf("this machine has no %s, which nodes need: install the package %s", e.Tool, e.Package)
}

// UnsupportedVersionError says that the binaries are of another version of
// Kubernetes than the cluster asks for.
type UnsupportedVersionError struct {
	Wanted, Built string // as "1.36.3"
}

func (e *UnsupportedVersionError) Error() string {
	return fmt.Sprintf("kubernetes %s is not available locally: this version of kars runs %s", e.Wanted, e.Built)
}
