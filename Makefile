# Each target makes the .venv that it needs; nothing else has to be installed beforehand but Python.
PYTHON ?= python3
BIN := .venv/bin
NEUTRAL := $(addprefix tests/zoo/, layers regularizers augmentation test_losses.py \
	training/test_train_transform.py training/test_sharpness_aware.py \
	linting/test_call_rules.py linting/test_decay_rules.py)
# Callbacks in the graph of a step: a few tests of each, because JAX compiles each model again.
IN_THE_STEP := $(addprefix tests/callbacks/, averaging ledger probes sparsity stopping strengths \
	test_variables.py tensorboard/test_epoch_scalars.py)

# On newer processors TensorFlow computes through oneDNN, in another order and with other bugs.
# `make test` covers both ways on any processor: convolutions, exports and what has to be equal to
# the bit run with oneDNN, the rest runs without it, and BOTH_WAYS runs with and without it.
# `make test TF_ENABLE_ONEDNN_OPTS=0` (or 1) runs every test that one way.
WITH_ONEDNN := $(addprefix tests/, exports zoo/layers zoo/models zoo/surgery callbacks/averaging \
	callbacks/test_backup_and_restore.py callbacks/test_variables.py)
BOTH_WAYS := $(addprefix tests/, exports/test_inference.py exports/gates \
	exports/signatures/test_uncertainty.py zoo/layers/test_stochastic_depth.py \
	callbacks/averaging/test_batch_norm_statistics.py)
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile

# Tests that could differ on a GPU: steps compiled by XLA, half precision, callbacks in the graph.
ON_GPU := tests/test_gpu.py $(addprefix tests/, callbacks/ledger/test_loss_ledger.py \
	callbacks/sparsity/test_proximal_penalty.py callbacks/averaging/test_weight_average.py \
	callbacks/strengths/test_schedule.py zoo/training/test_sharpness_aware.py \
	zoo/layers/test_residual_branch.py exports/test_export.py)

.PHONY: demo test test-all test-gpu test-jax bench methods suite results lab screenshots lint wheel clean

demo: .venv/.run            ## load, train, tune, export, serve on the embedded data; ends with a table
	$(BIN)/occam demo --directory demo

test: .venv/.test           ## all tests except the exhaustive ones; warnings are errors
ifdef TF_ENABLE_ONEDNN_OPTS
	TF_ENABLE_ONEDNN_OPTS=$(TF_ENABLE_ONEDNN_OPTS) $(PYTEST) -m "not exhaustive" tests
else
	TF_ENABLE_ONEDNN_OPTS=1 $(PYTEST) -m "not exhaustive" $(WITH_ONEDNN)
	TF_ENABLE_ONEDNN_OPTS=0 $(PYTEST) -m "not exhaustive" tests $(addprefix --ignore=, $(WITH_ONEDNN))
	TF_ENABLE_ONEDNN_OPTS=0 $(PYTEST) -m "not exhaustive" $(BOTH_WAYS)
endif

test-all: .venv/.test       ## all tests
	$(PYTEST) tests

test-gpu:                   ## tests that could differ on a GPU; one line if there is none
ifeq ($(shell nvidia-smi -L 2> /dev/null),)
	@echo "test-gpu: skipped, since nvidia-smi finds no GPU on this machine"
else
	$(MAKE) .venv/.gpu
	TF_FORCE_GPU_ALLOW_GROWTH=true $(BIN)/python -m pytest -m "not exhaustive" $(ON_GPU) \
		-k "test_gpu or mixed or half or xla or precision or steps or traces_nothing or lasso \
		or mnist1d or how_steps or skips or served"
endif

# XLA compiles inception_time for a minute, and all its layers are also in resnet1d.
test-jax: .venv/.jax        ## backend-neutral code on JAX
	KERAS_BACKEND=jax $(BIN)/python -m pytest -n 2 --dist loadfile $(NEUTRAL) \
		tests/benchmarks/test_stacked.py
	KERAS_BACKEND=jax $(BIN)/python -m pytest -n 2 tests/zoo/models/test_registry.py \
		-k "(gradient_reaches or inference_ignores) and not inception"
	KERAS_BACKEND=jax $(BIN)/python -m pytest -n 2 $(IN_THE_STEP) -k "mnist1d_proves or traces_nothing \
		or lasso or ema_by_hand or swa_is or linear_model_by_hand or a_round_quadratic or come_back \
		or comes_back or does_not_reach or followed"

bench: .venv/.test          ## the measured ratios of benchmarks/
	$(BIN)/python -m benchmarks.epoch
	$(BIN)/python -m benchmarks.stochastic_depth
	$(BIN)/python -m benchmarks.sam
	$(BIN)/python -m benchmarks.augmentation
	$(BIN)/python -m benchmarks.surgery
	$(BIN)/python -m benchmarks.callbacks
	$(BIN)/python -m benchmarks.exports
	$(BIN)/python -m benchmarks.costs

methods: .venv/.test        ## measure each method alone for docs/methods.md; an hour on 2 cores
	$(BIN)/python -m benchmarks.methods

suite: .venv/.suite        ## train on public data, as far as it is missing, and write docs/suite.md
	$(BIN)/python -m benchmarks.suite run
	$(BIN)/python -m benchmarks.suite report

results: .venv/.suite      ## each method alone, together and tuned: docs/results.md and the README
	$(BIN)/python -m benchmarks.results

lab: .venv/.test            ## run the experiments of the laboratory, and write docs/lab.md
	$(BIN)/occam lab run all --directory docs/images/lab --page docs/lab.md

screenshots: .venv/.test    ## TensorBoard's dashboards, into docs/images/tensorboard; needs chromium
	$(BIN)/python -m docs.screenshots

lint: .venv/.dev .venv/.jax            ## ruff and pyright
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright

wheel: .venv/.dev           ## build the wheel and try it outside the checkout
	$(BIN)/python .ci/check_wheel.py

clean:
	rm -rf .venv build dist *.egg-info

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.run: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/.test: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@

.venv/.suite: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[test,data]'
	touch $@

.venv/.jax: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[test,jax]'
	touch $@

.venv/.gpu: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[test,gpu]'
	touch $@

.venv/.dev: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@
