# Everything sets itself up from Python 3.11 or newer and make; nothing is installed outside .venv.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PORT ?= 8000
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help install run test check lint types cover browser fuzz bench soak smoke pictures lock clean

help:      ## show this list
	@grep -hE '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## */  make \1\t/'

install: $(READY) ## make .venv from the lock

$(READY): requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit("Veo needs Python 3.11 or newer; found " + sys.version.split()[0] + ". Say which one: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv --clear $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
	@touch $@

run: $(READY) ## serve on http://127.0.0.1:8000 (PORT=… for another port)
	$(RUN) -m veo serve --port $(PORT)

test: $(READY) ## run the tests
	$(RUN) -m pytest -q -n 2 --dist loadfile -m "not slow and not browser"

check: lint types cover browser fuzz ## lint, strict types, coverage of the cache core, a browser, and the slower tests

lint: $(READY) ## ruff: rules and format
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

types: $(READY) ## mypy --strict
	$(RUN) -m mypy

cover: $(READY) ## every branch of the cache core is tested
	$(RUN) -m coverage run -m pytest -q -m "not slow" tests/cache
	$(RUN) -m coverage report

browser: $(READY) ## the pages and /docs in Chromium; says so where there is none (VEO_BROWSER=required: fails)
	$(RUN) -m pytest -q -n 2 --dist loadfile -m browser

fuzz: $(READY) ## the tests that are marked slow
	$(RUN) -m pytest -q -n 2 --dist loadfile -m slow -o faulthandler_timeout=300

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

lock: ## renew the locks after a change of pyproject.toml (needs uv)
	uv pip compile pyproject.toml --universal --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links --upgrade --quiet -o requirements.lock
	uv pip compile pyproject.toml --extra redis --extra otel --group dev --universal --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links --upgrade --quiet -o requirements-dev.lock
	uv pip compile pyproject.toml --extra redis --extra otel --group dev --group bench --universal --generate-hashes --no-header \
	  --no-annotate --no-emit-index-url --no-emit-find-links --upgrade --quiet -o requirements-bench.lock

clean: ## remove .venv and every cache of a tool
	rm -rf $(VENV) $(VENV)-bench .mypy_cache .ruff_cache .pytest_cache .hypothesis
