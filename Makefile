# The thin index of what a developer does here; `make` lists it. CI runs nothing else.

CARGO ?= cargo
# The programs that `meseta up` and the stories of integration/ start.
BINS := --package meseta --package meseta-master-bin --package meseta-agent-bin \
        --package meseta-executor-bin --package meseta-services-bin

.PHONY: help up build release test unit stories check fmt clippy layers doc bench setup clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: build ## build, then run a whole cluster on this machine until Ctrl-C (UP="--agents 3")
	@target/debug/meseta up $(UP)

build: ## build every program, without optimisation (about 3 minutes the first time on 2 cores)
	@.ci/setup build
	@echo "make: building the programs"
	@$(CARGO) build $(BINS) --bins

release: ## build every program, optimised, into target/release
	@.ci/setup build
	@$(CARGO) build --release $(BINS) --bins

test: ## run every test, the stories with real processes and a real etcd included
	@.ci/setup test
	@echo "make: building the tests, and with them the programs that the stories start"
	@$(CARGO) build --workspace --bins --tests --examples
	@echo "make: running the tests"
	@$(CARGO) test --workspace

unit: ## run the tests that need no process but their own
	@.ci/setup build
	@$(CARGO) test --workspace --exclude meseta-integration

stories: ## run the stories only; one of them with STORY=failover
	@.ci/setup test
	@$(CARGO) build $(BINS) --bins
	@$(CARGO) test --package meseta-integration $(if $(STORY),--test $(STORY))

check: fmt clippy layers doc ## format, lints, layers and documentation, all without a warning

fmt: ## check the format
	@$(CARGO) fmt --all --check

clippy: ## lint
	@.ci/setup build
	@$(CARGO) clippy --workspace --all-targets -- -D warnings

layers: ## check that dependencies point inwards only
	@$(CARGO) test --quiet --package meseta-integration --test layers

doc: ## build the documentation
	@RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --quiet

bench: ## measure, each number beside its bound, into target/bench/summary.json (BENCH="--only local")
	@.ci/setup build
	@$(CARGO) build --release $(BINS) --package meseta-bench --bins
	@target/release/meseta-bench $(BENCH)

setup: ## install, or name, what building and testing need
	@.ci/setup test

clean: ## remove what was built
	@$(CARGO) clean
