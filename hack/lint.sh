#!/usr/bin/env bash
# Runs golangci-lint, built once from its module into the cache.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(cd hack/lint && go list -m -f '{{.Version}}' github.com/golangci/golangci-lint/v2)
lint="${KARS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kars}/bin/golangci-lint-$version/golangci-lint"
if [ ! -x "$lint" ]; then
	echo "building golangci-lint $version" >&2
	mkdir -p "$(dirname "$lint")"
	(cd hack/lint && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o "$lint.$$" github.com/golangci/golangci-lint/v2/cmd/golangci-lint)
	mv "$lint.$$" "$lint"
fi
exec "$lint" run ./...
