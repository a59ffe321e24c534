#!/bin/sh
# Writes the deep copies and custom resource definitions that are generated
# from api/v1alpha1. Run from anywhere; `make generate` calls it.
set -eu
cd "$(dirname "$0")/../.."
go tool -modfile=hack/tools/go.mod controller-gen \
	object \
	crd:headerFile=hack/tools/header.yaml.txt \
	paths=./api/... output:crd:dir=charts/kars/crds
