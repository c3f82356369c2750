# `make help` lists what there is. README.md says when to use it.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help deps build run test guests generate lint check bench pgo fuzz clean

TOOL := go tool -modfile=$(CURDIR)/.tools/go.mod
FUZZTIME ?= 30s
BENCHTIME ?= 1s
COUNT ?= 5

help: ## list these targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

deps: ## install what building and testing need (apt-get when root on Debian)
	@./.ci/deps

build: ## build bin/suodi, bin/suodi-edge and bin/suodi-bench
	@./.ci/deps build
	@mkdir -p bin
	CGO_ENABLED=0 go build -trimpath -o bin/ ./edge/cmd/suodi-edge ./bench/cmd/suodi-bench
	go build -trimpath -o bin/ ./control/cmd/suodi

run: build ## build, then run a control plane and an edge on this machine
	@exec bin/suodi dev $(ARGS)

test: ## run every test with the race detector, then without it what measures allocations or needs the speed
	@./.ci/deps test
	go vet ./...
	go test -race -timeout 15m ./...
	go test -run 'Alloc' ./...
	go test ./wasm/visit/useragent -generated 250000 -perrule 100
	go test ./wasm/meter ./wasm/rules

guests: deps ## build the example filters in C, Rust, AssemblyScript and Go into bin/guests
	go run ./wasm/guest/build bin/guests

generate: deps ## make the generated files anew
	go generate ./...

lint: deps ## run the linters
	$(TOOL) golangci-lint run ./...

check: generate lint test ## lint, test, generated files, tidy modules and a clean tree: before a push
	go mod tidy -diff
	@test -z "$$(git status --porcelain)" || { git status --short; echo "the tree is not clean: commit what was generated"; exit 1; }

bench: deps ## run the benchmarks; COUNT and BENCHTIME say how long
	go test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) -count $(COUNT) ./wasm/... ./edge/... ./control/link/... ./raftstore/...

pgo: build ## record what an edge does under load, for the next build to be optimised by it
	bin/suodi-bench profile --scenarios kept,fresh,tls-half --duration 10s --to edge/cmd/suodi-edge/default.pgo

fuzz: deps ## run every fuzz target for FUZZTIME
	@for package in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "$$package $$target"; \
			go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 100x $$package; \
		done; \
	done

clean: ## remove what was built; data stays
	rm -rf bin
	go clean -testcache
