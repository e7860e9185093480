#!/bin/sh
# Makes the Debian 13 tree in which the HTCondor of the tests runs: tree.sh DIRECTORY. Needs root and mmdebstrap; 320 MB.
set -eu
tree=$1
[ ! -e "$tree" ] || { echo "$tree exists; valid: a directory to be made" >&2; exit 1; }
mmdebstrap --mode=root --variant=apt --quiet --include=condor,procps,iproute2,curl trixie "$tree.new"
mv "$tree.new" "$tree"
