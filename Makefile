# Two commands do everything on a fresh Debian machine: `make demo` and `make test`.
SHELL := /bin/bash
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
OUT ?= auditgen-demo
TOOLS ?= /var/tmp/auditgen-sample-tools

SPARK ?= .venv-spark
MUTANTS ?= .venv-mutants

.PHONY: help demo test test-engines mutants check lint types contracts lock samples clean

help: ## say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/.run ## set up, then make a signed report from the sample quarter in $(OUT)
	$(BIN)/auditgen demo -o $(OUT) --force

test: $(VENV)/.dev ## set up, then run every test
	$(BIN)/python -m pytest -n auto

test-engines: $(VENV)/.dev $(SPARK)/.made ## count on Apache Spark and PostgreSQL, each on loopback, and compare (needs both)
	AUDITGEN_SPARK_PYTHON=$(abspath $(SPARK))/bin/python AUDITGEN_TEST_ENGINES=postgres,spark \
	  $(BIN)/python -m pytest $(addprefix tests/engines/test_,equal.py servers.py report.py) -p no:randomly -x --durations=5

$(SPARK)/.made: Makefile
	$(PYTHON) -m venv $(SPARK)
	$(SPARK)/bin/python -m pip install --quiet --disable-pip-version-check pyspark==4.1.3
	touch $@

mutants: $(MUTANTS)/.made ## change the statistics in a copy, one spot at a time, and see which tests notice (half an hour)
	rm -rf $(MUTANTS)/work && mkdir $(MUTANTS)/work
	cp -r --parents pyproject.toml auditgen/__init__.py auditgen/indicators/__init__.py auditgen/indicators/inference \
	  tests/indicators/inference $(MUTANTS)/work
	cd $(MUTANTS)/work && nice ../bin/mutmut run; ../bin/mutmut results

$(MUTANTS)/.made: $(VENV)/.dev
	$(PYTHON) -m venv $(MUTANTS)
	$(MUTANTS)/bin/python -m pip install --quiet --disable-pip-version-check mutmut==3.8.1
	echo '*' > $(MUTANTS)/.gitignore
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
	  > "$$($(MUTANTS)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/tests.pth"
	touch $@

check: lint types contracts ## lint, types and the import contract

lint: $(VENV)/.dev
	$(BIN)/ruff check auditgen tests benchmarks fuzz
types: $(VENV)/.dev
	$(BIN)/mypy --strict -p auditgen
contracts: $(VENV)/.dev
	$(BIN)/lint-imports

$(VENV)/.system: setup/system.sh
	bash setup/system.sh $(PYTHON)
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.run: $(VENV)/.system requirements.lock pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.dev: $(VENV)/.system requirements-dev.lock pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@ $(VENV)/.run

lock: ## resolve the dependencies again (needs uv)
	uv pip compile pyproject.toml --group install --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header --quiet --output-file requirements.lock
	uv pip compile pyproject.toml --group install --group dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header --quiet --output-file requirements-dev.lock

samples: ## run the real tools again to make the sample exports (needs node, faketime and an hour)
	bash samples/make/make-all.sh $(TOOLS)

clean: ## remove what the other targets made
	rm -rf $(VENV) $(SPARK) $(MUTANTS) $(OUT) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
