# `make` lists what can be asked for. Every target works from a bare clone and prepares what it needs.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory
# What is built within brings a number of jobs of its own; this make's are closed to it.
unexport MAKEFLAGS MFLAGS

# rustup installs here, and a shell that never logged in does not know it.
export PATH := $(HOME)/.cargo/bin:$(PATH)

VENV := .venv
BIN := $(VENV)/bin
CARGO := cargo
MANIFEST := --manifest-path native/Cargo.toml --locked
# pyproject.toml says which libraries there are: CRATE:FEATURE, one allocator each.
ALLOCATORS := $(shell awk -F'"' '/^path = /{split($$2, path, "/")} /^features = /{print path[2] ":" $$2}' pyproject.toml)
NATIVE_SOURCES := $(shell find native \( -path native/target -o -path native/fuzz \) -prune -o -type f -print)
# Processes that run tests at the same time.
WORKERS ?= 2
# A third of what the corpus does a run: two minutes hold enough runs on a slow machine too.
DEMO := heapswap advise --budget 2m --objective cpu -- lua5.4 corpus/lua_churn.lua 150000

.PHONY: help
help: ## list what can be asked for
	@sed -nE 's/^([a-z-]+):.*## (.*)$$/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

.PHONY: demo
demo: install packages-demo ## build everything, then ask the main question about a real program (about 2 minutes of runs)
	@echo "demo: corpus/lua_churn.lua spends its time in malloc; is another allocator worth it?"
	@echo "demo: running $(DEMO)"
	@$(BIN)/$(DEMO)

.PHONY: test
test: install packages-test ## build everything, then run every test that is not an acceptance line
	@scripts/timed 'cargo test' $(CARGO) test $(MANIFEST) --workspace --quiet
	@$(BIN)/pytest -m 'not acceptance' --numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder --durations=15

.PHONY: check
check: check-ruff check-format check-types check-imports check-rustfmt check-clippy check-allocators docs ## style, types, the direction of dependencies, Rust lints, links of the documentation

.PHONY: check-ruff check-format check-types check-imports check-rustfmt check-clippy check-allocators
check-ruff: install
	@scripts/timed 'ruff check' $(BIN)/ruff check
check-format: install
	@scripts/timed 'ruff format --check' $(BIN)/ruff format --check
check-types: install
	@scripts/timed 'mypy --strict' $(BIN)/mypy --strict
check-imports: install
	@scripts/timed 'lint-imports' $(BIN)/lint-imports --no-cache
check-rustfmt: toolchain
	@scripts/timed 'cargo fmt --check' $(CARGO) fmt --manifest-path native/Cargo.toml --all --check
check-clippy: toolchain
	@scripts/timed 'clippy' $(CARGO) clippy $(MANIFEST) --workspace --all-targets -- -D warnings
check-allocators: toolchain
	@for library in $(ALLOCATORS); do \
	    crate=$${library%%:*}; feature=$${library##*:}; \
	    scripts/timed "clippy, $$crate with $$feature" \
	        $(CARGO) clippy $(MANIFEST) --release --package "heapswap-$$crate" --features "$$feature" -- -D warnings; \
	done

.PHONY: bench
bench: install packages-test packages-bench ## measure heapswap itself: allocation loop, launcher, start-up of `run`
	@status=0; for script in benchmarks/*.py; do \
	    scripts/timed "$$script" $(BIN)/python "$$script" || status=$$?; \
	done; exit $$status

.PHONY: fuzz
fuzz: install ## fuzz the reader of traces, a minute a target; installs cargo-fuzz and a nightly toolchain where they are missing
	@$(BIN)/python scripts/fuzz.py

.PHONY: acceptance
acceptance: install packages-test packages-bench ## every promise with its figure, as a table (about an hour)
	@$(BIN)/python -m tests.acceptance

.PHONY: docs
docs: install ## build the documentation into site/; a link that leads nowhere fails it
	@NO_MKDOCS_2_WARNING=1 scripts/timed 'mkdocs build' $(BIN)/mkdocs build

.PHONY: docs-tables
docs-tables: install packages-test ## write the generated pages anew: knobs, command line, Python API, and conformance from every allocator here (minutes)
	@$(BIN)/python scripts/knob_tables.py > docs/knobs.md
	@$(BIN)/python scripts/cli_page.py > docs/cli.md
	@$(BIN)/python scripts/api_page.py > docs/python-api.md
	@$(BIN)/python scripts/conformance_page.py > docs/conformance.md.new && mv docs/conformance.md.new docs/conformance.md

.PHONY: install
install: toolchain $(VENV)/.installed ## build the native parts and install heapswap, editable, into .venv

.PHONY: build
build: install ## build a wheel and a source distribution into dist/
	@$(BIN)/python -m build

.PHONY: clean
clean: ## remove everything that was built, .venv included
	rm -rf $(VENV) build dist site native/target native/fuzz/{target,corpus,artifacts} acceptance-results .hypothesis .mypy_cache .ruff_cache .pytest_cache \
	    src/*.egg-info src/heapswap/_native/*.so src/heapswap/_native/heapswap-launch src/heapswap/_native/heapswap-conform \
	    src/heapswap/_native/heapswap-replay src/heapswap/_native/heapswap-symbolise src/heapswap/_native/heapswap-trace
	find src tests benchmarks corpus -name __pycache__ -prune -exec rm -rf {} +

.PHONY: packages-bench packages-build packages-demo packages-test toolchain
packages-bench packages-build packages-demo packages-test: packages-%:
	@scripts/system-packages $*
# One package manager at a time: it locks.
packages-bench packages-demo packages-test: | packages-build
packages-bench: | packages-test
toolchain: packages-build
	@scripts/require-cargo

$(VENV)/pyvenv.cfg: | toolchain
	@echo "install: making $(VENV)"
	@"$$(scripts/find-python)" -m venv $(VENV)

$(VENV)/.developed: pyproject.toml $(VENV)/pyvenv.cfg
	@echo "install: Python packages for development"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --group dev
	@touch $@

$(VENV)/.installed: $(VENV)/.developed $(NATIVE_SOURCES)
	@echo "install: building heapswap: $(words $(ALLOCATORS)) allocator libraries and the launcher (minutes the first time)"
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --no-input --editable .
	@touch $@
