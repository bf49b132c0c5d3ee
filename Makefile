# Everything sets itself up from Python 3.11 or newer and make; nothing is installed outside .venv.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PORT ?= 8000
VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip install --quiet --disable-pip-version-check --no-deps
# uv installs in a tenth of pip's time; pip takes over where uv reaches no index, as it reads pip's configuration
UV := $(RUN) -m uv pip install --quiet --python $(RUN) --no-deps
RUNTIME := $(VENV)/.runtime
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help install run test check lint types cover browser fuzz bench soak smoke pictures lock clean

help:      ## show this list
	@grep -hE '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## */  make \1\t/'

install: $(READY) ## make .venv with everything for development, and the command veo
	@echo "Ready: .venv/bin/veo --help, make run, make test. For \`veo\` alone: . .venv/bin/activate"

$(RUNTIME): requirements.lock requirements-build.lock
	@$(PYTHON) -c 'import sys; sys.exit("Veo needs Python 3.11 or newer; found " + sys.version.split()[0] + ". Say which one: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	@echo "Making .venv with $$($(PYTHON) --version)."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP) --require-hashes -r requirements-build.lock
	@echo "Installing the $$(grep -c == requirements.lock) packages that running needs (80 MB, requirements.lock)."
	@$(UV) --require-hashes -r requirements.lock || $(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-build-isolation --editable .
	@touch $@

$(READY): requirements-dev.lock $(RUNTIME)
	@echo "Installing what the tests need as well (400 MB, requirements-dev.lock)."
	@$(UV) --require-hashes -r requirements-dev.lock || $(PIP) --require-hashes -r requirements-dev.lock
	@touch $@

run: $(RUNTIME) ## serve on http://127.0.0.1:8000 (PORT=… for another port)
	$(VENV)/bin/veo serve --port $(PORT)

test: $(READY) ## run the tests
	$(RUN) -m pytest -q -n 2 --dist loadfile -m "not slow and not browser"

check: lint types cover browser fuzz ## lint, strict types, coverage of the cache core, a browser, and the slower tests

lint: $(READY) ## ruff: rules and format
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

types: $(READY) ## mypy --strict
	$(RUN) -m mypy

cover: $(READY) ## every branch of the cache core is tested
	$(RUN) -m coverage run -m pytest -q -m "not slow" --hypothesis-profile thorough tests/cache
	$(RUN) -m coverage report

browser: $(READY) ## the pages and /docs in Chromium; says so where there is none (VEO_BROWSER=required: fails)
	$(RUN) -m pytest -q -n 2 --dist loadfile -m browser

fuzz: $(READY) ## the tests that are marked slow, and each property with all of its inputs
	$(RUN) -m pytest -q -n 2 --dist loadfile -m "slow or hypothesis" --hypothesis-profile thorough -o faulthandler_timeout=300

bench: $(VENV)-bench/.ready ## measure, beside peers and the floor of the same machine
	$(VENV)-bench/bin/python -m benchmarks

soak: $(READY) ## five minutes of steady load: what a process gathers
	$(RUN) -m benchmarks soak

$(VENV)-bench/.ready: requirements-bench.lock
	$(PYTHON) -m venv --clear $(VENV)-bench
	$(VENV)-bench/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

smoke: $(READY) ## check a deployment from outside: make smoke URL=https://…
	$(RUN) -m veo smoke $(URL)

pictures: $(READY) ## draw the pictures of docs/ anew from the running app (needs Chromium)
	$(RUN) -m docs.screenshots

LOCK := $(RUN) -m uv pip compile --universal --generate-hashes --no-header --no-annotate \
  --no-emit-index-url --no-emit-find-links --upgrade --quiet
lock: $(RUNTIME) ## renew the locks after a change of pyproject.toml (needs the network)
	$(LOCK) pyproject.toml -o requirements.lock
	$(LOCK) --group build -o requirements-build.lock
	$(LOCK) pyproject.toml --extra redis --extra otel --group dev -o requirements-dev.lock
	$(LOCK) pyproject.toml --extra redis --extra otel --group dev --group bench -o requirements-bench.lock

clean: ## remove .venv and every cache of a tool
	rm -rf $(VENV) $(VENV)-bench .mypy_cache .ruff_cache .pytest_cache .hypothesis
