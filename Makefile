# Two commands do everything on a fresh Debian machine: `make demo`, `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STACK  := examples/campus/stackyard.yaml

# What building needs, and what the tests run for real besides.
BUILD_PACKAGES := python3-venv ca-certificates mmdebstrap uidmap buildah
TEST_PACKAGES  := $(BUILD_PACKAGES) podman skopeo docker-registry docker.io \
                  fuse-overlayfs crun xz-utils zstd node-configurable-http-proxy \
                  qemu-user-static chromium fonts-dejavu-core graphviz

.PHONY: demo test lint unit real format clean
demo: $(VENV)/.installed
	@scripts/install-debian $(BUILD_PACKAGES)
	@PATH="$(CURDIR)/$(BIN):$$PATH" scripts/demo $(STACK)

test: lint unit real

lint: $(VENV)/.developing
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(VENV)/.developing
	$(BIN)/pytest -q -n 2 -m "not real"

real: $(VENV)/.developing
	scripts/install-debian $(TEST_PACKAGES)
	$(BIN)/python scripts/install-helm $(VENV)/kubernetes
	PATH="$(CURDIR)/$(VENV)/kubernetes:$$PATH" $(BIN)/pytest -q -m real -n 2 --dist loadfile --ignore tests/real
	$(BIN)/pytest -q -m real --durations=10 tests/real

format: $(VENV)/.developing
	$(BIN)/ruff check --fix src tests benchmarks
	$(BIN)/ruff format src tests benchmarks

$(VENV)/bin/pip:
	@scripts/install-debian python3-venv ca-certificates
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/pip
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.developing: pyproject.toml | $(VENV)/bin/pip
	$(BIN)/python -m pip install --quiet --group dev --editable .
	@touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
