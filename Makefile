# Two commands are enough on a fresh machine: `make demo` and `make test`. Each makes .venv and installs from the lock.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
# Spinning OpenMP threads ruin timings on small machines.
export OMP_WAIT_POLICY := PASSIVE
# The lock binds what is installed and what builds it.
PIP := PIP_CONSTRAINT=requirements.lock PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet

DATA ?=
# Where the real images lie that detection is measured on.
IMAGES ?= $(or $(INSPECT_TEST_DATA),../shared/data)
# Your own data gets a workspace of its own: what it is taught must not mix with the solar cells.
OUT ?= build/demo$(if $(DATA),-$(notdir $(abspath $(DATA))))
WORKSPACE ?= $(OUT)/workspace
# Test processes side by side.
WORKERS ?= 2

.PHONY: demo test check format bench lock clean help

help:
	@echo "make demo [DATA=dir] [OUT=dir]   the whole loop on real images, ends with a report"
	@echo "make test                        all tests"
	@echo "make check                       format, lint, types, layers"
	@echo "make bench                       demo, promise, ingest, detection: what the pages say, into benchmarks/results (an hour)"

demo: $(VENV)/.demo
	$(BIN)/inspect-pipeline --workspace $(WORKSPACE) demo --out $(OUT) $(if $(DATA),--data "$(DATA)")

# One thread a worker: two workers with two spinning threads each are slower than one.
test: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks.demo_time --out benchmarks/results/demo_time.json
	$(BIN)/python -m benchmarks.promise_kept --out benchmarks/results/promise_kept.json
	$(BIN)/python -m benchmarks.ingest_rate --out benchmarks/results/ingest_rate.json
	$(BIN)/python -m benchmarks.killed_ingest --out benchmarks/results/killed_ingest.json
	$(BIN)/python -m benchmarks.fuzz_files --out benchmarks/results/fuzz_files.json
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.detect $(addprefix $(IMAGES)/,kolektor_sdd bsdata ac_piston) --curve-shots 1 3 5 \
		--out benchmarks/results/detect.json
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.detect $(addprefix $(IMAGES)/,kolektor_sdd ac_piston) \
		--normality memory_bank --out benchmarks/results/detect_memory_bank.json
	$(BIN)/python -m benchmarks.teach --out benchmarks/results/teach.json
	$(BIN)/python -m benchmarks.region_typing $(IMAGES) --materials mvtec_bottle aluminium_sheet ac_piston \
		--history neu_det mvtec_bottle leather fabric_woven_crops --out benchmarks/results/region_typing.json
	$(BIN)/python -m benchmarks.numbers

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 is needed; install it, or give PYTHON=/path/to/python3.11"; exit 2; }
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' || \
		{ echo "$(PYTHON) is $$($(PYTHON) --version); Python 3.11 or 3.12 is needed: give PYTHON=/path/to/python3.11"; exit 2; }
	"$(PYTHON)" -m venv $(VENV)

$(VENV)/.demo: $(BIN)/python pyproject.toml requirements.lock
	@echo "installing from requirements.lock (a few minutes the first time)"
	$(PIP) -e ".[demo]"
	@$(MAKE) --no-print-directory opencv-without-screen
	@touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml requirements.lock
	@echo "installing from requirements.lock (a few minutes the first time)"
	$(PIP) -e ".[demo,postgres,cameras,s3,runtimes,dev]"
	@$(MAKE) --no-print-directory opencv-without-screen
	@touch $@ $(VENV)/.demo

# opencv-python needs libGL, which a bare server lacks; the headless build of the same version has the same cv2.
.PHONY: opencv-without-screen
opencv-without-screen:
	@$(BIN)/python -c 'import cv2' 2>/dev/null || { \
		echo "no libGL on this machine: putting the headless build of the same OpenCV in its place"; \
		PIP_CONSTRAINT= $(BIN)/python -m pip install --quiet --no-deps --force-reinstall \
			"opencv-python-headless==$$(sed -n 's/^opencv-python==//p' requirements.lock)"; \
		$(BIN)/python -c 'import cv2'; }

lock: $(VENV)/.dev
	{ sed -n 1p requirements.lock; $(BIN)/python -m pip freeze --all --exclude-editable | grep -vE '^(pip|wheel)=='; } > requirements.lock.new
	mv requirements.lock.new requirements.lock

clean:
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
