PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := build/demo
THREADS := $(shell $(PYTHON) -c 'import os; print(os.cpu_count())')

.PHONY: help install demo browser test test-fast test-slow test-floors test-newest coverage mutation lint types format build clean

help:  ## show the verbs
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(VENV)/installed  ## make .venv with the tested versions

$(VENV)/installed: setup.cfg pyproject.toml requirements.txt requirements-dev.txt requirements-demo.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet -r requirements-dev.txt
	$(BIN)/pip install --quiet --no-deps --require-hashes -r requirements-demo.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

demo: install  ## cluster 2,000 newsgroup posts, from nothing but this checkout
	rm -rf $(DEMO)
	$(BIN)/python demo/prepare.py $(DEMO)
	HF_HUB_OFFLINE=1 $(BIN)/accelerate launch --quiet --num_processes 1 --num_machines 1 --mixed_precision no \
		--dynamo_backend no --num_cpu_threads_per_process $(THREADS) \
		run_clustering.py --model_name_or_path $(DEMO)/encoder --train_file $(DEMO)/posts.csv --label_column group \
		--num_clusters 8 --max_seq_length 64 --num_train_epochs 1 --do_train --output_dir $(DEMO)/output

# Both parts run as many tests at once as there are cores; the slow ones of a file, one after another.
FAST := -n auto -m "not slow and not browser"
SLOW := -n auto --dist loadfile -m "slow or browser"

test: install browser  ## run the whole suite
	$(BIN)/python -m pytest $(FAST)
	$(BIN)/python -m pytest $(SLOW)

browser:  ## install the browser that tests open the report in, as root
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null || { [ "$$(id -u)" = 0 ] \
		&& apt-get update -qq && apt-get install -y -qq chromium chromium-driver; } || { \
		echo 'The tests need a browser: sudo apt-get install chromium chromium-driver' >&2; exit 1; }

test-fast: install  ## run what needs no launcher, no browser and no real encoder
	$(BIN)/python -m pytest $(FAST)

coverage: install browser  ## run the whole suite, and show which lines it does not reach
	$(BIN)/python -m pytest $(FAST) --cov --cov-report=
	$(BIN)/python -m pytest $(SLOW) --cov --cov-append --cov-report=term

mutation: install  ## plant faults in the core one at a time, and show those that no test notices
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python tests/mutation.py

test-slow: install  ## kill 20 runs and read over 1,000 hostile files, which takes some minutes
	THOROUGH=1 $(BIN)/python -m pytest tests/test_killed.py tests/texts/test_hostile.py

test-floors: build/floors/requirements.txt  ## run test-fast with the oldest versions that setup.cfg allows
	$(call test_versions,floors)

test-newest: build/newest/requirements.txt  ## run test-fast with the newest versions of all but torch
	$(call test_versions,newest)

build/floors/requirements.txt build/newest/requirements.txt: setup.cfg requirements.txt requirements-dev.txt
	$(PYTHON) -m venv $(@D)
	$(PYTHON) tests/versions.py $(@D:build/%=%) > $@

define test_versions
	build/$(1)/bin/pip install --quiet --upgrade pip
	build/$(1)/bin/pip install --quiet --upgrade --upgrade-strategy eager -r build/$(1)/requirements.txt
	build/$(1)/bin/pip install --quiet --no-deps --no-build-isolation --editable .
	build/$(1)/bin/python -m pytest $(FAST)
endef

lint: install types  ## check style, form and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install build/types/bert_clustering  ## check types
	$(BIN)/mypy

# The package by its name, which that of this folder need not be.
build/types/bert_clustering:
	mkdir -p $(@D)
	ln -s ../.. $@

format: install  ## mend style and form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

build: install  ## build the package into dist, and check what an index would show
	rm -rf dist
	$(BIN)/python -m build --no-isolation
	$(BIN)/twine check --strict dist/*

clean:  ## remove what the verbs made
	rm -rf $(VENV) build dist *.egg-info .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache
