#!/bin/sh
# Types, lint, and all tests: `test.sh NODE [arguments of vitest]`. Ends with one line, `N passed, N failed`.
# The current folder is the repository's root.
set -eu
node=$1
shift
. tools/setup/lib.sh

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Files given: a person tries some tests. Without: everything, types and lint too, each counting as one test.
if [ $# -eq 0 ]; then
  for check in types lint; do
    say "$check"
    if sh tools/setup/check.sh "$node" "$check"; then state=passed; else state=failed; fi
    printf '%s' "$state" >"$results/$check.check"
  done
fi

# Runs vitest with the given arguments; leaves its report and its exit status under the given name.
run_vitest() {
  name=$1
  shift
  status=0
  "$node" node_modules/vitest/vitest.mjs run --reporter=default --reporter=json \
    --outputFile.json="$results/$name.json" "$@" || status=$?
  printf '%s' "$status" >"$results/$name.status"
}

say "tests"
run_vitest vitest "$@"

# These tests use a real machine together with whatever else runs there. A file that failed is run once more, alone; the
# tally names it, so that a test that needs a second attempt is seen (docs/decisions/0012).
if [ $# -eq 0 ] && "$node" tools/setup/failed-files.ts "$results/vitest.json" >"$results/failed-files"; then
  say "once more, each alone: $(tr '\n' ' ' <"$results/failed-files")"
  # shellcheck disable=SC2046 # paths in the repository have no spaces
  run_vitest again --no-file-parallelism $(cat "$results/failed-files")
fi

"$node" tools/setup/tally.ts "$results"
