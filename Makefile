# The commands of the project; `make` alone lists them. Everything runs in .venv, made on first use.

PY = .venv/bin/python
# Where the environment forbids Python to keep what it has compiled, each of the hundreds of processes of a test run
# compiles all that it imports: half of the time of some tests.
export PYTHONDONTWRITEBYTECODE :=
.DEFAULT_GOAL = help
.PHONY: help install lab lesson test proof fuzz lint bench notebooks pictures lock clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile

.venv/installed: pyproject.toml requirements/uv.lock requirements/all.lock requirements/oracle.lock tools/install.sh
	@tools/install.sh

install: .venv/installed ## make .venv and install everything into it
	@:

lab: install ## open JupyterLab on notebook 00
	@tools/lab.sh $(ARGS)

lesson: ## print the lesson, with its kernel log, in the terminal
	@python=$$(tools/python.sh) && "$$python" -m hugelab run lesson --log

# Three workers for two cores: a browser, and a pool that one test has, let a worker wait.
test: install ## run everything: unit tests, notebooks, browser (without one, nbval runs the notebooks)
	@$(PY) -m pytest tests -n 3 -p no:nbval --dist loadscope --no-loadscope-reorder $(ARGS)

proof: install ## hold the model against real kernels: recorded answers, random programs, small worlds, mutants
	@$(PY) -m tests.proof $(ARGS)

fuzz: install ## random programs on model and this kernel, for TIME=60 seconds
	@$(PY) -m tests.fuzz $(or $(TIME),60) $(ARGS)

lint: install ## style, format, types, and who imports whom
	@$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy && .venv/bin/lint-imports --no-logo --no-cache

bench: install ## measure every ratio beside its bound; exit 1 if one is missed
	@$(PY) benchmarks/run.py

notebooks: install ## run the notebooks in JupyterLab and write them back, with a picture of each lab
	@$(PY) -m tools.notebooks $(ARGS)

pictures: install ## a picture of every lab of every notebook, light and dark, wide and narrow, into tests/artefacts
	@$(PY) -m tools.pictures $(ARGS)

lock: install ## make the lock files anew from pyproject.toml
	@tools/lock.sh

clean: ## remove .venv and what tests leave behind
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis tests/artefacts
