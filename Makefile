# `make` lists the targets. Each installs what it needs into $(VENV), on a fresh machine too.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
FIGURES ?= runs/figures
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help rank test docs figures torch lint build clean

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

rank: $(VENV)/.ready ## Rank the bundled zoo on the bundled digits; installs the core alone.
	$(BIN)/lead-rank

test: $(VENV)/.ready-dev ## Run the tests; installs everything but torch.
	$(BIN)/python -m pytest -n 2 --dist=worksteal

docs: $(VENV)/.ready-dev ## Build the documentation; warnings are errors.
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html

figures: $(VENV)/.ready-all ## Measure and draw the papers' figures, and ours, into FIGURES.
	$(BIN)/lead-finetune --learning_rates=0.001 --seeds=3 --out=runs/figures_finetune
	$(BIN)/python -m experiments.figures --finetuned=runs/figures_finetune --out=$(FIGURES)

torch: $(VENV)/.ready-torch ## Add torch, torchvision and timm, for the tests against them.

lint: $(VENV)/.ready-dev ## Check style and types.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

build: $(VENV)/.ready-build ## Build the sdist and the wheel into dist/.
	$(BIN)/python -m build

clean: ## Remove the virtual environment and what was built.
	rm -rf $(VENV) build dist *.egg-info

# Stamps, one for each set of packages; each is made last, so an interrupted installation is
# done again. What they say of each other: .ready (core) < .ready-all < .ready-dev.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "lead_jax needs Python 3.11 to 3.13; name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	touch $@

# Only what pyproject.toml calls a dependency, at the versions of requirements.txt.
$(VENV)/.ready: $(VENV)/.made pyproject.toml setup.py requirements.txt
	$(PIP) --constraint requirements.txt --editable .
	touch $@

$(VENV)/.ready-all: $(VENV)/.ready requirements.txt
	$(PIP) -r requirements.txt
	touch $@

$(VENV)/.ready-dev: $(VENV)/.ready-all requirements-dev.txt
	$(PIP) -r requirements-dev.txt
	touch $@

$(VENV)/.ready-torch: $(VENV)/.ready requirements-torch.txt
	$(PIP) -r requirements-torch.txt
	touch $@

$(VENV)/.ready-build: $(VENV)/.made requirements-dev.txt
	$(PIP) --constraint requirements-dev.txt build
	touch $@
