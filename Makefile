# The four commands are demo, test, lint and bench; each installs what it needs first.
.DEFAULT_GOAL := help
.PHONY: help install tools demo test lint bench clean

VENV := .venv
PYTHON := $(VENV)/bin/python
STAMP := $(VENV)/.installed
# Files of tests that run side by side: clients wait much (Terraform alone for minutes), so more than there are
# processors. make test JOBS=0 runs one after the other. Short ones come last, so that none waits long for the others.
JOBS := 3

help:
	@echo "make install   make $(VENV) with everything, and check the system's tools"
	@echo "make demo      a load balancer with programs and containers behind it"
	@echo "make test      all tests, three files at a time"
	@echo "make lint      ruff and mypy"
	@echo "make bench     measurements, beside other implementations"
	@echo "make clean     remove what the above made"

install: $(STAMP) tools
	@$(PYTHON) -m compileall -q src

$(STAMP): pyproject.toml tools/install.sh
	@tools/install.sh $(VENV)
	@touch $(STAMP)

tools:
	@tools/system.sh nft:nftables ip:iproute2 curl:curl git:git runc:runc busybox:busybox-static

demo: install
	@$(PYTHON) demo/run.py

test: install
	@tools/system.sh skopeo:skopeo buildah:buildah podman:podman docker-registry:docker-registry jq:jq
	@tools/system.sh /usr/bin/aws:awscli
	@$(PYTHON) -m pytest -q --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder

lint: install
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy --strict

bench: install
	@tools/system.sh haproxy:haproxy wrk:wrk nginx:nginx-light skopeo:skopeo docker-registry:docker-registry
	@$(PYTHON) bench/run.py

clean:
	rm -rf $(VENV) build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests demo bench -name __pycache__ -type d -prune -exec rm -rf {} +
