# Few words: setup demo up test check equality bench clean. Each does all set-up itself.
.DEFAULT_GOAL := help
PY := .venv/bin/python
ONLY ?=
ARGS ?=

.PHONY: help campaign setup setup-dev demo up test check peers equality bench superset spark docs lock clean

help:
	@echo "make setup   install everything into .venv (Python 3.11 to 3.13 and pip are enough)"
	@echo "make demo    run the whole chain under a real Airflow, on real prices, and show what came of it"
	@echo "make up      start the platform for your own workspace"
	@echo "make test    run the tests, two files at a time  (ARGS='tests/core -k instant' for some, '-n 0' for one by one)"
	@echo "make check   format, lint, types, floors of the house"
	@echo "make equality  run the same scenarios in other engines and compare every trade"
	@echo "make campaign  try to break order handling: 10,000 seeds, 1,200 kills, every planted bug; half an hour"
	@echo "make bench   measure all figures, 25 minutes   (ONLY=ingest for one, FULL=1 for the peers' full sizes)"
	@echo "make superset  import the dashboards into a real Superset and look at every chart; two minutes, 700 MB"
	@echo "make soak    half an hour of warm-up, then an hour of steady load, and whether the memory of each process stays flat  (MINUTES=10 for less)"
	@echo "make audit   list what we ship with versions, hashes and licences, and ask what is known against it"
	@echo "make spark   read the lake by a real Apache Spark; 440 MB and a Java of 17 or later"
	@echo "make jupyter install JupyterLab beside the platform, for 'tradewinds up --with jupyter'"
	@echo "make docs    build these pages as a site, into site/"
	@echo "make images  build the container images with buildah, podman or docker; stand-ins where no registry answers"
	@echo "make stack   start deploy/compose.yaml: secrets, every service, until all are healthy; without an engine as plain processes"
	@echo "make stack-prove  one night and one paper order through a stack over stand-ins; make stack-down ends it"
	@echo "make deploy-check  check everything below deploy/ with the checkers that can be had"
	@echo "make clean   remove what the commands above made here"

setup:
	@tools/setup.sh main

setup-dev:
	@tools/setup.sh dev

demo: setup
	@$(PY) -m tradewinds demo $(ARGS)

up: setup
	@$(PY) -m tradewinds up $(ARGS)

# Two files at a time, because many tests wait for real processes; the tests of a real Airflow alone, because each starts a dozen of its own.
test: setup-dev
ifeq ($(strip $(ARGS)),)
	@ended=0; \
	$(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder --ignore=tests/airflow || ended=$$?; \
	$(PY) -m pytest -p no:xdist tests/airflow || ended=$$?; \
	exit $$ended
else
	@$(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)
endif

check: setup-dev
	@$(PY) -m ruff format --check --quiet src tests benchmarks tools
	@$(PY) -m ruff check --quiet src tests benchmarks tools
	@$(PY) -m mypy
	@.venv/bin/lint-imports --no-cache > /dev/null || .venv/bin/lint-imports --no-cache

# Other engines, each in an environment of its own; nothing but `equality` and `bench` needs them.
peers:
	@tools/peers.sh

equality: setup-dev peers
	@TRADEWINDS_EQUALITY=full $(PY) -m pytest -p no:xdist tests/equality $(ARGS)

# Each line ends with exit code 1 where anything was lost, sent twice, unexplained or stuck, or a planted bug was not found.
campaign: setup-dev
	@$(PY) -m tradewinds campaign --seeds 10000
	@$(PY) -m tradewinds campaign --mutant all
	@$(PY) -m tradewinds campaign --kill 1000 --jobs 6
	@$(PY) -m tradewinds campaign --kill 200 --jobs 6 --journal postgresql

bench: setup-dev peers
	@$(PY) -m benchmarks $(if $(ONLY),--only $(ONLY)) $(if $(FULL),--full) $(ARGS)

# A real Superset 6.1 in an environment of its own, over a real backtest and a day on paper; two minutes and 700 MB.
# PICTURES=1 writes what Chromium draws to docs/pictures.
superset: setup-dev
	@tools/superset.sh
	@TRADEWINDS_SUPERSET=full $(if $(PICTURES),TRADEWINDS_PICTURES=1) $(PY) -m pytest -p no:xdist tests/superset $(ARGS)

# A real Apache Spark in an environment of its own (440 MB, and a Java of 17 or later on PATH) reads the lake as of an instant, row for row.
spark: setup-dev
	@tools/spark.sh
	@TRADEWINDS_SPARK=full $(PY) -m pytest -p no:xdist tests/spark $(ARGS)

# Console and API, trading service, guard, alerts and keeper under a low, steady load. Exit code 1 where memory of one is not flat.
.PHONY: soak audit jupyter
soak: setup-dev
	@$(PY) -m benchmarks.soak --minutes $(or $(MINUTES),90)

# build/sbom.json, its test, and pip-audit over the locks. Exit code 75 where the vulnerability service cannot be asked: then nobody knows.
audit: setup-dev
	@tools/audit.sh sbom
	@$(PY) -m pytest -p no:xdist -q tests/security $(ARGS)
	@tools/audit.sh

# JupyterLab in an environment of its own that sees the platform's packages.
jupyter: setup
	@tools/jupyter.sh

# The pages as a site, built strictly and without a network, into site/.
docs:
	@tools/docs.sh

lock:
	@tools/lock.sh
	@tools/peers.sh lock
	@tools/superset.sh lock
	@tools/spark.sh lock
	@tools/docs.sh lock
	@tools/audit.sh lock

clean:
	@rm -rf .venv .boot .peers .superset .spark .docs site .demo .mypy_cache .ruff_cache .import_linter_cache build dist
	@find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# Containers; where no registry answers over a base of our own, with stand-ins for the images of others; docs/deploy.md.
.PHONY: images stack stack-prove stack-down deploy-check
images:
	@tools/images.sh build $(ARGS)

stack:
	@tools/images.sh build
	@tools/stack.sh up $(ARGS)

stack-prove:
	@tools/stack.sh prove $(ARGS)

stack-down:
	@tools/stack.sh down

deploy-check:
	@tools/stack.sh check $(ARGS)
