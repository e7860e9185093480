#!/bin/sh
# One machine in a user, network and process namespace of its own (docs/networking.md). Runs in the machine's `provider`
# directory, as `launch.sh STAGE UID GROUPS OUTBOUND CONSOLE-BYTES PORTS [COMMAND…]`; each stage becomes the next by exec, so that
# the process which the daemon has started stays the launcher:
#   tun     root in a private mount namespace: a /dev/net/tun that is open to the machine's own uid, which comes next
#   own     as that uid, or as the caller, still outside: console writer, outbound network
#   inside  root of the namespaces only: interface, filter, DHCP, forwarders to the daemon's sockets; then, without any
#           capability, COMMAND as process 1, so that all ends with it
#   wait    without COMMAND: prepared for a machine that is not there yet. COMMAND comes from the daemon through descriptor 3, as
#           the number of its words, then each on a line after `=`, or with line feeds in it on several, of which all but the last
#           come after `+`. When the daemon ends before, so does all of this
# PORTS is a list of words. Nothing here is evaluated. Kept short in programs started: each costs a millisecond of every launch.
set -eu
stage=$1 uid=$2 groups=$3 outbound=$4 bytes=$5 ports=$6
shift 6

case $stage in
tun)
  mount -t tmpfs -o size=4k,nr_inodes=4,mode=755 none /dev/net
  mknod -m 666 /dev/net/tun c 10 200
  exec setpriv --reuid "$uid" --regid "$uid" "$groups" sh launch.sh own - - "$outbound" "$bytes" "$ports" "$@"
  ;;
own)
  mkfifo run/console run/up
  # The launcher holds the writing end of both: console writer and slirp4netns end when it does.
  { . ./console.sh; } <run/console >/dev/null 3>&- 4>&- 5>&- &
  exec 4>run/console
  if [ "$outbound" = yes ]; then
    {
      read -r _ && exec slirp4netns --exit-fd=0 --configure --disable-host-loopback --mtu=65520 --cidr=198.19.255.0/24 \
        --enable-seccomp $$ tap0 >/dev/null
    } <run/up 3>&- 4>&- &
    exec 5>run/up
  fi
  exec unshare -Urnpf --kill-child sh launch.sh inside - - "$outbound" "$bytes" "$ports" "$@"
  ;;
inside)
  ip -batch net.ip
  nft -f net.nft
  forward() {
    # 60 s for an answer after the guest has closed its side; 32 connections at a time, more wait in the kernel's queue.
    socat -t 60 -T 600 "TCP4-LISTEN:$1,fork,reuseaddr,max-children=32,backlog=64" "UNIX-CONNECT:../$2" >/dev/null 2>&1 3>&- 4>&- 5>&- &
  }
  udhcpd -f udhcpd.conf >/dev/null 2>&1 3>&- 4>&- 5>&- &
  forward 80 guest.sock
  for port in $ports; do forward "$port" "svc-$port.sock"; done
  if [ "$outbound" = yes ]; then
    echo 1 >/proc/sys/net/ipv4/ip_forward
    echo up >&5
    exec 5>&-
  fi
  if [ $# -eq 0 ]; then set -- sh launch.sh wait - - - - -; else exec 3>&-; fi
  exec setpriv --bounding-set=-all --inh-caps=-all --no-new-privs "$@" </dev/null >&4 4>&-
  ;;
wait)
  echo ready >&3
  exec <&3 3>&-
  read -r words
  word= feed='
'
  while [ $# -lt "$words" ]; do
    IFS= read -r line
    case $line in
    =*)
      set -- "$@" "$word${line#=}"
      word=
      ;;
    +*) word=$word${line#+}$feed ;;
    *) exit 1 ;;
    esac
  done
  exec "$@" </dev/null
  ;;
esac
