# Each target sets up the virtual environment .venv when there is none, or when pyproject.toml or constraints.txt
# changed.
#   make PYTHON=python3.13     choose the interpreter
#   make paper WORKERS=4       choose the number of workers
PYTHON ?= python3
WORKERS ?=

BIN := .venv/bin
INSTALLED := .venv/.installed
INSTALLED_BENCH := .venv/.installed-bench
INSTALLED_SITE := .venv/.installed-site
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet
WORKERS_OPTION := $(if $(WORKERS),--workers $(WORKERS))

.DEFAULT_GOAL := reproduce
.PHONY: setup reproduce paper figures verify test bench site clean

setup: $(INSTALLED)  ## the virtual environment alone

reproduce: $(INSTALLED)  ## the quick profile of every notebook, in minutes
	$(BIN)/xyep reproduce --profile quick $(WORKERS_OPTION)

paper: $(INSTALLED)  ## the full ensembles
	$(BIN)/xyep reproduce --profile paper $(WORKERS_OPTION)

figures: $(INSTALLED)  ## redraw from stored results, without training
	$(BIN)/xyep figures

verify: $(INSTALLED)  ## stored results against their digests, the code and README, in minutes
	$(BIN)/xyep verify $(WORKERS_OPTION)

test: $(INSTALLED)  ## style, imports, types, committed figures, then the tests and the examples in docstrings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy
	$(BIN)/xyep figures --check
	$(BIN)/python -m pytest

bench: $(INSTALLED_BENCH)
	$(BIN)/xyep bench

site: $(INSTALLED_SITE)  ## the website, in build/site/
	$(BIN)/python -m pytest -q docs --ignore=docs/site
	$(BIN)/python docs/site/build.py

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'xyep needs Python 3.11 or newer, but PYTHON=$(PYTHON) is older or not there; try: make PYTHON=python3.13' >&2; exit 1; }
	@test -x $(BIN)/pip || { echo 'Setting up .venv'; $(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }; }
	$(PIP) -c constraints.txt -e '.[test]'
	@touch $@

$(INSTALLED_BENCH): $(INSTALLED)
	$(PIP) -c constraints.txt -e '.[test,bench]'
	@touch $@

$(INSTALLED_SITE): $(INSTALLED)
	$(PIP) -c constraints.txt -e '.[test,site]'
	@touch $@

clean:  ## everything that make makes; paper results and figures stay
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
	rm -rf results/quick results/smoke figures/quick figures/smoke
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
