# Everything that people and machines do with a checkout. Needs make and Python 3.11 or later, nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test bench lint clean

help: ## Print this.
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' Makefile | while IFS='	' read -r name what; do printf '  make %-6s %s\n' "$$name" "$$what"; done

demo: $(VENV)/installed ## Replay 1,797 handwritten digits, with a control; writes out/digits.html. Two minutes.
	@mkdir -p out
	$(BIN)/whorl replay examples/digits --wrong 0.01 --report out/digits.html

test: lint ## Everything that must hold before a change goes in: lint, types, tests. Under ten minutes.
	$(BIN)/python -m pytest -n auto --durations=15

lint: $(VENV)/installed-dev ## Style and types only.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: $(VENV)/installed-dev ## The figures that README and docs quote.
	for bench in bench/*.py; do echo "== $$bench"; $(BIN)/python "$$bench" || exit 1; done

clean: ## Remove what the other targets made.
	rm -rf $(VENV) out build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: installed again only after pyproject.toml has changed.
$(VENV)/installed: pyproject.toml | $(VENV)/made
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/installed-dev: pyproject.toml | $(VENV)/made
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/installed

$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'Whorl needs Python 3.11 or later, and $(PYTHON) is not. Name another: make PYTHON=python3.12' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@
