# Everything a newcomer needs: `make demo`, `make test`. Each sets itself up.
PYTHON ?= python3
UV_VENV := .uv
UV := $(shell command -v uv 2>/dev/null || echo $(UV_VENV)/bin/uv)
BIN := .venv/bin

.PHONY: setup demo test test-long check bench clean
.DEFAULT_GOAL := setup

$(UV_VENV)/bin/uv:
	$(PYTHON) -m venv $(UV_VENV)
	$(UV_VENV)/bin/pip install --quiet --disable-pip-version-check uv

.venv/.stamp: pyproject.toml uv.lock $(if $(findstring $(UV_VENV),$(UV)),$(UV_VENV)/bin/uv)
	$(UV) sync --frozen --quiet --compile-bytecode --python $(PYTHON)
	@touch $@

setup: .venv/.stamp

demo: setup
	$(BIN)/csms demo

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check
	$(BIN)/pytest -n 2

test-long: setup
	$(BIN)/pytest -n 2 -m long

bench: setup
	$(BIN)/python -m tests.bench

clean:
	rm -rf .venv $(UV_VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
