# Everything a person, a hook or CI does here. `make` alone lists it.
#
#   make up GATEWAYS=2 MATCHERS=2 SESSIONS=2   several replicas of a service
#   make up PORT=9000 PORTS=26000              other ports: the gateway's, and the first of the rest
#   make up SESSION_TURN=1m                    a setting of the services
#   make up STACK=local                        processes alone, even where Docker is; or STACK=compose
#   make up PROFILES=observe                   containers with Prometheus and Grafana; or edge, turn
#   make up TLS=1                              HTTPS, for the phones of the local network too
#   make test T=services/matcher               only these tests
#   make partner NATIVE=es PRACTICE=en         a robot to talk with (LEVEL=B1 NAME=Robot COUNT=1)
#   make bench S=arrive                        a scenario
#   make dead-letters ARGS="replay matcher.inbox"
#   make reports ARGS="close 0198… --note 'warned'"

PYTHON ?= python3
PY := .venv/bin/python
LOCAL := $(or $(PARLEY_LOCAL),.local)
T ?=
S ?= arrive
ARGS ?= list

# Where the stores and gateways of the running stack are: AMQP_URL, REDIS_URL, DATABASE_URL, PARLEY_URL.
IN_STACK := stack=$$($(PYTHON) -m deploy.stack env) || exit 1; set -a; eval "$$stack"; set +a;

.DEFAULT_GOAL := help
.PHONY: help up down clean logs migrate dead-letters reports trace audit demo talk partner bench test check fmt lint type lock contracts contracts-check dashboards languages house prepare \
	prepare-tests prepare-browser screenshots example

help: ## list what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(firstword $(MAKEFILE_LIST)) | \
		while IFS="$$(printf '\t')" read -r name text; do printf '  %-17s%s\n' "$$name" "$$text"; done

up: ## start the stack and wait until it is ready; what runs stays as it is
	@$(PYTHON) -m deploy.stack up

down: ## stop what up started; the data stays
	@$(PYTHON) -m deploy.stack down

clean: ## stop the stack and remove its data, its logs and the tools' caches
	@$(PYTHON) -m deploy.stack clean
	@rm -rf $(LOCAL) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

logs: ## follow the logs of the stack
	@$(PYTHON) -m deploy.stack logs

migrate: ## apply new migrations to the running stack
	@$(PYTHON) -m deploy.stack migrate

dead-letters: prepare ## list, replay or drop dead letters (ARGS="list|replay QUEUE|drop QUEUE")
	@$(IN_STACK) $(PY) -m shared.deadletters $(ARGS)

reports: prepare ## list or close reports of users (ARGS="list [--all]|close ID --note TEXT")
	@$(IN_STACK) $(PY) -m services.sessions.reports $(ARGS)

trace: prepare ## what every store knows of a user, and what happened (USER=0198…)
	@test "$(origin USER)" = "command line" || \
		{ echo "parley: of whom? like: make trace USER=01935000-0000-7000-8000-00000000000a" >&2; exit 1; }
	@$(IN_STACK) $(PY) -m deploy.operations.trace "$(USER)"

audit: prepare ## check what must hold of all stores and between them
	@$(IN_STACK) $(PY) -m deploy.operations.audit

demo: prepare ## watch a handful of people find partners in the running stack
	@$(IN_STACK) $(PY) -m tests.e2e.demo --url "$$PARLEY_URL"

talk: prepare-browser ## two browsers talk in the running stack, from sign-up to the record
	@$(IN_STACK) PARLEY_VISIT="$$PARLEY_URL" $(PY) -m pytest tests/e2e/test_web_talk.py -k "clicks or anew"

partner: prepare-browser ## keep a robot that talks with you (NATIVE=es PRACTICE=en); ends on Ctrl-C
	@test -n "$(NATIVE)" -a -n "$(PRACTICE)" || \
		{ echo "parley: which languages? like: make partner NATIVE=es PRACTICE=en" >&2; exit 1; }
	@$(IN_STACK) exec $(PY) -m tests.e2e.robot --native "$(NATIVE)" --practice "$(PRACTICE)" \
		--level "$(or $(LEVEL),B1)" --name "$(or $(NAME),Robot)" --count "$(or $(COUNT),1)"

example: prepare $(LOCAL)/example/installed ## keep a leaderboard of who practised what (docs/examples/leaderboard); ends on Ctrl-C
	@$(IN_STACK) LEADERBOARD_DB=$(LOCAL)/leaderboard.sqlite3 \
		exec $(LOCAL)/example/bin/python docs/examples/leaderboard/leaderboard.py run

$(LOCAL)/example/installed: docs/examples/leaderboard/requirements.txt # nothing of ours
	@$(PYTHON) -m venv $(LOCAL)/example
	@$(LOCAL)/example/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

bench: prepare ## measure a scenario (S=arrive)
	@$(IN_STACK) $(PY) -m bench $(S)

test: prepare-tests ## run the tests against real servers (T=path for some of them)
	@$(PY) -m pytest $(T)

screenshots: prepare-tests ## take the pictures in docs/images anew
	@PARLEY_SCREENSHOTS=docs/images $(PY) -m pytest tests/e2e/test_web_access.py

check: lint type house ## all that CI checks besides the tests

lint: prepare ## ruff and the import rules
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/lint-imports

type: prepare ## mypy --strict
	@.venv/bin/mypy

fmt: prepare ## format the code
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

# dev holds every other group, so it is made first and the others are bound to its versions.
lock: prepare ## bring requirements/ up to date with pyproject.toml (ARGS=--upgrade for newer ones)
	@$(PY) -m pip install --quiet --disable-pip-version-check uv
	@for group in dev gateway matcher migrate sessions; do \
		$(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
			--no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock" \
			$$(test $$group = dev || echo --constraint requirements/dev.txt) $(filter --upgrade%,$(ARGS)) \
			--group pyproject.toml:$$group --output-file requirements/$$group.txt || exit 1; \
	done

contracts: prepare ## make docs/openapi.json and docs/asyncapi/ anew, after a change of what is said
	@$(PY) -m contracts

dashboards: prepare ## make deploy/grafana/dashboards anew, after a change of deploy/grafana/boards
	@$(PY) -m deploy.grafana.build

contracts-check: contracts ## ask the official parser of AsyncAPI about them (needs node and npm)
	@command -v npm >/dev/null || { echo "parley: this needs node and npm" >&2; exit 1; }
	@npm install --silent --no-save --prefix $(LOCAL)/asyncapi @asyncapi/parser@3.6.3
	@NODE_PATH=$(LOCAL)/asyncapi/node_modules node contracts/parse.cjs docs/asyncapi/*.yaml

languages: prepare ## make shared/languages.json anew, after an upgrade of its libraries
	@$(PY) -m shared.languages_table

house: prepare # the budgets, and what the tree must not say
	@$(PY) -m pytest deploy/local/tests/test_house.py

prepare: # install what is missing: Debian packages, the virtual environment
	@$(PYTHON) -m deploy.local.prepare

prepare-tests: # the same, with what the tests need: a browser, a TURN server
	@$(PYTHON) -m deploy.local.prepare tests

prepare-browser: # the same, for what drives a browser
	@$(PYTHON) -m deploy.local.prepare browser
