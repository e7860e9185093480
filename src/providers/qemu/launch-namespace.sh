#!/bin/sh
# One machine in a user, network and process namespace of its own (docs/networking.md). Runs in the machine's `provider`
# directory, as `launch.sh start UID GROUPS TUN OUTBOUND CONSOLE-BYTES PORTS COMMAND…`; each stage becomes the next by exec:
#   start     notes its own identity, which stays that of the launcher; root: private /dev/net/tun, then the machine's own uid
#   own       as that uid, still outside: console writer, outbound network
#   inside    root of the namespaces only: interface, filter, DHCP
#   confined  without any capability: forwarders to the daemon's sockets, then COMMAND as process 1, so that all ends with it
# UID and GROUPS are `-` where the caller's stay. PORTS is a list of words. Nothing here is evaluated.
set -eu
stage=$1 uid=$2 groups=$3 tun=$4 outbound=$5 bytes=$6 ports=$7
shift 7

started() { shift 19; start=$1; }

case $stage in
start)
  read -r stat </proc/$$/stat
  read -r boot </proc/sys/kernel/random/boot_id
  started ${stat##*) }
  echo "$$ $start $boot" >launcher
  [ "$tun" = shared ] || exec unshare -m --propagation private sh launch.sh tun "$uid" "$groups" "$tun" "$outbound" "$bytes" "$ports" "$@"
  [ "$uid" = - ] || exec setpriv --reuid "$uid" --regid "$uid" "$groups" sh launch.sh own "$uid" "$groups" "$tun" "$outbound" "$bytes" "$ports" "$@"
  exec sh launch.sh own "$uid" "$groups" "$tun" "$outbound" "$bytes" "$ports" "$@"
  ;;
tun)
  mount -t tmpfs -o size=4k,nr_inodes=4,mode=755 none /dev/net
  mknod -m 666 /dev/net/tun c 10 200
  exec setpriv --reuid "$uid" --regid "$uid" "$groups" sh launch.sh own "$uid" "$groups" "$tun" "$outbound" "$bytes" "$ports" "$@"
  ;;
own)
  mkfifo run/console run/up
  # The launcher holds the writing end of both: console writer and slirp4netns end when it does.
  sh console.sh "$bytes" <run/console >/dev/null 3>&- 4>&- &
  exec 4>run/console
  if [ "$outbound" = yes ]; then
    {
      read -r _ && exec slirp4netns --exit-fd=0 --configure --disable-host-loopback --mtu=65520 --cidr=198.19.255.0/24 \
        --enable-seccomp $$ tap0 >/dev/null 4>&-
    } <run/up &
    exec 3>run/up
  fi
  exec unshare -Urnpf --kill-child sh launch.sh inside "$uid" "$groups" "$tun" "$outbound" "$bytes" "$ports" "$@"
  ;;
inside)
  ip -batch net.ip
  nft -f net.nft
  echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start
  udhcpd -f udhcpd.conf >/dev/null 2>&1 3>&- 4>&- &
  if [ "$outbound" = yes ]; then
    echo 1 >/proc/sys/net/ipv4/ip_forward
    echo up >&3
    exec 3>&-
  fi
  exec setpriv --bounding-set=-all --inh-caps=-all --no-new-privs sh launch.sh confined "$uid" "$groups" "$tun" "$outbound" "$bytes" "$ports" "$@"
  ;;
confined)
  forward() {
    # 60 s for an answer after the guest has closed its side; 32 connections at a time, more wait in the kernel's queue.
    socat -t 60 -T 600 "TCP4-LISTEN:$1,fork,reuseaddr,max-children=32,backlog=64" "UNIX-CONNECT:../$2" >/dev/null 2>&1 4>&- &
  }
  forward 80 guest.sock
  for port in $ports; do forward "$port" "svc-$port.sock"; done
  exec "$@" </dev/null >&4 4>&-
  ;;
esac
