# franc-gitops: `make` lists the targets. Wants Python >= 3.11, git and make; the rest is set up on demand.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
CODE := franc_gitops tests $(wildcard bench scripts)
ARGS ?=
# More than two processors: many tests wait, for a broker, for git, for a process.
WORKERS ?= 3

export PATH := $(CURDIR)/$(BIN):$(PATH)
# Tests and measurements start the command a thousand times: as compiled as an installed one is.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo demo-kafka test coverage proof soak check format schemas docs screenshots bench clean java kafka signing browser operations

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

demo: $(VENV)/.run ## validate, plan and publish requests/ on the embedded log, in a throw-away repository
	@bash scripts/demo

demo-kafka: kafka ## the same on a real Apache Kafka that is started for it, read back by its console consumer
	@bash scripts/demo --kafka

test: $(VENV)/.test kafka signing browser operations ## every test, on real brokers (ARGS='-k word' narrows it down)
	@sh scripts/test --numprocesses=$(WORKERS) --dist=worksteal --quiet $(ARGS)

coverage: $(VENV)/.test kafka signing browser operations ## the same, and which branches no test runs in its own process
	@python -m pytest --cov --cov-report=term $(ARGS)

proof: $(VENV)/.test kafka signing browser operations ## the long proofs: the same claims, many more repetitions
	@python -m pytest -m proof --timeout=3600 $(ARGS)

soak: $(VENV)/.test kafka ## daemons under random faults for ten minutes (ARGS='--minutes 30 --seed 1 --cluster')
	@sh scripts/ensure-faketime
	@python -m tests.soak $(ARGS)

check: $(VENV)/.dev ## format, lint, types, import directions
	@ruff format --check . || { echo "make format puts it in form" >&2; exit 1; }
	@ruff check .
	@mypy
	@python -m pytest --quiet tests/test_import_directions.py

format: $(VENV)/.dev ## put the code in form
	@ruff check --fix-only --quiet .
	@ruff format --quiet .

schemas: $(VENV)/.run ## write schemas/ anew from the kinds
	@franc-gitops schema --write schemas

docs: $(VENV)/.test ## write the tables of docs/edits.md anew from the tests
	@python -m tests.support.edits_page

screenshots: $(VENV)/.test kafka browser ## pictures of the dashboard for docs/, from half an hour of work (ARGS=minutes)
	@python -m tests.support.screenshots $(or $(ARGS),30) docs/images

bench: $(VENV)/.test kafka ## measure, and print ratios to the reference tools of the same run
	@python -m bench $(ARGS)

clean: ## remove everything that make has made
	@rm -rf $(VENV) .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage dist build

# Set-up, each step done once and again when pyproject.toml changes.

$(VENV)/.made:
	@sh scripts/make-venv $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.made pyproject.toml
	@$(PIP) install --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.made pyproject.toml
	@$(PIP) install --editable '.[test]'
	@touch $@ $(VENV)/.run

$(VENV)/.dev: $(VENV)/.made pyproject.toml
	@$(PIP) install --editable '.[test,dev]'
	@touch $@ $(VENV)/.test $(VENV)/.run

java:
	@sh scripts/ensure-java

signing:
	@sh scripts/ensure-signing

browser:
	@sh scripts/ensure-browser

operations:
	@sh scripts/ensure-operations

kafka: java $(VENV)/.run
	@python -m tests.support.kafka_install
