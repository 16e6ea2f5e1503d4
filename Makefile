.DEFAULT_GOAL := help
PYTHON ?= python3
PY := .venv/bin/python
export PYTHON
# Tests start hundreds of processes: each would compile the same modules again, three seconds of it.
unexport PYTHONDONTWRITEBYTECODE
# Three test modules at a time, in the order of collection: long ones stand first, many short ones last.
BESIDE := -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: help up test lint fmt types bench chaos docs lock web api isolation-report pictures test-python test-web test-e2e browser clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.venv/.ready: requirements.lock scripts/bootstrap.sh $(wildcard packages/*/pyproject.toml)
	@sh scripts/bootstrap.sh

web: .venv/.ready ## Build the web application if its sources changed
	@$(PY) scripts/web.py build

up: web ## Run VectorFlow here: database, server, an agent and a pipeline on real input
	@exec .venv/bin/vectorflow up

test: .venv/.ready ## Everything that CI runs
	@$(PY) scripts/check.py

lint: .venv/.ready ## Format check, lint, types, import floors
	@.venv/bin/ruff format --no-cache --check .
	@.venv/bin/ruff check --no-cache .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

fmt: .venv/.ready ## Format and fix what can be fixed
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

test-python: .venv/.ready
	@$(PY) scripts/tests.py packages $(BESIDE)

test-web: web
	@$(PY) scripts/web.py run verify

test-e2e: web browser
	@$(PY) scripts/tests.py tests/e2e -m "not alone" $(BESIDE)
	@$(PY) scripts/tests.py tests/e2e -m alone -n 2 --dist loadfile

browser: .venv/.ready
	@$(PY) scripts/browser.py >/dev/null

bench: .venv/.ready ## Measure the numbers of the house and print a table
	@$(PY) bench/run.py

chaos: .venv/.ready ## Kill agents, engines, servers and PostgreSQL at random for ten minutes, and judge from outside
	@$(PY) -m tests.e2e.chaos.run $(CHAOS)

pictures: web ## Take the pictures of the pages anew (RECORD=1: on answers of a real product recorded anew)
	@$(PY) -m tests.looks.pictures $(if $(RECORD),--record)

docs: .venv/.ready ## Build the documentation site into site/
	@NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --quiet --strict

api: .venv/.ready ## Write the OpenAPI document and the web application's API client
	@.venv/bin/vectorflow openapi > web/api/openapi.json
	@$(PY) scripts/web.py run api

isolation-report: .venv/.ready ## Try every fence between organisations and write docs/security/isolation-report.md
	@$(PY) -m packages.server.tests.isolation.report

lock: .venv/.ready ## Resolve the Python packages anew
	@sh scripts/lock.sh

clean: ## Forget everything that was built (data in var/ stays)
	rm -rf .venv site web/node_modules packages/server/src/vectorflow/web
