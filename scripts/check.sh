#!/bin/sh
# Types, lint and format. Needs the npm dependencies (scripts/setup.sh).
set -eu
cd "$(dirname "$0")/.."
PATH=$PWD/node_modules/.bin:$PATH
echo "check: types"; tsc -p .
echo "check: lint"; oxlint --deny-warnings
echo "check: format"; biome format
