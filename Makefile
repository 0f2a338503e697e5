PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup check test demo lock services format clean

setup: .venv/.ready

.venv/.ready: requirements.lock pyproject.toml scripts/setup.sh
	PYTHON=$(PYTHON) bash scripts/setup.sh
	@touch $@

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
	$(BIN)/pytest -q

demo: setup
	$(BIN)/akeso demo

lock: setup
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
		--all-extras --group dev pyproject.toml --output-file requirements.lock

clean:
	rm -rf .venv build dist
