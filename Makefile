# kars: `make up` builds everything and starts it on this machine; `make test`
# proves it. Both do their own set-up.

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -ec
.DEFAULT_GOAL := build

export KARS_CACHE ?= $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/kars
VERSION ?= 0.1.0
PKG := github.com/kars-dev/kars

# The digests of the images that belong to this build, as kars-agent=sha256:…,…
DIGESTS = $$(sed -n 's,^[^ ]*/\(kars-[a-z]*\):[^ ]* \(sha256:[0-9a-f]*\)$$,\1=\2,p' bin/.images | paste -sd,)
LDFLAGS = -X $(PKG)/internal/release.version=$(VERSION) -X $(PKG)/internal/release.images=$(DIGESTS)

.PHONY: up test build packages tools images lint generate check-generated bench matrix requirements clean

up: build ## build, then bring up everything on this machine
	bin/kars up --local

build: tools ## all that `bin/kars up --local` needs: programs, images and kars itself
	@mkdir -p bin
	@go run ./images/build -version $(VERSION) >bin/.images
	@echo "building kars $(VERSION)"
	@CGO_ENABLED=0 go build -trimpath -ldflags "-s -w $(LDFLAGS)" -o bin/ ./cmd/kars ./cmd/kars-acr-credential

packages: ## Debian's packages that pods need; says so before it installs
	@hack/packages.sh

tools: packages ## Kubernetes, containerd, runc, CNI plugins and CoreDNS, built from their modules
	@hack/build.sh

images: tools ## the container images, as an OCI layout
	@mkdir -p bin
	@go run ./images/build -version $(VERSION) | tee bin/.images

generate: ## CRDs, deepcopy and generated docs
	@hack/generate.sh

check-generated:
	@hack/generate.sh --check

lint:
	@hack/lint.sh

test: build lint check-generated ## everything
	go test -timeout 20m ./...

bench: build ## figures, measured side by side
	go run ./test/bench

matrix: build ## every kill and fault, not only the sample that `make test` runs
	KARS_MATRIX=all go test -timeout 60m ./test/faults/...

requirements: ## requirement ids and the tests that prove them
	@go run ./test/requirements

clean:
	rm -rf bin
