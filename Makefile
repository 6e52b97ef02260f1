# make quickstart   installs, trains on synthetic speech, converts, evaluates
# make test         installs what is missing and runs every test
# make help         the rest

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Setuptools warns at length of every editable install.
PIP := PYTHONWARNINGS=ignore $(BIN)/python -m pip
# A process a core, each with whole modules, whose fixtures they make once.
PYTEST_OPTIONS := --numprocesses=logical --maxprocesses=8 --dist=loadscope \
	--durations=40
SOURCES := setup.py pyproject.toml $(shell find custom_ops tflite_delegate \
	-name '*.cc' -o -name '*.h' -o -name '*.S' -o -name '*.bzl')

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## this text
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | \
		awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

.PHONY: quickstart
quickstart: $(VENV)/.train ## train, convert and run a spotter, in minutes
	$(BIN)/python -m bifsmn_tf.quickstart

.PHONY: test
test: ## every test; what fails keeps none of the rest from running
	@failed=; took=; for part in lint test-native test-python; do \
		began=$$(date +%s); \
		$(MAKE) --no-print-directory $$part || failed="$$failed $$part"; \
		took="$$took $$part $$(($$(date +%s) - began)) s"; \
	done; \
	echo "make test:$$took"; \
	if [ -n "$$failed" ]; then echo "make test: FAILED:$$failed"; exit 1; fi

.PHONY: lint
lint: $(VENV)/.dev ## ruff, types, clang-format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror \
		$(shell find custom_ops tflite_delegate bifsmn_tf -name '*.cc' \
			-o -name '*.h' -o -name '*.c')

.PHONY: test-python
test-python: $(VENV)/.dev ## pytest, on emulated aarch64 too where there is qemu
	$(BIN)/python -m pytest $(PYTEST_OPTIONS)

.PHONY: test-native
test-native: ## the C++ tests under Bazel: x86-64, aarch64, ASan, UBSan
	tools/test_native.sh

PREFIX ?= /usr/local

.PHONY: install-c
install-c: ## the C library, its header and pkg-config file to PREFIX; DESTDIR too
	cmake -S custom_ops -B build/c -DCMAKE_INSTALL_PREFIX=$(PREFIX) \
		-DCMAKE_INSTALL_LIBDIR=lib
	cmake --build build/c --parallel $$(nproc)
	cmake --install build/c

MINUTES ?= 30

.PHONY: fuzz
fuzz: $(VENV)/.dev ## damaged models and graphs under sanitizers: MINUTES, SEED
	PYTHON=$(BIN)/python tools/fuzz.sh $(MINUTES) $(SEED)

.PHONY: format
format: $(VENV)/.dev ## what lint checks, mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i \
		$(shell find custom_ops tflite_delegate bifsmn_tf -name '*.cc' \
			-o -name '*.h' -o -name '*.c')

.PHONY: wheels
wheels: $(VENV)/.dev ## wheels for glibc 2.28 on x86-64 and aarch64, the sdist
	$(BIN)/python tools/wheels.py --dist=dist

.PHONY: docs
docs: $(VENV)/.dev ## the pages as a site, in site/; a warning is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet

.PHONY: install
install: $(VENV)/.train ## the virtual environment that quickstart uses

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' || \
		{ echo "error: TensorFlow 2.17 needs Python 3.10 to 3.12: make PYTHON=python3.11 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "error: no virtual environment: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --upgrade pip

# Whether requirements/ci.txt is of this Python and processor; elsewhere the
# extras in setup.py decide.
define LOCKED
import platform, sys
sys.exit((sys.version_info[:2], platform.machine()) != ((3, 11), "x86_64"))
endef
export LOCKED

$(VENV)/.train: $(BIN)/python $(SOURCES)
	@echo "installing bifsmn_tf with its training stack: some minutes once"
	@$(PIP) install --quiet --editable '.[train]'
	@touch $@

$(VENV)/.dev: $(BIN)/python $(SOURCES) requirements/ci.txt
	@echo "installing bifsmn_tf with its training stack and tools"
	@if $(BIN)/python -c "$$LOCKED"; then \
		$(PIP) install --quiet --require-hashes -r requirements/ci.txt && \
		$(PIP) install --quiet --no-deps --no-build-isolation --editable .; \
	else \
		$(PIP) install --quiet --editable '.[train,dev]'; \
	fi
	@touch $@ $(VENV)/.train

.PHONY: lock
lock: $(BIN)/python ## requirements/ci.txt anew, with hashes, from setup.py
	@$(PIP) install --quiet uv
	$(BIN)/python -m uv pip compile setup.py --extra train --extra dev \
		--python-version 3.11.2 --python-platform x86_64-manylinux_2_36 \
		--generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-annotate --no-header --quiet --output-file requirements/ci.txt

.PHONY: bom
bom: $(VENV)/.train ## the wheel, its bill of materials and licences, in dist/
	@rm -rf dist
	@$(PIP) wheel --quiet --no-deps --wheel-dir dist .
	$(BIN)/python tools/bill_of_materials.py dist/*.whl \
		--json=dist/bom.json --licences=dist/LICENCES.md

.PHONY: web
web: ## the page that spots keywords in a browser, in build/web; needs emscripten
	$(PYTHON) web/build.py
