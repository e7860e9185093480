#!/bin/sh
# One machine where user namespaces are forbidden: its network is inside QEMU (docs/networking.md). Runs in the machine's
# `provider` directory, with the arguments of launch-namespace.sh. COMMAND becomes the launcher itself, so that all ends with it.
set -eu
bytes=$5
shift 6
mkfifo run/console
{ . ./console.sh; } <run/console >/dev/null &
exec 4>run/console
exec setpriv --no-new-privs "$@" </dev/null >&4 4>&-
