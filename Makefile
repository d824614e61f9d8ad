# Everything runs in .venv, made on first use and kept until pyproject.toml or constraints.txt change.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?= ../shared/data
WORKERS ?= 2
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test faults lint accuracy scenarios bench docs clean servers

demo: $(VENV)/.core  ## Run the main job on real input, with no server.
	@$(BIN)/dq-gate demo

test: $(VENV)/.dev servers  ## Run every test, on real servers.
	$(BIN)/pytest -n $(WORKERS) --dist loadfile

faults: $(VENV)/.dev servers  ## Kill, stall, cut and fill servers and disks; a table of what came of it.
	$(BIN)/pytest -m "fault or not fault" tests/faults

lint: $(VENV)/.dev  ## Style, types, layers.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

accuracy: $(VENV)/.dev  ## Measure the shipped packs on labelled data: make accuracy DATA=../shared/data
	$(BIN)/python -m tests.accuracy $(DATA)

scenarios: $(VENV)/.dev  ## What the shipped alerts raise, miss and invent in ten stories.
	$(BIN)/python -m tests.scenarios

bench: $(VENV)/.dev servers  ## Measure speed as ratios to limits run beside it.
	$(BIN)/python -m tests.benchmarks $(DATA)

docs: $(VENV)/.core  ## Write the generated reference pages anew.
	$(BIN)/python -m docs.generate

clean:  ## Remove the environment and what tools left behind.
	rm -rf $(VENV) .dq_gate .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache dist

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "dq_gate needs Python 3.11 or newer; name one with: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
		|| { rm -rf $(VENV); echo "this Python cannot make virtual environments; run: apt-get install -y python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/.core: $(VENV)/.made pyproject.toml constraints.txt
	@echo "Installing dq_gate into $(VENV) ..."
	@$(BIN)/pip install --quiet --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.made pyproject.toml constraints.txt
	@echo "Installing dq_gate and its test tools into $(VENV) ..."
	@$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/.core

SERVERS := redis-server prometheus prometheus-alertmanager

servers:
	@missing=$$(for server in $(SERVERS); do command -v $$server >/dev/null || echo $$server; done); \
	[ -z "$$missing" ] && exit 0; \
	echo "Installing Debian's $$(echo $$missing) ..."; \
	if [ "$$(id -u)" = 0 ]; then SUDO=; else SUDO="sudo -n"; fi; \
	$$SUDO apt-get update -qq >/dev/null 2>&1; \
	DEBIAN_FRONTEND=noninteractive $$SUDO apt-get install -y -qq --no-install-recommends $$missing >/dev/null 2>&1; \
	for server in $$missing; do command -v $$server >/dev/null \
		|| { echo "the tests need real servers; run: sudo apt-get install -y $$(echo $$missing)" >&2; exit 1; }; done
