# `make demo` and `make test` need Python 3.11 or newer and git; the rest they install into .venv.

BIN := .venv/bin
RUNTIME := .venv/.hames-runtime
DEVELOP := .venv/.hames-develop
OLDER := .venv/older-clients
OLDER_DONE := $(OLDER)/.installed
TYPESCRIPT := $(if $(shell command -v npm),tests/conformance/node_modules/.package-lock.json)

.PHONY: help demo test test-slow check bench fmt clean

help:
	@echo "make demo       an agent finds and fixes a fault, in a scratch folder, without a key"
	@echo "make test       the fast tests"
	@echo "make test-slow  the tests that take long"
	@echo "make check      format, lint, types, architecture"
	@echo "make fmt        format the code and mend what can be mended"
	@echo "make bench      measure side by side; ARGS go on to it"
	@echo "make clean      remove .venv and caches"

demo: $(RUNTIME)
	@$(BIN)/hames demo

test: $(DEVELOP) $(TYPESCRIPT) $(OLDER_DONE)
	$(BIN)/pytest -n 2 -m "not slow"

test-slow: $(DEVELOP) $(TYPESCRIPT) $(OLDER_DONE)
	$(BIN)/pytest -n 2 -m slow

check: $(DEVELOP)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/pytest tests/architecture

fmt: $(DEVELOP)
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(RUNTIME)
	@$(BIN)/python -m bench $(ARGS)

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(RUNTIME): pyproject.toml scripts/setup
	@scripts/setup
	@touch $@

# From source the official client comes without the command line it bundles: 170 MB less.
$(DEVELOP): pyproject.toml scripts/setup
	@scripts/setup --no-binary claude-agent-sdk --group test --group check
	@touch $(RUNTIME) $@

# The official TypeScript client without its platform packages (66 MB). Where it is not, its tests skip.
tests/conformance/node_modules/.package-lock.json: tests/conformance/package.json
	npm install --prefix tests/conformance || echo "The tests of the TypeScript client are skipped."

# Old official Python clients, each in a folder of its own; from source they come without a command line.
$(OLDER_DONE): $(DEVELOP)
	$(BIN)/python -m pip install --quiet --upgrade --no-deps --target $(OLDER)/claude_code_sdk claude-code-sdk==0.0.21
	$(BIN)/python -m pip install --quiet --upgrade --no-deps --no-binary claude-agent-sdk --target $(OLDER)/claude_agent_sdk claude-agent-sdk==0.1.4
	@touch $@
