# SPDX-License-Identifier: GPL-3.0-or-later
# make demo, make test: each does its own set-up.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed

# The systems the capture solves are small: BLAS threads only get in each other's way (3-4x slower).
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: setup demo samples bench-ik bench-fit bench-subject train-gpu test test-pure test-bpy test-worker test-zip test-matrix lint zip clean

setup: $(STAMP)

$(STAMP): pyproject.toml scripts/setup.sh
	@bash scripts/setup.sh "$(PYTHON)" "$(VENV)"
	@touch $(STAMP)

demo: setup
	$(PY) -m samples.demo --output out/demo

samples: setup
	$(PY) -m samples --output samples/content

bench-ik: setup
	$(PY) -m pip install -q --disable-pip-version-check -e ".[benchmarks]"
	$(PY) -m benchmarks.ik --out out/benchmarks/ik

bench-fit: setup
	$(PY) -m benchmarks.fit --out out/benchmarks/fit

# A bundle to train with on another machine, one with a GPU; BACKGROUNDS names a folder of pictures and videos.
train-gpu: setup
	$(PY) -m training bundle --out out/training.tar.gz $(if $(BACKGROUNDS),--backgrounds "$(BACKGROUNDS)")

bench-subject: setup
	$(PY) -m benchmarks.subject --rivals --out out/benchmarks/subject

lint: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

test: setup
	$(PY) -m pytest

test-matrix: setup
	bash scripts/test_matrix.sh

zip: setup
	$(PY) scripts/build_zip.py --output dist

clean:
	rm -rf out dist .pytest_cache .mypy_cache .ruff_cache
