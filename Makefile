# `make` prints the targets. Everything is made inside this folder: .venv, demo, caches.

# Debian packages of the servers and tools that the tests start.
TEST_PACKAGES = \
	apache2 \
	caddy \
	curl \
	dnsmasq-base \
	faketime \
	fail2ban \
	ldap-utils \
	logrotate \
	mariadb-server \
	nginx \
	openssl \
	postgresql \
	prometheus \
	samba-ad-dc \
	samba-ad-provision \
	samba-dsdb-modules \
	slapd \
	systemd \
	winbind

PYTHON = .venv/bin/python
INSTALL = $(PYTHON) -m pip install --quiet --quiet --disable-pip-version-check

.DELETE_ON_ERROR:
.PHONY: help run test faults soak lint clean

help: ## print this
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1	\2/p' Makefile

run: .venv/.installed ## start a demo server, with its data in ./demo
	@$(PYTHON) scripts/demo.py

test: .venv/.installed-dev ## run all tests; PYTEST_ARGS are handed to pytest
	@scripts/install-packages $(TEST_PACKAGES)
	$(PYTHON) -m pytest -n auto --maxprocesses 4 --dist loadfile $(PYTEST_ARGS)

faults: .venv/.installed-dev ## the tests of faults and attacks in their long form; takes hours
	@scripts/install-packages $(TEST_PACKAGES) debootstrap systemd-container
	$(PYTHON) -m pytest --thorough tests/attacks tests/faults tests/nodes tests/migrations \
		tests/domain/test_crash.py tests/service/test_installation.py $(PYTEST_ARGS)

soak: .venv/.installed-dev ## a thousand phones for an hour, all they see checked; SOAK_ARGS are handed to it
	$(PYTHON) -m benchmarks.soak $(SOAK_ARGS)

lint: .venv/.installed-dev ## check style, formatting, types and the layers
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports

clean: ## remove what the other targets made, the demo's data too
	rm -rf .venv demo soak.json soak.md .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(PYTHON):
	@scripts/make-venv .venv

# Stamps lie in the environment, so that they go when it goes.
.venv/.installed: pyproject.toml | $(PYTHON)
	@echo "Installing sharedbooks in .venv"
	@$(INSTALL) --editable .
	@touch $@

.venv/.installed-dev: pyproject.toml | $(PYTHON)
	@echo "Installing sharedbooks and its tools in .venv"
	@$(INSTALL) --editable '.[dev]'
	@touch $@
