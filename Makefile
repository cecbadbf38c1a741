# Every check and its set-up. CI runs the same: .ci/run.
.DEFAULT_GOAL := help
SHELL := /bin/bash

LINT := go tool -modfile=.ci/tools.mod golangci-lint
# One PostgreSQL for the tests of all packages. KEEP=1 leaves it up when a test fails.
WITH_SERVER := go run ./internal/pgtest/withserver $(if $(KEEP),-keep)
# How long the tests of a package may take: a slow machine needs more than the ten minutes that Go allows.
TIMEOUT ?= 60m
# What `make bench` and `make fuzz` run, and for how long each.
BENCH ?= .
PACKAGES ?= ./...
FUZZTIME ?= 30s
# Which schedules `make chaos` plays.
SEED ?= 1
SCHEDULES ?= 1000
# How many runs `make simulate` does.
RUNS ?= 10000
# How many worlds `make worlds` makes up.
WORLDS ?= 500
IMAGE ?= syncer
# Which PostgreSQL `make test-pg` fetches, and what it runs on it.
PGVERSION ?= newest
PGTESTS ?= ./internal/store ./internal/metrics ./internal/fetch ./cmd/syncer
# The version comes from git by way of the build's own stamp, where there is a repository.
STAMP := $(shell git rev-parse HEAD >/dev/null 2>&1 && echo true || echo false)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## run the main job on a simulated registry and a private PostgreSQL; needs no account
	@.ci/setup server
	@$(MAKE) --no-print-directory build
	bin/syncer demo

.PHONY: test
test: ## run all tests
	@.ci/setup server
	@.ci/setup pooler || true
	$(WITH_SERVER) go test -timeout $(TIMEOUT) ./...

.PHONY: test-pg
test-pg: ## run the tests of store, metrics and commands on PostgreSQL PGVERSION (17, 18, 19, newest), which Debian's mirror serves
	bin=$$(.ci/postgres $(PGVERSION)) && \
		PATH=$$bin:$$PATH SYNCER_TEST_PGBIN=$$bin SYNCER_TEST_DATABASE_URL= $(WITH_SERVER) go test -count=1 -timeout $(TIMEOUT) $(PGTESTS)

.PHONY: awkward
awkward: ## run the store's tests in databases with odd defaults: time zone, encoding, isolation, limits
	$(WITH_SERVER) env SYNCER_TEST_AWKWARD=1 go test -count=1 ./internal/store ./internal/metrics

.PHONY: check
check: static race e2e ## run everything that must hold before a commit: format, vet, lint, race, end to end

.PHONY: static
static: ## format, vet, module list, lint
	@files=$$(gofmt -l .); [ -z "$$files" ] || { echo "not formatted (make fmt):" $$files; exit 1; }
	go vet ./...
	go mod tidy -diff
	$(LINT) run ./...

# The detector looks at packages; cmd/syncer, chaos and deploy drive the built program, which it cannot see.
.PHONY: race
race: ## run the tests with the race detector, in random order
	@.ci/setup server compiler
	@.ci/setup pooler || true
	$(WITH_SERVER) env CGO_ENABLED=1 go test -race -shuffle=on -timeout $(TIMEOUT) $$(go list ./... | grep -vE '/(cmd/syncer|internal/chaos|deploy)')

.PHONY: chaos
chaos: build ## play SCHEDULES random schedules of kills, faults and restarts, from SEED on
	@.ci/setup server
	SYNCER_BINARY=$(CURDIR)/bin/syncer CHAOS_SEED=$(SEED) CHAOS_SCHEDULES=$(SCHEDULES) \
		go test -count=1 -timeout 3h -run TestSchedules ./internal/chaos

.PHONY: simulate
simulate: ## read whole simulated accounts in RUNS runs, with repos that fail in every way there is
	SYNCER_SIMULATE_RUNS=$(RUNS) go test -count=1 -timeout 3h -run TestSimulatedAccounts ./internal/syncer

.PHONY: worlds
worlds: ## import WORLDS random archives between looks of every kind in 10 orders each, against a model; and all work at once for two minutes
	SYNCER_WORLDS=$(WORLDS) SYNCER_WORLDS_ORDERS=10 SYNCER_BESIDE_SECONDS=120 \
		go test -count=1 -timeout 3h -v -run 'TestWorldsInAnyOrder|TestAllAtOnce' ./internal/store

.PHONY: build
build: ## build bin/syncer, a static binary
	CGO_ENABLED=0 go build -trimpath -buildvcs=$(STAMP) -o bin/syncer ./cmd/syncer

.PHONY: release
release: oci ## make dist/: static binaries for linux/amd64 and arm64, their bills of materials, the image, checksums
	@cd dist && sha256sum syncer-* oci/index.json >SHA256SUMS && cat SHA256SUMS

.PHONY: oci
oci: ## make the image without a Docker engine: the OCI layout dist/oci for linux/amd64 and arm64; prints its digest
	@rm -rf dist && mkdir dist
	@set -e; for arch in amd64 arm64; do \
		CGO_ENABLED=0 GOOS=linux GOARCH=$$arch go build -trimpath -ldflags=-s -buildvcs=$(STAMP) -o dist/syncer-linux-$$arch ./cmd/syncer; \
	done
	@cd deploy/oci && go run . -o ../../dist/oci ../../dist/syncer-linux-amd64 ../../dist/syncer-linux-arm64

.PHONY: image
image: ## build the container image, named IMAGE
	docker build -f deploy/Dockerfile $(if $(GO_IMAGE),--build-arg GO_IMAGE=$(GO_IMAGE)) -t $(IMAGE) \
		--label org.opencontainers.image.version="$$(git describe --tags --always --dirty)" \
		--label org.opencontainers.image.revision="$$(git rev-parse HEAD)" .

.PHONY: manifests
manifests: ## validate the Kubernetes manifests as an API server would; UPDATE=1 accepts what kustomize makes
	cd deploy/kubernetes/validate && $(if $(UPDATE),go test -count=1 -run Kustomize -update . &&) go vet . && go test -count=1 ./...

.PHONY: test-oci
test-oci: ## test the image that `make oci` makes: the same bytes from two folders, unpacked and run by hand
	cd deploy/oci && go vet . && go test -count=1 ./...

.PHONY: test-compose
test-compose: ## read docker-compose.yml with the parser of docker compose: profiles, secrets, where the database is kept
	cd deploy/compose/check && go vet . && go test -count=1 ./...

.PHONY: containers
containers: ## test image, compose file and store in containers, where a Docker engine answers
	.ci/containers

.PHONY: e2e
e2e: build ## run the command-line tests on the built binary
	@.ci/setup server
	SYNCER_BINARY=$(CURDIR)/bin/syncer $(WITH_SERVER) go test -count=1 -timeout $(TIMEOUT) ./cmd/syncer/...

.PHONY: lint
lint: ## run the linters
	$(LINT) run ./...

.PHONY: fmt
fmt: ## format the Go files
	$(LINT) fmt ./...

.PHONY: bench
bench: ## run the benchmarks, or those of BENCH=regexp PACKAGES=./internal/store
	$(WITH_SERVER) go test -run '^$$' -bench '$(BENCH)' -benchmem -timeout 60m $(PACKAGES)

.PHONY: bench-reports
bench-reports: ## measure the reports on a year of history, 20 million rows; fails where a dashboard would wait above 200 ms
	$(WITH_SERVER) env SYNCER_BENCH_REPORTS=1 go test ./internal/store -run '^$$' -bench '^BenchmarkReports$$' -benchtime 15x -timeout 60m

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME
	@set -e; go list $(PACKAGES) | while read -r package; do \
		for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package; \
		done; \
	done
