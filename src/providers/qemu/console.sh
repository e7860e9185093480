#!/bin/sh
# Keeps the newest part of a machine's serial console: console.log.1 is full, console.log grows up to $1 bytes.
# Reads to the end of its input, so it outlives the daemon and catches a machine's last words.
set -eu
while stdbuf -o0 head -c "$1" >run/console.log; do
  [ "$(wc -c <run/console.log)" -ge "$1" ] || exit 0
  mv -f run/console.log run/console.log.1
done
