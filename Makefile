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

# The bundled model anew, into runs/bundle-*: hours on two cores for the data, minutes on a GPU for the training. A small
# one, which shows that the steps fit together: make bundle BUNDLE_RUN="--set ..." BUNDLE_TRAIN="--set steps=2 ..."
# Without a GPU the last phase alone is a matter of an hour or two: docs/bundled.md says how to give it all cores.
BUNDLE_RUN ?=
BUNDLE_TRAIN ?=
FEEDING = $(BIN)/python -m model_core.feeding
bundle: setup
	$(BIN)/synth run pipelines/bundle.yaml $(BUNDLE_RUN)
	for run in bundle2 bundle3; do mkdir -p runs/$$run && cp -rn runs/bundle/worlds runs/bundle/tools runs/bundle/dropped runs/$$run/ && \
		$(BIN)/synth run pipelines/$$run.yaml $(BUNDLE_RUN) || exit $$?; done
	$(FEEDING) pack runs/bundle/sft --out runs/bundle-packed
	$(FEEDING) train runs/bundle-packed pipelines/bundle.json --out runs/bundle-first $(BUNDLE_TRAIN)
	$(FEEDING) pack runs/bundle/sft runs/bundle2/sft runs/bundle2/sft --tokenizer runs/bundle-packed \
		--declarations compact_id_last --longest 6144 --out runs/bundle-packed-long
	$(FEEDING) train runs/bundle-packed-long pipelines/bundle_lookups.json \
		--init runs/bundle-first/model --out runs/bundle-second $(BUNDLE_TRAIN)
	$(FEEDING) pack runs/bundle3/sft --tokenizer runs/bundle-packed \
		--declarations compact_id_last --longest 1800 --out runs/bundle-packed-words
	$(FEEDING) train runs/bundle-packed-words pipelines/bundle_words.json \
		--init runs/bundle-second/model --out runs/bundle-third $(BUNDLE_TRAIN)
	$(FEEDING) ship runs/bundle-third/model runs/bundle-packed-long --out runs/bundle-model
	$(BIN)/synth eval runs/bundle2 --model runs/bundle-model --out runs/bundle-eval.json

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
