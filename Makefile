# make rank: rank the bundled zoo on the bundled data.  make test: run the tests.
# make docs: build the documentation, warnings are errors.  make figures: measure and draw
# the figures of the papers, and further ones, on the bundled digits zoo, into FIGURES.
# make torch: add torch, torchvision and timm, so that the tests against them run too.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
FIGURES ?= runs/figures

.PHONY: rank test docs figures torch lint clean

rank: $(VENV)/.ready
	$(BIN)/lead-rank

test: $(VENV)/.ready-dev
	$(BIN)/python -m pytest -n 2 --dist=worksteal

docs: $(VENV)/.ready-dev
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html

figures: $(VENV)/.ready
	$(BIN)/python -m experiments.finetune --learning_rates=.001 --seeds=3 --out=runs/figures_finetune
	$(BIN)/python -m experiments.figures --finetuned=runs/figures_finetune --out=$(FIGURES)

torch: $(VENV)/.ready-torch

lint: $(VENV)/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV)

# The stamps are made last, so an interrupted installation is done again.
$(VENV)/.ready: requirements.txt setup.py
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "lead_jax needs Python 3.11 to 3.13; name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

$(VENV)/.ready-dev: $(VENV)/.ready requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

$(VENV)/.ready-torch: $(VENV)/.ready requirements-torch.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-torch.txt
	touch $@
