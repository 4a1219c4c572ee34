# XNet, reproduced. `make help` lists the targets.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup reproduce test test-simulation test-main test-slow lab slides wheelhouse figures bench-labels bench-augmentation bench-calibration bench-thresholds bench-training bench-inference bench-serving book book-pdf web dataset population wide compare robustness seeds confidence release lint audit licences lock clean

# The first Python on the path that TensorFlow can be installed for; or say `make PYTHON=...`.
SUITS := -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	$$p $(SUITS) 2>/dev/null && echo $$p && break; done)
PIP := -m pip --disable-pip-version-check install
RUN := .venv/bin/python
PEERS := $(patsubst %,benchmarks/.venv-%/.installed,imgaug albumentations)
CHROMIUM ?= $(shell for p in chromium chromium-browser google-chrome; do command -v $$p && break; done)
# Figures are redrawn from saved numbers: a small environment without TensorFlow will do.
FIGURES_ENV := $(if $(wildcard .venv/.installed),.venv,.venv-figures)

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-19s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

reproduce: .venv/.installed  ## set up, train the quick network, run all notebooks, compare with the paper
	$(RUN) -m xnet_tf train --profile quick
	$(RUN) -m xnet_study.notebooks --profile quick
	@$(RUN) -m xnet_tf summary --profile quick

setup: .venv/.dev simulation/.venv/.installed  ## set up all that the tests need

# Three processes on two cores: each keeps to one thread, and no core waits for another to end.
ALONE := OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1

test:  ## set up and run the fast tests, the simulation's beside the others
	@$(MAKE) --no-print-directory --jobs 2 test-simulation test-main

# It ends long before the others and only then says what it found: theirs is the last line.
test-simulation: simulation/.venv/.installed
	@found=$$($(ALONE) simulation/.venv/bin/python -m pytest -q simulation/tests 2>&1); \
	status=$$?; echo "$$found"; exit $$status

test-main: .venv/.dev
	$(ALONE) $(RUN) -m pytest -q --numprocesses 2 --dist loadfile --no-loadscope-reorder

test-slow: .venv/.dev book web  ## run the long tests: kills, fuzzing
	$(RUN) -m pytest -q -m slow

lab: .venv/.installed  ## open JupyterLab on copies of the notebooks, in runs/lab (SOLUTIONS=1: solved ones too)
	@mkdir -p runs/lab/notebooks && cp -R docs runs/lab/ && cp -Rn notebooks/. runs/lab/notebooks/
	@# What notebooks link to: tables, figures, what is said of the data, the profiles.
	@cd runs/lab && ln -sfn ../../results ../../figures ../../data ../../xnet_tf .
	@[ -z "$(SOLUTIONS)" ] || $(RUN) -m xnet_study.teaching.solutions --out runs/lab/solutions
	.venv/bin/jupyter lab --notebook-dir=runs/lab

slides: .venv/.slides  ## slides of the notebooks, in build/slides (reveal.js inside, for any browser)
	$(RUN) docs/teaching/slides.py

FOR ?= here
wheelhouse: .venv/.installed  ## packages to install without internet, in dist/wheelhouse (FOR=windows FOR_PYTHON=3.12)
	$(RUN) docs/teaching/wheelhouse.py --system $(FOR) $(if $(FOR_PYTHON),--python $(FOR_PYTHON))

figures: $(FIGURES_ENV)/.installed  ## redraw every figure from results/ (needs no TensorFlow)
	PYTHONPATH=. $(FIGURES_ENV)/bin/python -m xnet_tf figures

bench-labels: .venv/.installed  ## painted masks to label maps: speed (results/bench-labels.csv)
	$(RUN) benchmarks/labels.py

bench-augmentation: .venv/.installed $(PEERS)  ## augmentation against its peers, and what it costs training
	$(RUN) benchmarks/augmentation.py
	$(RUN) benchmarks/augmentation_training.py

bench-calibration: .venv/.installed  ## exact counts against numpy in memory: speed
	$(RUN) benchmarks/calibration.py

bench-thresholds: .venv/.installed  ## curves in one pass against a pass for each threshold: speed
	$(RUN) benchmarks/thresholds.py

bench-training: .venv/.installed  ## a training step against plain Keras layers (some minutes)
	$(RUN) benchmarks/training.py

bench-inference: .venv/.installed  ## one image against model.predict and plain layers; the qualities
	$(RUN) benchmarks/inference.py

bench-serving: .venv/.installed .venv-light/.installed  ## one radiograph from a cold start, with and without TensorFlow
	$(RUN) benchmarks/first_mask.py .venv-light/bin/python

book: .venv-book/.installed  ## the book, in build/book, from the notebooks' outputs as they are
	@rm -rf build/book  # what is no page any more shall not be published
	.venv-book/bin/python -m sphinx -c docs -q --fail-on-warning --keep-going . build/book
	@echo "build/book/index.html"

web: .venv-light/.installed docs/web/node_modules/.installed  ## XNet in the browser, as one file: build/web/xnet.html (needs Node.js)
	.venv-light/bin/python docs/web/model.py build/web
	node docs/web/build.mjs

book-pdf: .venv-book/.installed  ## the whole book as build/xnet-book.pdf (needs Chromium)
	.venv-book/bin/python -m sphinx -c docs -q -b singlehtml . build/book-single
	$(CHROMIUM) --headless --no-sandbox --no-pdf-header-footer --virtual-time-budget=60000 \
		--print-to-pdf=build/xnet-book.pdf "file://$(CURDIR)/build/book-single/docs/index.html"

dataset: simulation/.venv/.installed  ## simulate data/ anew from its seed
	simulation/.venv/bin/python -m simulation dataset --out data

population: simulation/.venv/.installed  ## simulate 600 + 600 more images, in runs/population (simulation/README.md: others by name)
	simulation/.venv/bin/python -m simulation population --out runs/population

wide: .venv/.installed simulation/.venv/.installed  ## make the weights that `segment` uses (hours, resumable)
	# Pictures that are there are kept.
	simulation/.venv/bin/python -m simulation population --half training
	$(RUN) -m xnet_tf train --profile base --data runs/population/training
	$(RUN) -m xnet_tf train --profile fine --data runs/population/training --init runs/base/weights/xnet.npz
	$(RUN) -m xnet_tf train --profile wide --data runs/population/training --init runs/fine/weights/xnet.npz
	$(RUN) -m xnet_tf evaluate --profile wide

compare: .venv/.dev  ## XNet beside other networks and classical methods (hours, resumable)
	$(RUN) -m xnet_tf compare --profile quick --jobs 2
	$(RUN) -m xnet_tf compare --profile quick --tables

robustness: .venv/.installed  ## score the quick run on the population, plain and made strange
	$(RUN) -m xnet_tf robustness --profile quick

seeds: .venv/.installed  ## train the quick profile with other seeds, compare with wide (an hour)
	$(RUN) -m xnet_study.ablations.seeds

confidence: .venv/.installed  ## score the quick run's calibration, certify its thresholds
	$(RUN) -m xnet_tf confidence --profile quick

release: .venv/.installed  ## make the quick run the release: weights, results/, figures/, notebooks
	$(RUN) -m xnet_study.release --profile quick

lint: .venv/.dev  ## check style, and which room imports which
	.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/lint-imports --no-logo

# Both tools are fetched when they are asked for, which is seldom.
audit: .venv/.dev  ## look up the locked packages in the public list of vulnerabilities (asks the net)
	.venv/bin/uvx pip-audit@2.10.1 --strict --disable-pip --requirement requirements.txt

licences: .venv/.dev  ## count the licences of what is installed; fail if one forbids a free use
	.venv/bin/uvx --from pip-licenses==5.5.5 pip-licenses --python .venv/bin/python --from=mixed \
		--summary --order=count --partial-match --fail-on="Affero;GPLv2;GPLv3;GPL-2;GPL-3"

lock: .venv/.dev  ## renew the exact versions of all requirements files
	$(RUN) .ci/lock.py

clean:  ## remove environments and caches, not the runs
	rm -rf .venv .venv-figures .venv-light .venv-book docs/api docs/web/node_modules simulation/.venv benchmarks/.venv-* .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What the notebooks need. TensorFlow's GPU support exists for Linux on x86-64 alone.
.venv/.locked: requirements.txt requirements-cuda.txt requirements-elasticdeform.txt
	@$(call need_python)
	@if [ "$$(uname -sm)" = "Linux x86_64" ] && nvidia-smi > /dev/null 2>&1; then \
		lock=requirements-cuda.txt; what="NVIDIA driver found: TensorFlow with CUDA, several GB"; \
	else \
		lock=requirements.txt; what="no NVIDIA driver found: TensorFlow without CUDA, about 2 GB"; \
	fi; \
	echo "Setting up .venv ($$what; some minutes, once)"; \
	$(PYTHON) -m venv --clear .venv && $(RUN) $(PIP) --no-compile -r $$lock
	@# Headers (300 MB) serve extensions in C++ alone; compileall uses every core, pip one.
	@rm -rf .venv/lib/python*/site-packages/tensorflow/include
	@$(RUN) -m compileall -q -j 0 -x /tests/ .venv/lib || true
	$(RUN) $(PIP) --quiet --no-deps -r requirements-elasticdeform.txt || echo \
	"elasticdeform could not be built: no C compiler? Nothing but its own comparison needs it."
	@touch $@

.venv/.installed: .venv/.locked pyproject.toml
	$(RUN) $(PIP) --quiet --no-deps --editable .
	@touch $@

# Of sphinx-revealjs nothing but the copy of reveal.js is used, so without what it depends on.
.venv/.slides: .venv/.installed requirements-slides.txt
	$(RUN) $(PIP) --quiet --no-deps -r requirements-slides.txt
	@touch $@

# What tests, style and locks need besides. Without dependencies: keras-hub works without some of its.
.venv/.dev: .venv/.slides requirements-dev.txt
	$(RUN) $(PIP) --quiet --no-deps -r requirements-dev.txt
	@touch $@

# Figures and the book do without TensorFlow (docstrings are read with mocks in its place).
.venv-figures/.installed .venv-book/.installed: .venv-%/.installed: requirements-%.txt
	@$(call need_python)
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python $(PIP) --quiet -r $<
	@touch $@

# What whoever only segments installs.
.venv-light/.installed: pyproject.toml
	@$(call need_python)
	$(PYTHON) -m venv --clear .venv-light
	.venv-light/bin/python $(PIP) --quiet --editable .
	@touch $@

docs/web/node_modules/.installed: docs/web/package-lock.json
	npm ci --prefix docs/web --no-audit --no-fund
	@touch $@

# Libraries that augmentation is compared with; imgaug needs a NumPy of its time.
benchmarks/.venv-%/.installed: benchmarks/requirements-%.txt
	@$(call need_python)
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python $(PIP) --quiet --no-deps -r $< || echo \
	"$< could not be installed (imgaug needs Python 3.11); the comparison leaves it out."
	@touch $@

simulation/.venv/.installed: simulation/requirements.txt
	@$(call need_python)
	@echo "Setting up simulation/.venv (about 1 GB; once)"
	$(PYTHON) -m venv simulation/.venv
	simulation/.venv/bin/python $(PIP) --quiet -r simulation/requirements.txt
	@touch $@

define need_python
$(PYTHON) $(SUITS) 2>/dev/null || { echo "Python 3.11, 3.12 or 3.13 with venv is needed" >&2; exit 2; }
endef
