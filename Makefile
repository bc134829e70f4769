# Every target works on a fresh machine: what it needs, it makes first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SEEDS ?= 2000
MINUTES ?= 10
STARTS ?= 200000
PROGRAMS ?= 1000
PORT ?= 9092

.PHONY: help venv demo test check unit kafka bench bench-loop bench-growth bench-recovery simulate mutants programs scenarios chaos chaos-banks flood docs clean
.DEFAULT_GOAL := help

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

$(VENV)/.demo: pyproject.toml constraints.txt
	@test -x $(BIN)/python || scripts/make-venv "$(PYTHON)" $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[kafka]'
	@touch $@

$(VENV)/.dev: $(VENV)/.demo
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt $$($(BIN)/python scripts/dev_requirements.py)
	@touch $@

venv: $(VENV)/.dev ## Make the environment in .venv, nothing else

demo: $(VENV)/.demo ## A thousand orders through a saga, its worker killed twice (needs Python and make only)
	@$(BIN)/sagaline demo

test: check unit ## Everything that has to pass: checks, then tests against a real broker

check: venv ## ruff, mypy strict, pyright strict, import contracts, tidy tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/pytest -q tests/tidy

unit: venv
	scripts/test-dependencies
	@# Half of their time tests wait: three share two cores. Those of Kafka have the machine for themselves.
	$(BIN)/pytest -n 3 --dist worksteal -m "not kafka"
	$(BIN)/pytest -m kafka

kafka: venv ## A local single-node broker in the foreground, on PORT (9092)
	PYTHONPATH=tests/support $(BIN)/python -m kafka_process --port $(PORT)

bench: venv ## W1, W2, W3, W5 on sqlite and kafka, with the yardstick beside them
	$(BIN)/python bench/run.py

bench-loop: venv ## An activation, a replay, a run in memory, and what watching forbidden calls costs
	$(BIN)/python bench/step.py

bench-growth: venv ## What grows with what: doubling sizes, the cost of one item at each; ONLY="dead letters"
	$(BIN)/python bench/growth.py $(if $(ONLY),$(ONLY))

bench-recovery: venv ## What a crash costs: restore, restart, takeover, sleepers, a million open runs; ONLY=restore,half
	$(BIN)/python bench/recovery.py $(if $(ONLY),--only $(ONLY))

simulate: venv ## The production host on a virtual clock: SEEDS=2000, or SEEDS=17-17 for one; REPORT=file
	cd tests/support && ../../$(BIN)/python -m simulation --seeds $(SEEDS) $(SHAPE) $(if $(REPORT),--report $(abspath $(REPORT)))

mutants: venv ## Which seed finds each broken protocol: writes the list that the tests try first
	cd tests/support && ../../$(BIN)/python -m simulation.found_by

programs: venv ## Random workflow programs, replayed at every activation: PROGRAMS=100000 SEED=0, REPORT=file
	cd tests/support && ../../$(BIN)/python -m programs --programs $(PROGRAMS) $(if $(SEED),--seed $(SEED)) $(if $(REPORT),--report $(abspath $(REPORT)))

scenarios: venv ## Every scenario in three modes, killed after every record, on virtual clock, SQLite, Kafka: LOGS=sqlite, REPORT=file
	scripts/test-dependencies
	cd tests/support && ../../$(BIN)/python -m scenarios_report $(if $(LOGS),--logs $(LOGS)) $(if $(REPORT),--report $(abspath $(REPORT)))

chaos: venv ## Three real brokers, three workers, kill -9 and SIGSTOP: MINUTES=10, SEED=n, REPORT=file
	scripts/test-dependencies
	cd tests/support && ../../$(BIN)/python -m chaos --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) $(if $(REPORT),--report $(abspath $(REPORT)))

chaos-banks: venv ## Transfers between two banks on PostgreSQL, whose servers are killed too: MINUTES=10, SEED=n, REPORT=file
	scripts/test-dependencies
	cd tests/support && ../../$(BIN)/python -m chaos --load banks --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) $(if $(REPORT),--report $(abspath $(REPORT)))

flood: venv ## Far more starts than a worker can take, its memory measured: STARTS=200000, REPORT=file
	scripts/test-dependencies
	cd tests/support && ../../$(BIN)/python -m flood --starts $(STARTS) $(if $(REPORT),--report $(abspath $(REPORT)))

docs: venv ## Write the generated pages of docs/
	PYTHONPATH=tests/support $(BIN)/python tests/support/schema_docs.py
	PYTHONPATH=tests/support $(BIN)/python tests/support/metric_docs.py

clean: ## Remove the environment and caches
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis
