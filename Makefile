PYTHON ?= python3
BIN := .venv/bin
UV_COMPILE = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11

.PHONY: setup check test test-again test-core scenarios demo docs wheel lock services format clean

setup: .venv/.ready

# Two steps of one environment: the demo wants Akeso and its lab alone, everything else wants all.
.venv/.ready: requirements.lock pyproject.toml scripts/setup.sh
	@PYTHON="$(PYTHON)" bash scripts/setup.sh full

.venv/.ready-demo: requirements/core-lab.lock pyproject.toml scripts/setup.sh
	@PYTHON="$(PYTHON)" bash scripts/setup.sh demo

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: setup
	@bash scripts/services.sh up
	$(BIN)/pytest -q -n 3 --dist loadgroup

# Those that failed last, nothing beside them. More than a few at once are no accident of a crowded machine.
test-again: setup
	@few=$$(grep -c '::' .pytest_cache/v/cache/lastfailed) && [ $$few -le 5 ]
	$(BIN)/pytest -q -n 0 --last-failed --last-failed-no-failures none

# Those with a simulated world behind them as well, which take half a minute each.
scenarios: setup
	$(BIN)/pytest -q -n 2 -m 'simulated or not simulated' tests/scenarios

# The unit tests as with the core install alone: what extras bring cannot be imported.
test-core: setup
	$(BIN)/pytest -q -n 2 --dist loadgroup -p akeso.testing.core_install tests/unit

demo: .venv/.ready-demo
	$(BIN)/akeso demo

docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "the site is build/site/index.html; with its search: $(BIN)/mkdocs serve"

# Without what an earlier build left, which would be packed as well.
wheel: setup
	rm -rf build/lib build/bdist.*
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

# The smaller locks hold the versions of the large one, so that one set-up can follow another.
lock: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/uv.lock
	$(UV_COMPILE) --all-extras --group dev pyproject.toml --output-file requirements.lock
	$(UV_COMPILE) --constraint requirements.lock --extra lab --group build pyproject.toml --output-file requirements/core-lab.lock
	$(UV_COMPILE) --constraint requirements.lock pyproject.toml --output-file requirements/core.lock
	echo uv | $(UV_COMPILE) --no-annotate - --output-file requirements/uv.lock

clean:
	rm -rf .venv build dist
