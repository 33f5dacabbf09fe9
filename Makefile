# Everything lives in .venv. `make run` installs only what the bot needs; the other targets add what they need.
PYTHON ?= python3
UV ?= uv
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --require-virtualenv
INSTALL := $(PIP) install --quiet --require-hashes --requirement
SELF := $(PIP) install -qq --no-deps --no-build-isolation --no-index --editable .

.DELETE_ON_ERROR:
.PHONY: help setup install install-scale run test check format words fonts docs bench lock clean

help:
	@echo "make run     start the bot (the first time, this installs it; ARGS='--port 9000' passes options on)"
	@echo "make test    run the tests (ARGS='tests/test_cli.py -k help' passes options on)"
	@echo "make check   lint and check types"
	@echo "make docs    make the pictures in docs/images anew (needs Debian's chromium)"
	@echo "make fonts   cut the fonts of pictures to what is said in them (needs whole fonts, see handlers/fonts)"
	@echo "make bench   run the benchmarks (ARGS='decode store' picks some)"
	@echo "make setup   only prepare .venv for all of the above but bench"
	@echo "make install only prepare .venv for running (install-scale: with PostgreSQL and NATS)"
	@echo "make format  format the code"
	@echo "make words   bring the catalogue of texts up to date, for translators"
	@echo "make lock    pin the dependencies of pyproject.toml, with uv (ARGS=--upgrade renews them all)"
	@echo "make clean   remove .venv and all caches"

setup: $(VENV)/.dev

install: $(VENV)/.runtime

install-scale: $(VENV)/.scale

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Washout needs Python 3.11 or newer, and '$(PYTHON)' is not that. Name one: make PYTHON=python3.12" >&2; \
	  exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "'$(PYTHON) -m venv' failed. On Debian and Ubuntu: apt-get install python3-venv" >&2; \
	  rm -rf $(VENV); exit 1; }

# Each stamp is newer than the lock it was installed from, so that a second call does nothing.
$(VENV)/.runtime: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing what the bot needs …"
	@$(INSTALL) requirements.lock
	@$(SELF)
	@touch $@

$(VENV)/.scale: requirements-scale.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing what the bot needs for PostgreSQL and NATS …"
	@$(INSTALL) requirements-scale.lock
	@$(SELF)
	@touch $(VENV)/.runtime $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing what the bot, its tests and checks need …"
	@$(INSTALL) requirements-dev.lock
	@$(SELF)
	@touch $(VENV)/.runtime $@

$(VENV)/.bench: requirements-bench.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing what the benchmarks compare with …"
	@$(INSTALL) requirements-bench.lock
	@$(SELF)
	@touch $(VENV)/.runtime $(VENV)/.dev $@

# exec leaves no shell in between: Ctrl-C and a SIGTERM sent to make reach the bot itself.
run: $(VENV)/.runtime
	@exec $(BIN)/python -m bot run $(ARGS)

# In two workers, since much of it waits; tests/workers.py says what they may not run beside each other.
test: $(VENV)/.dev
	@$(BIN)/python -m pytest $(or $(ARGS),--numprocesses 2)

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

words: $(VENV)/.dev
	@$(BIN)/python -m handlers.catalogue

docs: $(VENV)/.dev
	@$(BIN)/python -m docs.make_pictures

fonts: $(VENV)/.dev
	@$(BIN)/python -m handlers.fonts.cut $(ARGS)

bench: $(VENV)/.bench
	@$(BIN)/python -m benchmarks $(ARGS)

# One resolution holds for all four: the widest is solved first and the others are cut from it.
LOCK := $(UV) --no-config pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
  --no-header --no-annotate --quiet

lock:
	$(LOCK) --group build --group dev --group bench --output-file requirements-bench.lock $(ARGS)
	$(LOCK) --group build --group dev --constraint requirements-bench.lock --output-file requirements-dev.lock
	$(LOCK) --group build --extra scale --constraint requirements-bench.lock --output-file requirements-scale.lock
	$(LOCK) --group build --constraint requirements-bench.lock --output-file requirements.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
