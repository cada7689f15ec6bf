# `make demo` shows Doorman at work, `make test` runs the tests; both set up what they need in .venv.

PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 python; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$name; break; }; done)
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Many tests wait for processes and clocks, so three share two cores.
JOBS ?= $(shell cores=$$(getconf _NPROCESSORS_ONLN); echo $$((cores * 3 / 2)))
SEEDS ?= 1000
KILLS ?= 24
SOAK ?= 600
PYTEST := $(BIN)/python -m pytest -n $(JOBS) --dist worksteal
# Bytecode is kept, whatever the environment says: each program that a test starts would compile everything anew.
COMPILED := PYTHONDONTWRITEBYTECODE=

.PHONY: help demo run test chaos lint format bench model openapi readme lock
.DEFAULT_GOAL := help

help:
	@echo "make demo     sandbox panel, service and a stream of orders; Ctrl-C ends it (SECONDS=60 ends it by itself)"
	@echo "make test     all tests (JOBS=1 for one at a time; ARGS='-k fee' to choose)"
	@echo "make chaos    all tests with all their cases, on both databases, and hours of faults and kills"
	@echo "              (SEEDS=200 KILLS=4 SOAK=60 for less; SEED=7 plays one story again and tells it)"
	@echo "make run      the service, as your environment or .env sets it"
	@echo "make lint     formatting, lint, types, import arrows"
	@echo "make format   write the formatting"
	@echo "make bench    how fast webhooks come in, orders are judged and paid orders are accepted"
	@echo "make model    train the model that reads tickets from the seeds in tests/training"
	@echo "make openapi  write openapi.yaml"
	@echo "make readme   write the tables of README and handbook"
	@echo "make lock     pin all dependencies anew in requirements.lock"

demo: .venv/runtime.stamp
	@$(BIN)/doorman demo $(if $(SECONDS),--seconds $(SECONDS))

run: .venv/runtime.stamp
	@$(BIN)/doorman serve $(ARGS)

test: .venv/dev.stamp
	@$(COMPILED) $(PYTEST) --durations=10 --durations-min=1 $(ARGS)

chaos: .venv/dev.stamp
ifdef SEED
	@DOORMAN_TEST_CHAOS_SEED=$(SEED) $(BIN)/python -m pytest -s tests/chaos/test_seeds.py tests/chaos/test_processes.py $(ARGS)
else
	@DOORMAN_TEST_EVERYTHING=1 DOORMAN_TEST_CHAOS_SEEDS=$(SEEDS) DOORMAN_TEST_CHAOS_KILLS=$(KILLS) \
		DOORMAN_TEST_SOAK_SECONDS=$(SOAK) DOORMAN_TEST_CHAOS_RUNS=60 DOORMAN_TEST_PERMUTATIONS=0 DOORMAN_TEST_SCHEMATHESIS=25 \
		$(COMPILED) $(PYTEST) -q $(ARGS)
endif

lint: .venv/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	@if grep -q '^\[tool.importlinter\]' pyproject.toml; then $(BIN)/lint-imports; fi

format: .venv/dev.stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/dev.stamp
	@for script in tests/bench/bench_*.py; do $(BIN)/python $$script $(ARGS) || exit; done

model: .venv/dev.stamp
	@$(BIN)/python -m tests.training.train

openapi: .venv/runtime.stamp
	@$(BIN)/doorman openapi openapi.yaml

readme: .venv/dev.stamp
	@$(BIN)/python -m tests.documents

# --- set-up: what the service needs, and on top of it what tests and checks need -------------------------------------

.venv/runtime.stamp: pyproject.toml requirements.lock
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name it with make PYTHON=/path/to/python3" >&2; exit 1; }
	@test -x $(BIN)/python || { echo "setting up .venv (once) ..."; $(PYTHON) -m venv .venv; } \
		|| { rm -rf .venv; echo "python3 -m venv does not work here; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@sed '/^# --- development/,$$d' requirements.lock > .venv/runtime.lock
	@$(INSTALL) --require-hashes -r .venv/runtime.lock
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

.venv/dev.stamp: .venv/runtime.stamp
	@echo "installing what the tests need (once) ..."
	@$(INSTALL) --require-hashes -r requirements.lock
	@touch $@

# --- requirements.lock: one file, three parts; each part needs those above it ----------------------------------------

PIN = .lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links
OMIT = $$(sed -n 's/^\([A-Za-z0-9._-]*\)==.*/--no-emit-package \1/p' $(1))

lock:
	@rm -rf .lock && python3 -m venv .lock && .lock/bin/pip install --quiet --disable-pip-version-check uv
	@$(PIN) --extra postgres pyproject.toml -o .lock/runtime > /dev/null
	@printf 'hatchling>=1.27\neditables>=0.5\n' | $(PIN) -c .lock/runtime - $(call OMIT,.lock/runtime) -o .lock/build > /dev/null
	@$(PIN) -c .lock/runtime -c .lock/build --extra postgres --group dev pyproject.toml \
		$(call OMIT,.lock/runtime .lock/build) -o .lock/dev > /dev/null
	@{ echo '# Written by `make lock`; each part needs those above it.'; \
		echo '# --- runtime'; cat .lock/runtime; echo '# --- build'; cat .lock/build; \
		echo '# --- development'; cat .lock/dev; } > requirements.lock
	@rm -rf .lock
	@echo "wrote requirements.lock: $$(grep -c == requirements.lock) packages"
