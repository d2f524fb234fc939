# Every target works on a fresh clone with nothing but Python 3.11 or newer: what is missing is made first.

PORT ?= 8000
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	$$python -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$python && break; done)

.DEFAULT_GOAL := help
.PHONY: help demo up test faults lint check bench front clean

help: ## Show what can be made.
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

demo: $(VENV)/.packages ## Run Tact with a brand worth looking at. PORT=8001 if 8000 is taken.
	@$(BIN)/python manage.py demo --port $(PORT) $(ARGS)

up: $(VENV)/.packages ## Run Tact, empty at first.
	@$(BIN)/python manage.py up --port $(PORT) $(ARGS)

test: front $(VENV)/.packages-dev ## Run every test. ARGS="tests/audiences -x" for some.
	@$(BIN)/python -m tests.browser
	$(BIN)/pytest -n 2 $(ARGS)

faults: $(VENV)/.packages-dev ## Run only the tests that break processes and servers.
	$(BIN)/pytest -m faults $(ARGS)

lint: $(VENV)/.packages-dev ## Check style, types, layers, templates and migrations.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint . --lint --quiet
	$(BIN)/python manage.py makemigrations --check --dry-run

check: lint test ## What a change has to pass: lint, then test.

bench: $(VENV)/.packages-dev ## Measure on this machine what docs/scaling.md tells.
	$(BIN)/python -m benchmarks $(ARGS)

front: $(VENV)/.packages ## Build scripts and styles, if their sources changed.
	@$(BIN)/python -m config.frontend

clean: ## Remove what was installed and built; data in var/ stays.
	rm -rf $(VENV) node_modules static/dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

$(BIN)/pip:
	@test -n "$(PYTHON)" || { echo "Tact needs Python 3.11 or newer. Install it, or name it: make demo PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c '$(NEW_ENOUGH)' || { echo "$(PYTHON) is older than 3.11. Name another: make demo PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); echo "Python's venv is missing. On Debian: apt-get install python3-venv"; exit 1; }

$(VENV)/.packages: requirements.txt | $(BIN)/pip
	@echo "Installing Python packages ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.packages-dev: requirements-dev.txt requirements.txt | $(BIN)/pip
	@echo "Installing Python packages for development ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $(VENV)/.packages $@
