# Every target makes its own virtual environment first; Python (>= 3.11) and make are all it needs.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready-$(shell cat requirements.lock pyproject.toml | cksum | cut -d' ' -f1)
WORKERS ?= 2
SEEDS   ?=
STATEMENTS ?=
COUNT   ?=
MACHINE ?= 500

.PHONY: demo test check bench simulate screenshots catalogue lock clean
.DEFAULT_GOAL := test

$(READY):
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ecp-sync needs Python 3.11 or newer: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

demo: $(READY)
	$(BIN)/ecp-sync demo

test: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)
	$(BIN)/python -m benchmarks

simulate: $(READY)
	$(BIN)/python -m tests.simulation $(SEEDS) --workers $(WORKERS) --write docs/reliability.md $(if $(STATEMENTS),--statements $(STATEMENTS)) $(if $(COUNT),--count $(COUNT))
	$(if $(STATEMENTS),,$(BIN)/python -m tests.simulation.machine $(MACHINE))

screenshots: $(READY)
	$(BIN)/python -m tests.browser.screenshots docs/images

catalogue: $(READY)
	$(BIN)/python -m tests.browser.catalogue

lock:
	uv pip compile --universal --python-version 3.11 --no-emit-index-url --generate-hashes --group dev pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
