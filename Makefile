# The two commands that matter: `make demo` and `make test`. Both set up what they need in .venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
WEB_SOURCES := $(shell find web -type f -not -path '*/node_modules/*' 2>/dev/null)

MODULES := web/node_modules/.package-lock.json

.PHONY: help demo test test-training fuzz lint format bench screenshots lock clean system

help:
	@echo "make demo    a real recorded home, live, with its bill: open the address it prints"
	@echo "make test    everything that is checked by running it"
	@echo "make test-training  the tests of what teaches the network: installs torch, which is large"
	@echo "make fuzz    every decoder and parser, 10 minutes or 5 million inputs each (some hours)"
	@echo "make lint    everything that is checked by reading it"
	@echo "make bench   the figures of docs/benchmarks"
	@echo "make lock    resolve the dependencies anew"

demo: $(VENV)/run.done
	$(BIN)/chowon demo

test: $(VENV)/dev.done $(MODULES) system
	$(BIN)/python -m pytest -n 2 --dist loadfile
	scripts/npm.sh $(BIN)/python run --silent test

# What teaches the network is an extra, and torch is large: its tests have a target of their own.
test-training: $(VENV)/dev.done
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0 "onnx>=1.17"
	CHOWON_TRAINING=1 $(BIN)/python -m pytest tests/training

# atheris (coverage) where there is a build of it, else mutation alone. FUZZ="sml --seconds 60" for less.
fuzz: $(VENV)/dev.done
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check "atheris>=3,<4"
	$(BIN)/python -m tests.fuzz $(FUZZ)

lint: $(VENV)/dev.done $(MODULES)
	$(BIN)/ruff format --check src tests scripts
	$(BIN)/ruff check src tests scripts
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/vulture
	scripts/npm.sh $(BIN)/python run --silent check
	scripts/npm.sh $(BIN)/python run --silent lint

format: $(VENV)/dev.done
	$(BIN)/ruff format src tests scripts
	$(BIN)/ruff check --fix src tests scripts

bench: $(VENV)/dev.done
	$(BIN)/chowon bench all

# The README's pictures, from a demo in a fresh folder.
screenshots: $(VENV)/dev.done system
	$(BIN)/python scripts/screenshots.py docs/images

system:
	@sh scripts/system-packages.sh

# One install of everything that runs, from hashes; then chowon itself, whose build makes the dashboard.
$(VENV)/run.done: requirements/run.lock pyproject.toml $(WEB_SOURCES)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(MODULES): web/package-lock.json $(VENV)/run.done
	scripts/npm.sh $(BIN)/python ci --silent
	@touch $@

$(VENV)/dev.done: $(VENV)/run.done requirements/dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@touch $@

lock: $(VENV)/run.done
	$(BIN)/python -m pip install --quiet uv
	sh scripts/lock.sh $(BIN)/uv

clean:
	rm -rf $(VENV) dist src/chowon/web web/node_modules
