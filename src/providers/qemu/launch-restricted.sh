#!/bin/sh
# One machine where user namespaces are forbidden: its network is inside QEMU (docs/networking.md). Runs in the machine's
# `provider` directory, with the arguments of launch-namespace.sh. COMMAND becomes the launcher itself, so that all ends with it.
set -eu
stage=$1 uid=$2 groups=$3 bytes=$6
shift 7

started() { shift 19; start=$1; }

case $stage in
start)
  read -r stat </proc/$$/stat
  read -r boot </proc/sys/kernel/random/boot_id
  started ${stat##*) }
  echo "$$ $start $boot" >launcher
  [ "$uid" = - ] || exec setpriv --reuid "$uid" --regid "$uid" "$groups" --bounding-set=-all --inh-caps=-all sh launch.sh own - - - - "$bytes" - "$@"
  exec sh launch.sh own - - - - "$bytes" - "$@"
  ;;
own)
  mkfifo run/console
  sh console.sh "$bytes" <run/console >/dev/null &
  exec 4>run/console
  exec setpriv --no-new-privs "$@" </dev/null >&4 4>&-
  ;;
esac
