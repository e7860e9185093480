#!/bin/sh
# npm start: what is missing, then the demonstration. Arguments go to `vacua demo`.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
sh "$root/scripts/setup.sh" "$@"
exec "$root/bin/vacua" demo "$@"
