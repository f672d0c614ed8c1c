# make lab | test | book | serve | record | verify | clean
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install -q -c constraints.txt

.PHONY: lab test book pdf serve record verify format bench newest clean
.DEFAULT_GOAL := lab

lab: .venv/.learn  ## open lesson 01 in JupyterLab, on your own copies in work/
	@$(BIN)/course lab

test: .venv/.test  ## lint, unit tests, lessons, book and browser
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest -n 2 --dist loadgroup --cov --cov-report=term:skip-covered --cov-fail-under=90

book: .venv/.book  ## build the book into _build/html
	@$(BIN)/course book

pdf: .venv/.pdf  ## the book as a PDF and as a zip file, beside _build/html (needs Chromium)
	@$(BIN)/course book --zip --pdf

serve: book  ## read the book at an address of this machine
	@$(BIN)/course serve

record: .venv/.test  ## run all lessons with their solutions and keep what they show
	@$(BIN)/course record

verify: .venv/.test  ## prove that lessons, solutions and recorded outputs agree
	@$(BIN)/course verify

format: .venv/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/.test  ## measure side by side, into _build/bench/table.md (some tools get environments of their own)
	@$(BIN)/python benchmarks/run.py

newest:  ## pin the newest releases that resolve together instead of those in constraints.txt
	@$(PYTHON) -m venv .venv-newest
	@.venv-newest/bin/python -m pip --disable-pip-version-check install -q -e '.[test]'
	@.venv-newest/bin/python -m pip freeze --exclude-editable > constraints.txt
	@rm -rf .venv-newest

clean:  ## remove what was built; your answers in work/ stay
	rm -rf _build .venv .pytest_cache .ruff_cache .coverage

.venv/.python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else f"This course needs Python 3.11 or newer, and {sys.executable} is {sys.version.split()[0]}: say make PYTHON=/path/to/python3.11")'
	@echo "Making an environment of its own in .venv"
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/.learn: .venv/.python pyproject.toml constraints.txt
	@echo "Installing the course and what it needs into .venv (some minutes, once)"
	@$(PIP) -e '.[lessons,grading]'
	@touch $@

.venv/.book: .venv/.learn
	@echo "Installing what builds the book"
	@$(PIP) -e '.[grading,book]'
	@touch $@

.venv/.pdf: .venv/.book
	@echo "Installing what prints the book"
	@$(PIP) -e '.[grading,pdf]'
	@touch $@

.venv/.test: .venv/.book
	@echo "Installing the test tools"
	@$(PIP) -e '.[test]'
	@touch $@
