# Everything here works from a fresh clone with Go, make and git; "make test"
# uses the race detector where a C compiler is installed.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# A go.work of the reader's own must not change what is built here.
export GOWORK := off

bin     := .cache/bin
tool    := go tool -modfile=tools/go.mod
version := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

# Go sets CGO_ENABLED to 0 by itself where it finds no C compiler, and the race
# detector needs one.
race := $(if $(filter 1,$(shell go env CGO_ENABLED)),-race)

# Real Redis, Prometheus and Temporal take their time to start on a busy
# machine, so a whole package may take this long.
test := go test -count=1 -timeout=14m $(race)

# Modules of their own, so that nobody who uses the product pays for what they need.
modules := deploy/devserver deploy/check client/openfeature client/rampartotel console/agree acceptance/web bench/peers

# Of these, what has tests: to test the rest would build it with the race detector, and
# the server of Temporal takes minutes.
tested := deploy/devserver/acceptance $(filter-out deploy/devserver bench/peers,$(modules))

# The race detector makes a random walk of a launch ten times as long, so with it the
# model takes a few hundred, and without it its two thousand.
model := go test -count=1 -timeout=14m -run '^TestModel$$' ./workflows

.PHONY: help
help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: deps
deps: ## bring Temporal, Redis, Prometheus, Node and Chromium into .cache/ (first time: some minutes)
	@scripts/deps.sh

.PHONY: build
build: ## build the rampart binary into .cache/bin/
	go build -ldflags '-X main.version=$(version)' -o $(bin)/rampart ./cmd/rampart

# The tests of workflows take longest, so they begin first: at the end they would be alone.
.PHONY: test
test: deps ## run every test, on real Temporal, Redis, Prometheus and a browser
	@status=0; \
	echo '$(test) ./workflows ./...'; \
	$(test) ./workflows ./... || status=1; \
	echo '$(model)'; \
	$(model) || status=1; \
	for tested in $(tested); do \
	  echo "cd $$tested && $(test) ./..."; \
	  (cd $$tested && $(test) ./...) || status=1; \
	done; \
	echo '$(if $(race),tests ran with the race detector,tests ran without the race detector, which needs cgo and a C compiler)'; \
	exit $$status

.PHONY: check
check: check-format check-modules check-vet check-lint check-workflows check-security check-rooms ## run the static checks

.PHONY: check-format
check-format:
	@echo 'gofmt -l .'; unformatted=$$(gofmt -l .) && [ -z "$$unformatted" ] || \
		{ printf '%s\n' "$$unformatted" '    hint: gofmt -w .'; exit 1; }

.PHONY: check-modules
check-modules:
	go mod tidy -diff
	go mod verify
	set -e; for module in $(modules) tools; do (cd $$module && go mod tidy -diff && go mod verify); done

.PHONY: check-vet
check-vet:
	go vet ./...
	set -e; for module in $(modules); do (cd $$module && go vet ./...); done

.PHONY: check-lint
check-lint:
	$(tool) staticcheck ./...
	set -e; for module in $(modules); do (cd $$module && go tool -modfile=$(CURDIR)/tools/go.mod staticcheck ./...); done

# Workflow code must give the same answers on replay.
.PHONY: check-workflows
check-workflows:
	$(tool) workflowcheck ./...

# Not asked: G115, because hashes wrap integers on purpose; G204 and
# G304, because people name to the command line the programs and files it uses;
# G602, because it reports indexes that a loop keeps in range.
.PHONY: check-security
check-security:
	$(tool) gosec -quiet -exclude=G115,G204,G304,G602 -exclude-generated \
		$(foreach module,.cache tools $(modules),-exclude-dir=$(module)) ./...
	cd client/openfeature && go tool -modfile=../../tools/go.mod gosec -quiet -exclude=G115 ./...

# Packages import one way only.
.PHONY: check-rooms
check-rooms:
	go test -count=1 -run '^TestDependencies$$' .

.PHONY: bench
bench: deps ## measure what the design promises; writes out/bench.json
	@mkdir -p out
	go run ./bench -out out/bench.json
	cd bench/peers && go run . -out ../../out/bench.json

.PHONY: bench-scale
bench-scale: deps ## measure a thousand launches at once, and more; adds to out/bench.json
	@mkdir -p out
	go run ./bench -scale 1000 -out out/bench.json

# QUICK=1 takes some minutes and is for CI: it fails where so few runs refute a promise.
.PHONY: bench-evidence
bench-evidence: ## simulate what the evidence promises, some two hours; QUICK=1 some minutes; adds to out/bench.json
	@mkdir -p out
	go run ./bench/evidence $(if $(QUICK),-quick) -out out/bench.json

# How long parts are broken, and the number from which that is chosen:
# make chaos FOR=2h SEED=7
FOR  := 10m
SEED := 1

.PHONY: chaos
chaos: deps ## kill every part again and again while launches are walked, then chaos-readers; FOR=10m, SEED=1
	go run ./chaos -for $(FOR) -seed $(SEED) -out out/chaos.md
	@$(MAKE) --no-print-directory chaos-readers

# make chaos-readers ROUNDS=100 SEED=7 REPORT=docs/chaos/readers.md
ROUNDS  := 20
READERS := 40
COPIES  := 40
REPORT  := out/chaos-readers.md

.PHONY: chaos-readers
chaos-readers: deps ## break what lies between flags and readers, beside the usual policies; ROUNDS=20, some minutes
	go test -count=1 -timeout=0 -v -run '^TestNoReaderGoesBack$$' ./chaos/readers \
		-rounds $(ROUNDS) -empties $(ROUNDS) -readers $(READERS) -copies $(COPIES) -seed $(SEED) -report '$(abspath $(REPORT))'

.PHONY: demo
demo: deps build ## walk three launches on the whole stack, some four minutes; CI=1 ends by itself
	go run ./examples/shop/demo $(if $(CI),--ci)

# make model N=100000
N := 100000

.PHONY: model
model: deps ## walk launches at random and hold each against the law; N=100000, which takes most of an hour
	go test -count=1 -timeout=0 -v -run '^TestModel$$' ./workflows -model $(N)

.PHONY: mutants
mutants: deps ## seed defects one by one, and see the model, or the readers' witness, find each; some minutes
	go test -count=1 -timeout=30m -v -tags mutants -run '^TestMutants$$' ./workflows
	go test -count=1 -timeout=30m -v -tags mutants -run '^TestMutants$$' ./chaos/readers

.PHONY: clean
clean: ## remove everything that these targets made
	rm -rf .cache out
