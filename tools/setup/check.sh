#!/bin/sh
# Types and lint: `check.sh NODE [types|lint]`; both without a second argument. The current folder is the repository's root.
set -eu
node=$1

types() {
  "$node" node_modules/typescript/bin/tsc -p . || return 1
  [ ! -f apps/console/tsconfig.json ] || "$node" node_modules/typescript/bin/tsc -p apps/console
}

lint() {
  "$node" node_modules/@biomejs/biome/bin/biome check .
}

case ${2-all} in
  types) types ;;
  lint) lint ;;
  all)
    status=0
    types || status=1
    lint || status=1
    exit "$status"
    ;;
esac
