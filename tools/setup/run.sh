#!/bin/sh
# What `npm run lab|test|test:vm|bench|soak|pl|check|package:node|package:plc` call: does the set-up that the command needs, and only what is missing, then runs it.
# Set-up speaks on standard error; standard output belongs to the command.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
command=${1:?usage: run.sh lab|test|test-vm|bench|soak|pl|check|package-node|package-plc [arguments]}
shift
caller_directory=$PWD
cd "$root"

. tools/setup/lib.sh
PATH=$PATH:$system_path
export PATH

ensure_npm_packages
node=$(find_node)

case $command in
  lab) set -- apps/cli/main.ts lab up "$@" ;;
  pl) set -- apps/cli/main.ts "$@" ;;
  bench) set -- bench/main.ts "$@" ;;
  soak) set -- tests/soak/main.ts "$@" ;;
  package-node) set -- tools/package/node-package.ts "$@" ;;
  package-plc) set -- tools/package/plc-package.ts "$@" ;;
  test-vm) set -- tools/test-machine/main.ts "$@" ;;
  check | test) ;;
  *) say "unknown command: $command" && exit 2 ;;
esac

# `pl lab up` is the lab too, and only who made one can take it down; every other `pl` command is a client, which needs
# nothing of the host.
needs=$command
prepare=$command
if [ "$command" = pl ]; then
  prepare=
  case "${2-} ${3-}" in
    'lab up') needs=lab prepare=lab ;;
    'lab down') needs=lab ;;
  esac
fi

case $prepare in
  lab | bench | soak | test)
    ensure_distribution_packages "$prepare"
    ensure_console || say "going on without it"
    ;;
  test-vm) ensure_distribution_packages test-vm ;;
esac

case $needs in
  lab | bench | soak | test-vm) run_as_root_if_possible "$node" "$@" ;;
  test) exec sh tools/setup/test.sh "$node" "$@" ;;
  check) exec sh tools/setup/check.sh "$node" ;;
  package-node | package-plc) exec "$node" "$@" ;;
  # A client's file arguments are relative to where it was called: npm changes the folder and remembers it in INIT_CWD.
  pl)
    script=$root/$1
    shift
    cd "${INIT_CWD:-$caller_directory}"
    exec env NODE_COMPILE_CACHE="$(compile_cache)" "$root/$node" "$script" "$@"
    ;;
esac
