# make run: Hearth in this terminal. make test: everything CI runs. PORT and HEARTH_DATA can be set.
PYTHON := $(shell for p in python3.11 python3.12 python3.13 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help run test test-all check bench walks chaos-messages bench-messages bench-sending bench-sign-in bench-trust fuzz lock sbom screenshots bench-pages

help:
	@echo "make run    Hearth with demo data on http://127.0.0.1:$${PORT:-8000} (Ctrl-C ends it)"
	@echo "make test   all checks and tests"
	@echo "make test-all  and quiet hours in every minute of two years (about fifteen minutes more)"
	@echo "make check  linters and types alone"
	@echo "make bench  the table of performance"
	@echo "make walks  hundreds of ways through the chain, by chance (about half an hour)"
	@echo "make chaos-messages  texts while processes die: none twice, none lost (three minutes)"
	@echo "make bench-messages  claiming 500 due messages of five million"
	@echo "make fuzz   every door asked by everybody with whatever fits or breaks the schema (half an hour)"
	@echo "make bench-sign-in  whether the time of an answer tells who is known (two minutes)"
	@echo "make screenshots  every page, phone and desk, light and dark, into .data/screenshots (ONLY=care: a part)"
	@echo "make lock   pins what requirements*.in name, with hashes; make sbom lists it (CycloneDX)"
	@echo "make bench-trust  what the access log, second factor and limits cost a look (a minute)"
	@echo "make bench-pages  the server's time for every page, also with 100,000 patients (minutes)"
	@echo "make bench-sending  how late a thousand texts leave that are due at once"

run: .venv/run .assets/made
	@$(BIN)/python -m config.run

test: check
	@sh tests/browser/chromium.sh
	@HEARTH_ENV=test HEARTH_DATA=.data/test DJANGO_SETTINGS_MODULE=config.settings \
		$(BIN)/python -m config.embedded --fast $(BIN)/python -m pytest -n auto

test-all: test
	@HEARTH_ENV=test HEARTH_DATA=.data/test DJANGO_SETTINGS_MODULE=config.settings \
		$(BIN)/python -m config.embedded --fast $(BIN)/python -m pytest -n auto --dist load \
		--hypothesis-profile all tests/test_every_minute.py

check: .venv/dev .assets/made
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports
	@$(BIN)/python -m tests.house_rules
	@HEARTH_DATA=.data/check $(BIN)/python -m config.embedded --fast sh tests/check_django.sh

bench: .venv/dev
	@HEARTH_DATA=.data/bench $(BIN)/python -m config.embedded $(BIN)/python -m tests.bench

walks: .venv/dev
	@HEARTH_ENV=test HEARTH_DATA=.data/walks DJANGO_SETTINGS_MODULE=config.settings \
		$(BIN)/python -m config.embedded --fast $(BIN)/python -m pytest -n 0 \
		--hypothesis-profile walks tests/test_chain_machine.py

chaos-messages: .venv/dev
	@HEARTH_ENV=test HEARTH_DATA=.data/chaos DJANGO_SETTINGS_MODULE=config.settings \
		$(BIN)/python -m config.embedded --fast $(BIN)/python -m tests.chaos

bench-messages: .venv/dev
	@HEARTH_ENV=test HEARTH_DATA=.data/bench DJANGO_SETTINGS_MODULE=config.settings \
		$(BIN)/python -m config.embedded --fast $(BIN)/python -m tests.bench_messages

bench-sending: .venv/dev
	@HEARTH_ENV=test HEARTH_DATA=.data/chaos DJANGO_SETTINGS_MODULE=config.settings \
		$(BIN)/python -m config.embedded --fast $(BIN)/python -m tests.bench_sending

fuzz: .venv/dev
	@HEARTH_ENV=test HEARTH_DATA=.data/fuzz DJANGO_SETTINGS_MODULE=config.settings \
		$(BIN)/python -m config.embedded --fast $(BIN)/python -m tests.fuzz

screenshots: .venv/dev .assets/made
	@HEARTH_ENV=test LOG_LEVEL=ERROR HEARTH_DATA=.data/screenshots DJANGO_SETTINGS_MODULE=config.settings \
		$(BIN)/python -m config.embedded --fast $(BIN)/python -m tests.browser.screenshots $(ONLY)

bench-pages: .venv/dev .assets/made
	@HEARTH_ENV=test LOG_LEVEL=ERROR HEARTH_DATA=.data/bench DJANGO_SETTINGS_MODULE=config.settings \
		$(BIN)/python -m config.embedded --fast $(BIN)/python -m tests.bench_pages

bench-trust: .venv/dev
	@HEARTH_ENV=test LOG_LEVEL=ERROR HEARTH_DATA=.data/bench DJANGO_SETTINGS_MODULE=config.settings \
		$(BIN)/python -m config.embedded $(BIN)/python -m tests.bench_trust

bench-sign-in: .venv/dev
	@HEARTH_ENV=test HEARTH_DATA=.data/bench DJANGO_SETTINGS_MODULE=config.settings \
		$(BIN)/python -m config.embedded $(BIN)/python -m tests.bench_sign_in

.venv/run: requirements.txt
	@test -n "$(PYTHON)" || { echo "Hearth needs Python 3.11 or newer."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { \
		echo "python3 -m venv failed: on Debian, apt-get install python3-venv."; exit 1; }
	@$(PIP) install -r requirements.txt
	@touch $@

.venv/dev: .venv/run requirements-dev.txt
	@$(PIP) install -r requirements-dev.txt
	@touch $@

# Pico, fonts and FullCalendar by npm's lock file: with the system's npm, or with one from a wheel.
.assets/made: .venv/run package-lock.json requirements-node.txt $(wildcard pages/assets/*)
	@command -v npm >/dev/null 2>&1 || $(PIP) install -r requirements-node.txt
	@PATH="$$PATH:$(CURDIR)/$(BIN)" npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@rm -rf .assets && PATH="$$PATH:$(CURDIR)/$(BIN)" node_modules/.bin/esbuild pages/assets/*.css \
		pages/assets/*.js --bundle --minify --format=esm --loader:.woff2=file --asset-names=[name] \
		--outdir=.assets/vendor --log-level=warning
	@$(BIN)/python -m whitenoise.compress --quiet .assets
	@touch $@

.venv/tools: .venv/run requirements-tools.txt
	@test -x $@/bin/python || $(PYTHON) -m venv $@
	@$@/bin/python -m pip --disable-pip-version-check --quiet install -r requirements-tools.txt
	@touch $@

LOCK := CUSTOM_COMPILE_COMMAND="make lock" .venv/tools/bin/pip-compile --quiet --generate-hashes \
	--strip-extras --no-annotate --no-emit-index-url --no-emit-trusted-host --no-emit-options

lock: .venv/tools
	@$(LOCK) --output-file requirements.txt requirements.in
	@$(LOCK) --output-file requirements-dev.txt requirements-dev.in
	@$(LOCK) --output-file requirements-node.txt requirements-node.in

sbom: .venv/tools
	@.venv/tools/bin/cyclonedx-py requirements requirements.txt --output-format JSON \
		--output-file .data/sbom.json
	@echo ".data/sbom.json"
