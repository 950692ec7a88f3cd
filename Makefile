# Few words: setup demo up test check bench clean. Each does all set-up itself.
.DEFAULT_GOAL := help
PY := .venv/bin/python
ONLY ?=
ARGS ?=

.PHONY: help setup setup-dev demo up test check bench lock clean

help:
	@echo "make setup   install everything into .venv (Python 3.11 to 3.13 and pip are enough)"
	@echo "make demo    run the whole chain under a real Airflow, on real prices, and show what came of it"
	@echo "make up      start the platform for your own workspace"
	@echo "make test    run the tests                     (ARGS='tests/core -k instant' for some)"
	@echo "make check   format, lint, types, floors of the house"
	@echo "make bench   measure all figures               (ONLY=ingest for one)"
	@echo "make clean   remove what the commands above made here"

setup:
	@tools/setup.sh main

setup-dev:
	@tools/setup.sh dev

demo: setup
	@$(PY) -m tradewinds demo $(ARGS)

up: setup
	@$(PY) -m tradewinds up $(ARGS)

test: setup-dev
	@$(PY) -m pytest $(ARGS)

check: setup-dev
	@$(PY) -m ruff format --check --quiet src tests benchmarks tools
	@$(PY) -m ruff check --quiet src tests benchmarks tools
	@$(PY) -m mypy
	@.venv/bin/lint-imports --no-cache > /dev/null || .venv/bin/lint-imports --no-cache

bench: setup-dev
	@$(PY) -m benchmarks $(if $(ONLY),--only $(ONLY)) $(ARGS)

lock:
	@tools/lock.sh

clean:
	@rm -rf .venv .boot .demo .mypy_cache .ruff_cache .import_linter_cache build dist
	@find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
