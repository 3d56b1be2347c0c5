# make sandbox: a page to try it, with a local Slack and a local Plain. make test: the suite, without what is long by nature (make proof).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
AUDIT := .venv-audit
READY := $(VENV)/.ready

.PHONY: sandbox test contracts crash proof fuzz bench pictures lint format lock audit versions install-check clean

sandbox: $(READY)
	@$(BIN)/plain-bridge sandbox --stay

test: $(READY)
	$(BIN)/pytest -n auto --dist worksteal -m "not proof"

# What reads the vendors' published contracts, which the project does not ship: Plain's schema, Slack's
# payloads and manifest schema. In the folder that PLAIN_BRIDGE_CONTRACTS names.
CONTRACTS = $(or $(PLAIN_BRIDGE_CONTRACTS),../shared/contracts)
contracts: $(READY)
	@test -d "$(CONTRACTS)" || { echo "There are no contracts in $(CONTRACTS): set PLAIN_BRIDGE_CONTRACTS to the folder that has them." >&2; exit 1; }
	PLAIN_BRIDGE_CONTRACTS="$(CONTRACTS)" $(BIN)/pytest -n auto --dist worksteal -m contracts

# The bridge killed at every place: rewrites the tables of docs/crashes.md.
crash: $(READY)
	$(BIN)/python -m bench.crash_matrix

# And the suite's tests that are long by nature, and ten minutes of simulated days, each from a seed of
# its own: rewrites the last table of docs/reliability.md.
proof: crash
	$(BIN)/pytest -n auto --dist worksteal -m proof
	$(BIN)/python -m tests.simulation.proof --minutes $(or $(MINUTES),10) --write

# Hostile things at every door and in every answer: make fuzz SECONDS=600 SEED=7
fuzz: $(READY)
	$(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),60) $(if $(SEED),--seed $(SEED))

# Everything that is to be fast, eight minutes on two cores: rewrites the tables of docs/performance.md.
bench: $(READY)
	$(BIN)/python -m bench --write

# The pictures of the docs, played by the real bridge in the sandbox's page. Needs a Chromium.
pictures: $(READY)
	$(BIN)/python -m tests.page.pictures

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
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

# Known vulnerabilities of what the lock names, by the index's own data, and the licences of what
# a bridge runs with. In an environment of its own, for it is no part of the bridge.
audit: $(READY)
	@test -x $(AUDIT)/bin/pip-audit || ($(PYTHON) -m venv $(AUDIT) && \
		$(AUDIT)/bin/pip install -q --disable-pip-version-check pip-audit)
	$(BIN)/python -m tests.packaging.licences deploy/requirements.lock
	$(AUDIT)/bin/pip-audit --strict --disable-pip --require-hashes -r requirements.lock

# The wheel in a clean environment of every Python that is at hand.
versions: $(READY)
	$(BIN)/python -m tests.packaging.versions

# The locks in throw-away environments, with the oldest pip that this Python ever brought and the newest.
install-check:
	$(PYTHON) -m tests.packaging.installing

# Needs uv. The locks name no index address; the second one is what a bridge runs with, the third what
# builds its wheel for the image.
lock:
	uv pip compile pyproject.toml --all-extras --group dev --group bench --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --quiet -o requirements.lock
	uv pip compile pyproject.toml --extra postgres --universal --python-version 3.11 -c requirements.lock \
		--generate-hashes --no-emit-index-url --no-header --no-annotate --quiet -o deploy/requirements.lock
	$(PYTHON) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' | \
		uv pip compile - --universal --python-version 3.11 -c requirements.lock \
		--generate-hashes --no-emit-index-url --no-header --no-annotate --quiet -o deploy/build.lock

clean:
	rm -rf $(VENV) $(AUDIT) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
