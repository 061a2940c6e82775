#!/usr/bin/env bash
# Runs the integration suites; every flag is passed on:
#   scripts/integration-tests.sh --stack-config server:ci-tests --setup together --subdirs inference --pattern openai
set -euo pipefail
cd "$(dirname "$0")/.."
exec cargo test --quiet --test integration -- "$@"
