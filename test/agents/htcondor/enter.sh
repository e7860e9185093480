#!/bin/sh
# Runs a command as process 1 of something like a machine: enter.sh TREE DIRECTORY NETNS NAME COMMAND...
# Its root is TREE with all changes kept below DIRECTORY, its network NETNS; DIRECTORY/shared is its /shared. Everything in it ends with it.
set -eu
tree=$1 directory=$2 netns=$3 name=$4
shift 4
mkdir -p "$directory/changes" "$directory/overlay" "$directory/root" "$directory/shared"
# shellcheck disable=SC2016 # they belong to the inner shell
exec ip netns exec "$netns" unshare --mount --pid --uts --fork --kill-child --propagation private sh -c '
  set -eu
  tree=$1 directory=$2 root=$2/root
  hostname "$3"
  shift 3
  mount -t overlay overlay -o "lowerdir=$tree,upperdir=$directory/changes,workdir=$directory/overlay" "$root"
  mount -t proc proc "$root/proc"
  mount --rbind /sys "$root/sys"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs run "$root/run"
  mkdir -m 1777 "$root/run/lock"
  mkdir -p "$root/shared"
  mount --bind "$directory/shared" "$root/shared"
  exec env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" "$@"' sh "$tree" "$directory" "$name" "$@"
