# `make` lists what there is. Needs Python 3.11 or newer; uses uv when it is installed, else pip.
# PYTHON=/path/to/python3.12 names an interpreter, PORT=8001 another port for `make run` (and
# FAKE_TWILIO_PORT=9001 one for the Twilio beside it, else the next after PORT), ARGS="-k gate"
# passes arguments to the tests.

SHELL := /bin/sh
PORT ?= 8000
ARGS ?=
VENV_PYTHON := .venv/bin/python

# A name that is found may still be a stub that only says what to install: run each.
FIND_PYTHON = for name in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11 python); do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo "$$name" && break; done

.DEFAULT_GOAL := help
.PHONY: help run test browser browser-tests screenshots proof rehearsal bench chaos mutants fuzz lint audit format lock install clean

help:
	@echo "make run      start everything here with made-up people; no text is really sent"
	@echo "              SMS_GATEWAY=twilio make run: with a Twilio that runs here, to play both sides"
	@echo "make test     the whole suite, on SQLite and on PostgreSQL (which it brings along)"
	@echo "make browser-tests  the back office in a real browser, with axe; make browser installs one"
	@echo "make screenshots    pictures of its pages with made-up people, into docs/screenshots"
	@echo "make proof    120 simulated days with everything breaking: ledger, promises, comparison"
	@echo "make rehearsal  move 50,000 made-up people over, roll out to 5 %, live a week, and go back"
	@echo "make bench    how fast it is, against baselines, with a million people; ARGS=\"--small\""
	@echo "make chaos    the crash suite in its long form: 10 scenarios on each database"
	@echo "make mutants  break the system on purpose: the crash suite must catch each way"
	@echo "make fuzz     fire 100,000 odd requests at the webhooks; ARGS=\"--db postgres --seed 1\""
	@echo "make lint     check style and types"
	@echo "make audit    ask whether a package of the lock files is known to be vulnerable"
	@echo "make format   put the code into the house style"
	@echo "make install  install all packages, those for development too"
	@echo "make lock     write the lock files for what pyproject.toml asks for (needs uv)"
	@echo "make clean    remove .venv and caches; the data in var/ stay"

run: .venv/.installed-run
	@PORT='$(PORT)' $(VENV_PYTHON) scripts/run_demo.py

test: .venv/.installed-dev
	@$(VENV_PYTHON) -m tests $(ARGS)

# ARGS="--db postgres -k alert"
browser-tests: .venv/.installed-dev
	@$(VENV_PYTHON) -m tests --db sqlite tests/browser $(ARGS)

browser: .venv/.installed-dev
	@$(VENV_PYTHON) -m scripts.install_browser

# ARGS="home people": only these
screenshots: .venv/.installed-dev
	@$(VENV_PYTHON) -m scripts.screenshots $(ARGS)

# ARGS="--seed 7", ARGS="--seeds 20 --people 300 --days 60 --db postgres", ARGS="--plant gate"
proof: .venv/.installed-dev
	@$(VENV_PYTHON) -W ignore -m benchmarks.proof $(ARGS)

# ARGS="--people 300 --share 50 --db sqlite"
rehearsal: .venv/.installed-dev
	@$(VENV_PYTHON) -W ignore -m tests.rehearsal $(ARGS)

# ARGS="--json figures.json", ARGS="--only claim_vs_sql", ARGS="--people 10000000", ARGS="--small"
bench: .venv/.installed-dev
	@$(VENV_PYTHON) -W ignore -m benchmarks $(ARGS)

# ARGS="--db sqlite --runs 50 --seed 1"
chaos: .venv/.installed-dev
	@$(VENV_PYTHON) -W ignore -m tests.chaos $(ARGS)

# ARGS="--only gate"
mutants: .venv/.installed-dev
	@$(VENV_PYTHON) -W ignore -m tests.chaos.mutants $(ARGS)

fuzz: .venv/.installed-dev
	@$(VENV_PYTHON) -m tests.fuzzing $(ARGS)

# All three, so that one run shows everything there is to mend.
lint: .venv/.installed-dev
	@status=0; \
	$(VENV_PYTHON) -m ruff check . || status=1; \
	$(VENV_PYTHON) -m ruff format --check . || status=1; \
	$(VENV_PYTHON) -m mypy . || status=1; \
	exit $$status

audit: .venv/.installed-dev
	@$(VENV_PYTHON) -m scripts.audit

format: .venv/.installed-dev
	$(VENV_PYTHON) -m ruff check --fix .
	$(VENV_PYTHON) -m ruff format .

install: .venv/.installed-dev

# For the oldest Python we support and every platform at once, with what is optional.
LOCK = uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --quiet

lock:
	@command -v uv >/dev/null || { echo "make lock needs uv: see https://docs.astral.sh/uv/" >&2; exit 1; }
	$(LOCK) -o requirements.txt
	$(LOCK) --group dev -c requirements.txt -o requirements-dev.txt

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis var/static
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- The environment; each stamp is older than a lock that changed -----------------------------

.venv/.installed-run: requirements.txt | $(VENV_PYTHON)
	@$(call INSTALL,requirements.txt)
	@touch $@

# The lock for development has all of the other one in it.
.venv/.installed-dev: requirements-dev.txt requirements.txt | $(VENV_PYTHON)
	@$(call INSTALL,requirements-dev.txt)
	@touch .venv/.installed-run $@

define INSTALL
echo "Installing the packages that $(1) names..."; \
if command -v uv >/dev/null 2>&1; then \
	uv pip install --quiet --python $(VENV_PYTHON) --require-hashes -r $(1); \
else \
	{ $(VENV_PYTHON) -m pip --version >/dev/null 2>&1 || $(VENV_PYTHON) -m ensurepip >/dev/null; } && \
	$(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r $(1); \
fi || { echo "The packages could not be installed; the reason stands above. Run make again once it is mended." >&2; exit 1; }
endef

$(VENV_PYTHON):
	@python=$$($(FIND_PYTHON)); \
	if [ -z "$$python" ]; then \
		echo "Python 3.11 or newer is needed, but $(or $(PYTHON),python3) is: $$($(or $(PYTHON),python3) --version 2>&1)." >&2; \
		echo "Install one, or name it: make PYTHON=/path/to/python3.12 run" >&2; \
		exit 1; \
	fi; \
	rm -rf .venv; \
	if command -v uv >/dev/null 2>&1; then uv venv --quiet --python "$$(command -v "$$python")" .venv; \
	else "$$python" -m venv .venv; fi || { rm -rf .venv; exit 1; }
