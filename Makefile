# Needs only Python 3.11+ and make; everything else lands in .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
TORCH  := 2.13.0
PIP_FLAGS ?= -q
EXTRAS ?= dev,lowmem,film,train,ingest,eval,cluster,slurm
# One more than there are cores: many tests wait for processes of their own.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')
CPU_INDEX := https://download.pytorch.org/whl/cpu

.DEFAULT_GOAL := help
.PHONY: help setup film test test-gpu test-benchmarks check soak dist install-test mutants fix bench clean

help: ## List these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

setup: $(READY) ## Install holocine and its tools into .venv, pinned

# torch first and alone: a machine without an NVIDIA GPU gets the CPU build (from the package sources
# it is set up with, else from PyTorch's own), and nothing later may replace it.
$(READY): pyproject.toml requirements.lock
	$(PYTHON) -c 'import sys; sys.exit("holocine needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@if $(BIN)/python -c 'import torch, sys; sys.exit(not torch.__version__.startswith("$(TORCH)"))' 2>/dev/null; then \
	  echo "torch $(TORCH) is there"; \
	elif command -v nvidia-smi >/dev/null 2>&1; then \
	  $(BIN)/pip install $(PIP_FLAGS) torch==$(TORCH); \
	else \
	  $(BIN)/pip install $(PIP_FLAGS) torch==$(TORCH)+cpu 2>/dev/null \
	  || $(BIN)/pip install $(PIP_FLAGS) torch==$(TORCH)+cpu --extra-index-url $(CPU_INDEX) \
	  || { echo "no CPU build of torch $(TORCH) is offered: installing the default one, which on Linux brings CUDA"; \
	       $(BIN)/pip install $(PIP_FLAGS) torch==$(TORCH); }; \
	fi
	$(BIN)/pip install $(PIP_FLAGS) -c requirements.lock -e '.[$(EXTRAS)]'
# diffusers imports torchao wherever it is: only the tests that are about it see it.
	$(BIN)/pip install $(PIP_FLAGS) --no-deps --upgrade -c requirements.lock --target $(VENV)/beside torchao
	touch $@

film: $(READY) ## Render an example film (films/lighthouse.mp4) and its storyboard
	$(BIN)/holocine render screenplays/lighthouse.yaml --out-dir films --storyboard

test: $(READY) ## Run the fast tests: the whole pipeline, three minutes on two cores
	$(BIN)/python -m pytest -n auto -m "not gpu and not slow"

test-gpu: $(READY) ## Run the tests that need a CUDA device
	$(BIN)/python -m pytest -m gpu

check: $(READY) ## Lint, format, types, generated files, then all tests: a quarter of an hour on two cores
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
# The types use one core: beside the tests, some of which wait for processes of their own.
	$(MAKE) --jobs 2 check-types check-tests

.PHONY: check-types check-tests
check-types: $(READY)
	$(BIN)/mypy

check-tests: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

test-benchmarks: $(READY) ## Run every benchmark in small (a check runs a sixth of them): ten minutes
	EVERY_BENCHMARK=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal tests/test_benchmarks.py

soak: $(READY) ## The long proofs: kills, fuzz; writes docs/soak.md anew. Hours
	$(BIN)/python -m benchmarks.soak

dist: $(READY) ## Build sdist and wheel into dist/, and film with the wheel from an empty folder
	rm -rf dist
	$(BIN)/python -m build --no-isolation
	$(BIN)/python -m tests.wheel dist

install-test: $(READY) ## Run README's pipx and uv lines in scratch environments, and film. Minutes, 4 GB
	$(BIN)/python -m tests.install

mutants: $(READY) ## Plant some small faults: does a test catch each? Minutes
	$(BIN)/python -m tests.mutants

fix: $(READY) ## Repair lint and format where a tool can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## Run the benchmarks that a CPU can run
	$(BIN)/python -m benchmarks.speed --images docs/images
	$(BIN)/python -m benchmarks.golden
	$(BIN)/python -m benchmarks.startup
	$(BIN)/python -m benchmarks.memory
	$(BIN)/python -m benchmarks.masters
	$(BIN)/python -m benchmarks.placements
	$(BIN)/python -m benchmarks.kernels
	$(BIN)/python -m benchmarks.trials
	$(BIN)/python -m benchmarks.film
	$(BIN)/python -m benchmarks.sharing --spinning
	$(BIN)/python -m benchmarks.training
	$(BIN)/python -m benchmarks.upscale
	$(BIN)/python -m benchmarks.drawing

clean: ## Remove the environment and caches (films and work folders stay)
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
