# make sandbox: the main job, played against a local Slack and Plain. make test: the whole suite.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: sandbox test crash proof fuzz bench lint format lock clean

sandbox: $(READY)
	@$(BIN)/plain-bridge sandbox

test: $(READY)
	$(BIN)/pytest -n auto

# The bridge killed at every place: rewrites the tables of docs/reliability.md.
crash: $(READY)
	$(BIN)/python -m bench.crash_matrix

# And ten minutes of simulated days, each from a seed of its own.
proof: crash
	$(BIN)/python -m tests.simulation.proof --minutes $(or $(MINUTES),10)

# Hostile things at every door and in every answer: make fuzz SECONDS=600 SEED=7
fuzz: $(READY)
	$(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),60) $(if $(SEED),--seed $(SEED))

# Everything that is to be fast, eight minutes on two cores: rewrites the tables of docs/performance.md.
bench: $(READY)
	$(BIN)/python -m bench --write

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Exactly the versions of the lock, each with its hash, into an environment of its own.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Plain Bridge needs Python 3.11 or newer: make PYTHON=python3.13")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing what the lock names into $(VENV) (once) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

# Needs uv. The lock names no index address.
lock:
	uv pip compile pyproject.toml --all-extras --group dev --group bench --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --quiet -o requirements.lock

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
