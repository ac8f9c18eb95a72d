# Everything that is done with Salon, by name. `make help` lists it.

# Outside the clone, so that the next clone finds what was built: RocksDB takes its time.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/salon-target

# Cargo's dev profile is optimised (see Cargo.toml): one build serves running, testing and measuring.
CARGO := cargo

# What `make run` passes on: make run ARGS="--listen 127.0.0.1:8008"
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run test lint fmt crash bench web screenshots web-speed web-dev

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Build the server and start it on this machine
	@scripts/setup
	@$(CARGO) run -- $(ARGS)

test: ## Run every check: format, lints, tests, real clients, another server, a short crash test
	@scripts/test

lint: ## Run rustfmt's and clippy's checks
	@scripts/setup
	@$(CARGO) fmt --check
	@$(CARGO) clippy --all-targets -- -D warnings

fmt: ## Format the code
	@$(CARGO) fmt

crash: ## Run the long crash test: kill -9 under load, logs cut anywhere, nothing lost
	@scripts/setup
	@CRASH_ROUNDS=$${CRASH_ROUNDS:-200} $(CARGO) test --test crash -- --nocapture

bench: ## Run the benchmarks (make bench ARGS=append for those with that name)
	@scripts/setup
	@$(CARGO) bench --profile dev --bench '*' -- $(ARGS)

web: ## Build the web client into web/dist
	@scripts/setup

screenshots: ## Make web/screenshots anew, of all screens in both sizes and themes
	@scripts/setup test
	@$(CARGO) build
	@node web/tests/screenshots.mjs $(CARGO_TARGET_DIR)/debug/salon

web-speed: ## Measure the web client on a slow phone (figures, no verdict)
	@scripts/setup test
	@$(CARGO) build
	@node web/tests/speed.mjs $(CARGO_TARGET_DIR)/debug/salon

web-dev: ## Serve the web client from web/src on port 6168, with a Salon behind it (SALON_URL)
	@scripts/setup web
	@cd web && npm run --silent dev
