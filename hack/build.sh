#!/bin/bash
# Builds the third-party binaries that a local cluster runs, each from its own
# module in this folder, into $KARS_CACHE/bin/<component>-<version>/. What is
# there already is left alone. A component is built beside its place and moved
# there when it is whole, so that a build that was killed leaves no half of one.
set -euo pipefail
cd "$(dirname "$0")"
bin="${KARS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kars}/bin"
mkdir -p "$bin"
find "$bin" -maxdepth 1 -name ".*-??????" -mmin +120 -exec rm -rf {} + # of builds that were killed
export CGO_ENABLED=0

# version FOLDER MODULE: the version that FOLDER's go.mod requires.
version() {
  awk -v m="$2" '$1 == m && $2 ~ /^v/ {print $2; exit} $1 == "require" && $2 == m {print $3; exit}' "$1/go.mod"
}

# component NAME VERSION FUNCTION: runs FUNCTION DIR VERSION, unless it has run.
component() {
  local place="$bin/$1-$2" temporary
  [ -d "$place" ] && return
  echo "building $1 $2" >&2
  temporary=$(mktemp -d "$bin/.$1-XXXXXX")
  trap 'rm -rf "$temporary"' EXIT
  "$3" "$temporary" "$2"
  chmod 0755 "$temporary"
  mv -T "$temporary" "$place"
  trap - EXIT
}

kubernetes() {
  local p=k8s.io/component-base/version minor
  minor=$(echo "$2" | cut -d. -f2)
  (cd k8s
    go build -trimpath -o "$1/" -ldflags "-s -w -X $p.gitVersion=$2 -X $p.gitMajor=1 -X $p.gitMinor=$minor \
      -X $p.gitTreeState=clean -X $p.gitCommit=module -X $p.buildDate=1970-01-01T00:00:00Z" \
      k8s.io/kubernetes/cmd/{kube-apiserver,kube-controller-manager,kube-scheduler,kubelet,kube-proxy}
    go build -trimpath -ldflags "-s -w" -o "$1/etcd" go.etcd.io/etcd/server/v3)
}

containerd() {
  (cd containerd
    go build -trimpath -tags "no_btrfs no_zfs no_devmapper no_aufs" -o "$1/" \
      -ldflags "-s -w -X github.com/containerd/containerd/v2/version.Version=$2" \
      github.com/containerd/containerd/v2/cmd/{containerd,containerd-shim-runc-v2})
}

# Seccomp needs libseccomp, and so cgo.
runc() {
  (cd runtime
    CGO_ENABLED=1 go build -trimpath -tags seccomp -ldflags "-s -w -X main.version=${2#v}" \
      -o "$1/runc" github.com/opencontainers/runc)
}

cni() {
  (cd runtime
    go build -trimpath -ldflags "-s -w" -o "$1/" \
      github.com/containernetworking/plugins/plugins/{main/ptp,main/loopback,ipam/host-local})
}

coredns() {
  (cd coredns && go build -trimpath -ldflags "-s -w" -o "$1/coredns" .)
}

component kubernetes "$(version k8s k8s.io/kubernetes)" kubernetes
component containerd "$(version containerd github.com/containerd/containerd/v2)" containerd
# Without libseccomp there is no runc, and no pods, but all the rest.
if pkg-config --exists libseccomp 2>/dev/null; then
  component runc "$(version runtime github.com/opencontainers/runc)" runc
else
  echo "runc is not built, for libseccomp-dev or pkg-config is missing; pods need it" >&2
fi
component cni "$(version runtime github.com/containernetworking/plugins)" cni
component coredns "$(version coredns github.com/coredns/coredns)" coredns
