# Every target does its own set-up, in .venv. PYTHON chooses the interpreter for a new .venv: a
# version, a command or a path; without it, the newest usable one. DATABASE_URL, if set, names the
# server to use instead of the embedded one.

# Which driver the tests are about, psycopg2 or psycopg (3). Where the latter is installed Django takes
# it, so it has an environment of its own.
DRIVER ?= psycopg2
export PGPOOL_TEST_DRIVER := $(DRIVER)
comma := ,
VENV ?= .venv$(DRIVER_NAME)
DRIVER_NAME := $(if $(filter psycopg,$(DRIVER)),-psycopg)
DRIVER_EXTRA := $(if $(filter psycopg,$(DRIVER)),$(comma)psycopg)
# Further requirements, for instance DJANGO='Django==5.2.*'
DJANGO ?=
# Which load: `make loadtest SCENARIO=list` names them.
SCENARIO ?= day
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Two pips must not write to one .venv.
.NOTPARALLEL:

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: test
test: $(VENV)/.installed-test ## run the tests (ARGS="-k reaper", DRIVER=psycopg)
	@exec $(BIN)/python -m tests $(ARGS)

.PHONY: test-long
test-long: $(VENV)/.installed-test ## run the tests that take minutes
	@exec $(BIN)/python -m pytest -m long $(ARGS)

.PHONY: chaos
chaos: $(VENV)/.installed-test ## faults, kills and outages: what was lost (ARGS=--quick)
	@exec $(BIN)/python -m tests.chaos $(ARGS)

.PHONY: django-tests
django-tests: $(VENV)/.installed-test ## Django's own tests, with and without the pool (ARGS=--quick)
	@exec $(BIN)/python -m tests.django_suite $(ARGS)

# exec: Ctrl-C reaches the program once, from the terminal, and make waits until it has cleaned up.
.PHONY: loadtest
loadtest: $(VENV)/.installed-loadtests ## a day of load on a real site (ARGS="--scale 0.2")
	@exec $(BIN)/python -m loadtests $(SCENARIO) $(ARGS)

.PHONY: compare
compare: $(VENV)/.installed-loadtests ## the same load on other engines (ARGS="--rounds 1")
	@exec $(BIN)/python -m loadtests compare $(ARGS)

.PHONY: bench
bench: $(VENV)/.installed-loadtests ## the pool beside others, measured (BENCH_ARGS=--quick)
	@exec $(BIN)/python -m loadtests.bench $(BENCH_ARGS)

.PHONY: policies
policies: $(VENV)/.installed-loadtests ## when to open and close, simulated (ARGS="--only day")
	@exec $(BIN)/python -m loadtests.policies $(ARGS)

# Strict: a dead link, also one in the README, fails it.
.PHONY: docs
docs: $(VENV)/.installed-docs ## build the documentation into build/docs
	@rm -rf build/docs
	@$(BIN)/python -m sphinx -q -E -W -n --keep-going docs build/docs $(ARGS)
	@echo build/docs/index.html

.PHONY: check
check: $(VENV)/.installed-dev ## formatting, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python -m mypy

.PHONY: format
format: $(VENV)/.installed-dev ## format the code and mend what ruff can mend
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

.PHONY: clean
clean: ## remove .venv, reports and caches
	rm -rf .venv .venv-psycopg build dist reports .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One stamp per extra; done again when pyproject.toml has changed.
$(VENV)/.installed-%: pyproject.toml | $(BIN)/python
	@echo "Installing django_pgpool[$*$(DRIVER_EXTRA)]$(DJANGO:%= with %) into $(VENV) ..."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check \
		-e '.[$*$(DRIVER_EXTRA)]' $(DJANGO:%='%')
	@touch $@

$(BIN)/python:
	@python=$$(.ci/find-python $(PYTHON)) && echo "Creating $(VENV) with $$python ..." && \
		"$$python" -m venv --clear $(VENV)
