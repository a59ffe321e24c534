#!/usr/bin/env bash
# Installs Debian's packages that building runc and running pods need, after
# saying so. Without root or apt-get it says what to install and goes on: only
# pods need them.
set -euo pipefail

packages=(gcc libc6-dev libseccomp-dev pkg-config nftables iproute2)

missing=()
for p in "${packages[@]}"; do
	dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing+=("$p")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
	echo "pods need these packages, which are not installed: ${missing[*]}" >&2
	exit 0
fi
echo "installing Debian's packages that pods need: ${missing[*]}" >&2
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
