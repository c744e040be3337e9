# `make demo` and `make test` work in a fresh clone: each sets itself up in .venv first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.populace-installed

.PHONY: help setup demo test lint bench bench-postgres bench-growth bench-workspace bench-language bench-ingest bench-live bench-http bench-csv lock clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 18

setup: $(STAMP)  ## make .venv and install what the lock file names

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "populace needs Python 3.11 or newer; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "this Python cannot make virtual environments; on Debian: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: setup  ## segments over 20,000 generated contacts and a million events
	@$(BIN)/populace demo

# Many tests wait for processes of their own, so there is one worker more than processors. A test that hangs says where
# and fails, and its worker is made anew.
test: setup  ## all tests
	@$(BIN)/python -m pytest -n $$($(BIN)/python -c 'import os; print(os.cpu_count() + 1)') --dist loadgroup \
		-o faulthandler_timeout=1800 -o faulthandler_exit_on_timeout=true

lint: setup  ## linters and type checks
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: setup  ## the batch benchmark: our plan beside DuckDB by hand, ClickHouse and polars
	@$(BIN)/python -m benchmarks.batch

bench-postgres: setup  ## the same at a fifth of the size, beside PostgreSQL
	@$(BIN)/python -m benchmarks.batch --contacts 200000 --events 4000000 --peers postgres

bench-growth: setup  ## how a full recompute grows with events, contacts and segments
	@$(BIN)/python -m benchmarks.growth

bench-workspace: setup  ## the workspace benchmark: import, recompute, members, one contact, SQL
	@$(BIN)/python -m benchmarks.workspace

bench-language: setup  ## the language benchmark: each construct beside the same in SQL by hand
	@$(BIN)/python -m benchmarks.language

bench-ingest: setup  ## the ingest benchmark: upserts and events of many threads, reads meanwhile
	@$(BIN)/python -m benchmarks.ingest

bench-live: setup  ## the live benchmark: how soon memberships follow writes and the clock
	@$(BIN)/python -m benchmarks.live

bench-http: setup  ## the HTTP benchmark: lookups, upserts, imports and streams, alone and all at once
	@$(BIN)/python -m benchmarks.http

bench-csv: setup  ## the CSV benchmark: two million ugly rows, undisturbed and killed on the way
	@$(BIN)/python -m benchmarks.csv_import

lock: setup  ## write requirements.lock anew from pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url --no-annotate \
		--extra dev --extra bench --extra clickhouse --extra postgres --extra spark --output-file requirements.lock pyproject.toml

clean:  ## remove what make made
	rm -rf $(VENV) populace-demo build *.egg-info
