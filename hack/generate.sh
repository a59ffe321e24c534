#!/usr/bin/env bash
# Writes everything in the tree that is generated from Go: deep copies, custom
# resource definitions, docs/errors.md, docs/findings.md, docs/permissions.md
# and docs/cli. With --check it changes nothing, lists what is stale and fails.
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1-}" in
"" | --check) ;;
*)
	echo "usage: hack/generate.sh [--check]" >&2
	exit 2
	;;
esac

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
mkdir -p "$fresh"/{api/v1alpha1,charts/kars/crds,docs}

# Both at once: each is mostly the loading of packages.
go run ./hack/docs "$fresh/docs" &
go tool -modfile=hack/tools/go.mod controller-gen object crd:headerFile=hack/tools/header.yaml.txt paths=./api/... \
	output:object:dir="$fresh/api/v1alpha1" output:crd:dir="$fresh/charts/kars/crds"
wait $!

# What is generated now, and what earlier runs left.
stale=()
while read -r file; do
	cmp -s "$fresh/$file" "$file" || stale+=("$file")
done < <({
	(cd "$fresh" && find . -type f)
	find ./charts/kars/crds ./docs/cli -type f
} 2>/dev/null | sort -u | sed 's,^\./,,')

if [ "${1-}" = --check ]; then
	[ ${#stale[@]} -eq 0 ] && exit 0
	printf 'stale: %s\n' "${stale[@]}" >&2
	echo "run make generate" >&2
	exit 1
fi
for file in "${stale[@]}"; do
	if [ -e "$fresh/$file" ]; then
		install -D -m 0644 "$fresh/$file" "$file"
	else
		rm "$file"
	fi
	echo "$file"
done
