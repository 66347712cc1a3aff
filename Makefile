# Everything a newcomer types. `make help` lists it.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.ready
JOBS   ?= 2
SEEDS  ?= 2000
SEED   ?= 1

.PHONY: help demo test check crash monkey seeds simulate night fresh mutants screenshots model drift format bench clean clean-demo

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $(STAMP)

demo: $(STAMP) ## move three waves of incidents from a rehearsal ServiceNow to a rehearsal Jira
	@$(BIN)/cutover demo

test: $(STAMP) ## all tests
	$(BIN)/python -m pytest -n $(JOBS)

check: $(STAMP) ## format, lint, types, import contracts, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n $(JOBS)

crash: $(STAMP) ## kill -9 at every durable point, one night each (minutes)
	CUTOVER_FULL=1 $(BIN)/python -m pytest -n $(JOBS) tests/proof tests/cockpit/test_start.py

monkey: $(STAMP) ## 10,000 random keys at random moments of a run (minutes)
	CUTOVER_FULL=1 $(BIN)/python -m pytest --timeout 1800 tests/cockpit/test_cockpit_monkey.py

screenshots: $(STAMP) ## every screen of the cockpit, as pictures in docs/screenshots
	$(BIN)/python docs/take_screenshots.py

seeds: $(STAMP) ## 500 small waves rolled back through faults, edits and kills (minutes)
	CUTOVER_FULL=1 $(BIN)/python -m pytest -n $(JOBS) tests/engine/test_rollback_seeds.py

model: $(STAMP) ## every state of small waves, and 300 real ones held against the model (minutes)
	CUTOVER_FULL=1 $(BIN)/python -m pytest -s --timeout 3000 tests/model

drift: $(STAMP) ## 200 corruptions of the target and 1,000 clean waves with users writing, for both comparisons (minutes)
	CUTOVER_FULL=1 $(BIN)/python -m pytest -s tests/engine/test_reconcile_figures.py tests/engine/test_verifier.py

simulate: $(STAMP) ## SEEDS=2000 bad nights on a simulated clock; `FIRST=` a seed to begin with (minutes)
	$(BIN)/python -m tests.simulation --seeds $(SEEDS) --jobs $(JOBS) $(if $(FIRST),--first $(FIRST)) $(if $(PUBLISH),--publish)

night: $(STAMP) ## SEED=n told as a story; `MINIMISE=1` with as few faults as still break it
	$(BIN)/python -m tests.simulation --seed $(SEED) $(if $(MINIMISE),--minimise)

fresh: $(STAMP) ## nights that no earlier commit has seen, for 40 s; each is printed with its seed when it fails
	$(BIN)/python -m tests.simulation --after "$$(git rev-parse HEAD 2>/dev/null || date +%F)" --seconds 40 --jobs $(JOBS)

mutants: $(STAMP) ## break the product on purpose, one break at a time: do the tests notice? (half an hour)
	$(BIN)/python -m tests.mutation

format: $(STAMP) ## put the code in its format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP) ## the figures, printed side by side
	$(BIN)/python -m tests.bench

clean-demo: ## forget the demo's migration and its rehearsal systems
	@if [ -d demo ]; then $(BIN)/cutover demo --reset; fi

clean: clean-demo ## remove everything that make made
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
