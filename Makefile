# What a developer does, from a clean clone: `make demo`, `make test`. `make help` lists the rest.
# Needed: Swift 6.3+, a Python 3.11+ with headers and venv, make, git. Everything else is
# installed into .venv. Nothing is done twice: what is up to date is left alone.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:

# The first Python that can build and hold an extension; `make PYTHON=…` picks another.
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14; do \
	"$$p" -c "import sys, sysconfig, pathlib, ensurepip; \
	sys.exit(sys.version_info < (3, 11) or not \
	pathlib.Path(sysconfig.get_paths()['include'], 'Python.h').is_file())" \
	2> /dev/null && { echo "$$p"; break; }; done)

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
EXTENSION := python/parpy/_native.abi3.so
SWIFT_SOURCES := Package.swift hatch_build.py $(shell find Sources -type f)
SWIFT_FILES := Package.swift $(wildcard Sources Tests)
PYTHON_FILES := hatch_build.py .ci docs/build_reference.py $(wildcard python benchmarks examples scripts/*)
PIP := $(PY) -m pip --disable-pip-version-check --quiet

# Expanded only in recipes, when .venv is there.
INCLUDE = $(shell $(PY) -c "import sysconfig; print(sysconfig.get_paths()['include'])")
SWIFT_TEST = swift test -Xcc "-I$(INCLUDE)"

# A Mac has a GPU for Metal; elsewhere, GPUs are emulated.
TEST_DEVICES := $(if $(filter Darwin,$(shell uname)),test-metal,test-emulated)

.PHONY: help demo test test-swift test-python test-emulated test-metal lint emulate sanitize fuzz format docs wheel install clean

help:
	@echo "make demo      build, install into .venv, run examples/hello.py"
	@echo "make test      build, install, and every test and style check; on a Mac, on its GPU too"
	@echo "make sanitize  the Swift tests under the thread and the address sanitizer"
	@echo "make emulate   all CUDA and Metal kernels of the tests on the CPU, in the order of a SEED=1"
	@echo "scripts/gpu-test  all that runs on an NVIDIA GPU, with a summary"
	@echo "make fuzz      random programs against plain Python: N=20000 of them, from seed FIRST=1000 on"
	@echo "make format    lay out Swift and Python sources"
	@echo "make docs      writes docs/reference from the docstrings"
	@echo "make wheel     wheel and sdist in dist/, audited and tried in a fresh environment"
	@echo "make clean     remove everything that was built"

# --- Set-up -----------------------------------------------------------------------------------

$(VENV)/.tools: pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or newer with headers and venv was found;" \
	  "on Debian and Ubuntu: apt install python3-dev python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install 'hatchling>=1.27'
	@touch $@

$(EXTENSION): $(VENV)/.tools $(SWIFT_SOURCES)
	$(PY) hatch_build.py
	@touch $@

$(VENV)/.installed: pyproject.toml $(VENV)/.tools | $(EXTENSION)
	$(PIP) install --no-build-isolation --editable '.[dev]'
	@touch $@

install: $(EXTENSION) $(VENV)/.installed

demo: install
	$(PY) examples/hello.py

# --- Tests ------------------------------------------------------------------------------------

# Every part runs, also after one that failed; the last lines count the tests of each runner.
test: install
	@rm -f .build/tests-*.xml
	@status=0; \
	for part in test-swift test-python $(TEST_DEVICES) lint; do \
	  $(MAKE) --no-print-directory $$part || { status=1; echo "make test: $$part FAILED" >&2; }; \
	done; \
	$(PY) .ci/summary.py || status=1; \
	exit $$status

test-swift: install
	$(SWIFT_TEST) --xunit-output .build/tests-swift.xml

test-python: install
	$(PY) -m pytest -q --junitxml .build/tests-pytest.xml

# The kernels of the language tests and of the benchmarks on the CPU: of each table of tests a few here, all with `make emulate`.
SEED ?= 1
EMULATED = PARPY_EMULATOR_SEED=$(SEED) $(PY) -m pytest -q \
	python/tests/gpu python/tests/language python/tests/benchmarks
METAL_TESTS := python/tests/metal python/tests/language python/tests/tutorials python/tests/benchmarks
METAL = PARPY_EMULATOR_SEED=$(SEED) $(PY) -m pytest -q $(METAL_TESTS)

# Of some of these programs the printed text runs too; scripts/gpu-test has all of them. What NVRTC makes of kernels runs of all.
THROUGH = PARPY_EMULATOR_LEVEL=1 $(PY) -m pytest -q --emulate=quick --through
TEXTS := $(addprefix python/tests/language/test_,run_time_lengths.py temporaries.py control_flow.py slices.py)

test-emulated: install
	PARPY_EMULATOR_LEVEL=1 $(EMULATED) --emulate=quick --junitxml .build/tests-emulated.xml || status=1; \
	$(THROUGH)=compile_string --junitxml .build/tests-emulated-text.xml $(TEXTS) || status=1; \
	$(METAL) --emulate-metal=quick --junitxml .build/tests-emulated-metal.xml || status=1; \
	$(THROUGH)=nvrtc --junitxml .build/tests-emulated-nvrtc.xml python/tests/language || status=1; \
	$(THROUGH)=nvcc --junitxml .build/tests-emulated-nvcc.xml $(firstword $(TEXTS)); exit $${status:-$$?}

# The same tests on the GPU of a Mac.
test-metal: install
	$(PY) -m pytest -q --metal=all --junitxml .build/tests-metal.xml $(METAL_TESTS)

emulate: install
	PARPY_EMULATOR_LEVEL=0 $(EMULATED) --emulate=all || status=1; \
	$(METAL) --emulate-metal=all || status=1; \
	PARPY_EMULATOR_LEVEL=1 $(METAL) --emulate-metal=all || status=1; \
	PARPY_EMULATOR_LEVEL=1 $(EMULATED) --emulate=all; exit $${status:-$$?}

lint: install
	swift format lint --strict --parallel --recursive $(SWIFT_FILES)
	$(BIN)/ruff check $(PYTHON_FILES)
	$(BIN)/ruff format --check $(PYTHON_FILES)
	$(BIN)/mypy --strict

sanitize: install
	TSAN_OPTIONS=halt_on_error=1 $(SWIFT_TEST) --sanitize=thread --scratch-path .build-thread
	ASAN_OPTIONS=detect_leaks=0 $(SWIFT_TEST) --sanitize=address --scratch-path .build-address

# Findings, made small, are written to .build/fuzz; EMULATE=--emulate runs the programs on CUDA, EMULATE=--metal on Metal.
N ?= 1000
FIRST ?= 1000
EMULATE ?=
fuzz: install
	$(PY) python/tests/fuzz $(N) --first $(FIRST) $(EMULATE) || status=1; \
	$(PY) python/tests/fuzz $(N) --first $(FIRST) --wrong; exit $${status:-$$?}

format: install
	swift format format --in-place --parallel --recursive $(SWIFT_FILES)
	$(BIN)/ruff check --fix $(PYTHON_FILES)
	$(BIN)/ruff format $(PYTHON_FILES)

docs: install
	$(PY) docs/build_reference.py

# --- Release ----------------------------------------------------------------------------------

# The wheel is tried as a user gets it: a fresh environment, and a PATH without Swift.
wheel: install
	rm -rf dist .build/fresh
	$(BIN)/hatchling build -d dist
	$(PY) .ci/audit_wheel.py dist/parpy-*.whl
	$(PYTHON) -m venv .build/fresh
	.build/fresh/bin/python -m pip --disable-pip-version-check --quiet install dist/parpy-*.whl
	cd .build/fresh && env PATH="$$PWD/bin" bin/python ../../examples/hello.py

clean:
	rm -rf .build .build-thread .build-address $(VENV) dist $(EXTENSION)
	rm -rf .mypy_cache .ruff_cache .pytest_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
