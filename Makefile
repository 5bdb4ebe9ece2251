# The two commands that matter: `make demo` and `make test`. Both set up what they need in .venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
WEB_SOURCES := $(shell find web -type f -not -path '*/node_modules/*' 2>/dev/null)

.PHONY: help demo serve test lint format bench docs-shots lock clean system

help:
	@echo "make demo    a real recorded home, live, with its bill: open the address it prints"
	@echo "make test    everything that is checked by running it"
	@echo "make lint    everything that is checked by reading it"
	@echo "make bench   the figures of docs/benchmarks"
	@echo "make lock    resolve the dependencies anew"

demo: $(VENV)/run.done
	$(BIN)/chowon demo

test: $(VENV)/dev.done system
	$(BIN)/python -m pytest
	cd web && npm test --silent

lint: $(VENV)/dev.done
	$(BIN)/ruff format --check src tests scripts
	$(BIN)/ruff check src tests scripts
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vulture
	cd web && npm run --silent check

format: $(VENV)/dev.done
	$(BIN)/ruff format src tests scripts
	$(BIN)/ruff check --fix src tests scripts

bench: $(VENV)/run.done
	$(BIN)/chowon bench all

system:
	@sh scripts/system-packages.sh

# One install of everything that runs, from hashes; then chowon itself, whose build makes the dashboard.
$(VENV)/run.done: requirements/run.lock pyproject.toml $(WEB_SOURCES)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/dev.done: $(VENV)/run.done requirements/dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@touch $@

lock: $(VENV)/run.done
	$(BIN)/python -m pip install --quiet uv
	sh scripts/lock.sh $(BIN)/uv

clean:
	rm -rf $(VENV) dist src/chowon/web web/node_modules
