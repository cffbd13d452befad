# Two commands on a fresh machine: `make run` and `make test`. Everything else is an option.
PYTHON ?= python3
BIN := .venv/bin
RUN_FLAGS ?=

.PHONY: setup run test test-slow lint bench bundle clean

setup: .venv/.setup-done

.venv/.setup-done: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "synth needs python >= 3.11; set PYTHON=python3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

run: setup
	$(BIN)/synth run pipelines/tooluse.yaml $(RUN_FLAGS)

test: setup
	$(BIN)/python -m pytest -m "not slow" -n 2 -q

test-slow: setup
	$(BIN)/python -m pytest -m slow -q

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup
	$(BIN)/python -m pytest -q benchmarks/bench_*.py --benchmark-only

# The bundled model anew, into runs/bundle-*: hours on two cores for the data, minutes on a GPU for the training.
bundle: setup
	$(BIN)/synth run pipelines/bundle.yaml
	$(BIN)/python -m model_core.feeding pack runs/bundle/sft --out runs/bundle-packed
	$(BIN)/python -m model_core.feeding train runs/bundle-packed pipelines/bundle.json --out runs/bundle-training
	$(BIN)/python -m model_core.feeding pack runs/bundle/sft --tokenizer runs/bundle-packed \
		--declarations compact_id_last --longest 6144 --out runs/bundle-packed-long
	$(BIN)/python -m model_core.feeding train runs/bundle-packed-long pipelines/bundle_lookups.json \
		--init runs/bundle-training/model --out runs/bundle-lookups
	$(BIN)/python -m model_core.feeding ship runs/bundle-lookups/model runs/bundle-packed-long --out runs/bundle-model
	$(BIN)/synth eval runs/bundle --model runs/bundle-model --out runs/bundle-eval.json

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
