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

say "tests"
status=0
"$node" node_modules/vitest/vitest.mjs run --reporter=default --reporter=json \
  --outputFile.json="$results/vitest.json" "$@" || status=$?
printf '%s' "$status" >"$results/vitest.status"

"$node" tools/setup/tally.ts "$results"
