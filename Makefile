# Two commands are enough on a fresh machine: `make demo` and `make test`. Each installs what it needs.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ENGINES := $(VENV)/.engines

.PHONY: demo test check accept bench slow docs browser clean help

help:            ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(STAMP)   ## go through the example shop: check, tighten, prove, apply, check again; see out/
	@$(BIN)/mistrust demo --here

test: $(STAMP)   ## every fast test
	$(BIN)/pytest -m "not slow"

check: $(STAMP)  ## lint, types, import contracts
	$(BIN)/ruff check src tests bench
	$(BIN)/ruff format --check src tests bench
	$(BIN)/mypy
	$(BIN)/lint-imports

slow: $(STAMP) $(ENGINES)   ## the slower lanes: a real API server, kubectl, a browser, real packets, PostgreSQL, ClickHouse
	$(BIN)/pytest -m slow

accept: $(STAMP) ## rewrite golden files and generated docs after looking at the difference
	MISTRUST_ACCEPT=1 $(BIN)/pytest -m "not slow" tests || true
	$(BIN)/python -m mistrust.catalog.docs
	git status --short

docs: $(STAMP)   ## regenerate docs/catalog from the catalog
	$(BIN)/python -m mistrust.catalog.docs

bench: $(STAMP)  ## measure; prints ratios
	$(BIN)/python bench/run.py

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "mistrust needs Python 3.11 or newer; set PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { command -v apt-get >/dev/null && apt-get install -y python3-venv; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

$(ENGINES): requirements/engines.txt $(STAMP)
	@ls /usr/lib/postgresql/*/bin/pg_ctl >/dev/null 2>&1 || command -v pg_ctl >/dev/null || { command -v apt-get >/dev/null && \
	  apt-get install -y -qq --no-install-recommends postgresql >/dev/null; } || echo "no PostgreSQL: its lane is skipped"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/engines.txt \
	  && touch $@ || echo "no engines for evidence: their lanes are skipped"

clean:           ## remove what was made
	rm -rf $(VENV) out .mypy_cache .ruff_cache .pytest_cache .hypothesis
