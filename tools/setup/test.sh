#!/bin/sh
# Types, lint, and all tests: `test.sh NODE [arguments of vitest]`. Ends with one line, `N passed, N failed`.
# The current folder is the repository's root.
set -eu
node=$1
shift
. tools/setup/lib.sh

# The tests start PLCs, node managers and `pl` hundreds of times: where compiled code is kept, that is half the work.
NODE_COMPILE_CACHE=$(compile_cache)
export NODE_COMPILE_CACHE

results=$(mktemp -d)
beside=
tidy_up() {
  # What a shell starts beside itself does not hear of Ctrl-C.
  [ -z "$beside" ] || kill "$beside" 2>/dev/null || true
  rm -rf "$results"
}
trap tidy_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Runs vitest in the place of this shell; it leaves its report under the given name.
exec_vitest() {
  report=$results/$1.json
  shift
  exec "$node" node_modules/vitest/vitest.mjs run --reporter=default --reporter=json --outputFile.json="$report" "$@"
}

# Runs vitest to its end; its exit status stands beside its report.
run_vitest() {
  status=0
  (exec_vitest "$@") || status=$?
  printf '%s' "$status" >"$results/$1.status"
}

# Files given: a person tries some tests, and nothing is repeated.
if [ $# -gt 0 ]; then
  run_vitest some "$@"
  "$node" tools/setup/tally.ts "$results"
  exit
fi

# Types and lint (each counts as one test), then the tests beside the source, one file at a time.
beside_the_machine() {
  for check in types lint; do
    say "$check"
    if sh tools/setup/check.sh "$node" "$check"; then state=passed; else state=failed; fi
    printf '%s' "$state" >"$results/$check.check"
  done
  say "tests beside the source"
  exec_vitest unit --project=unit --maxWorkers=1
}

# These compute, while the tests of the machine mostly wait: at the same time they take little longer than the latter
# alone. One vitest would run them one after the other (docs/decisions/0023).
say "tests of the machine; types, lint and the tests beside the source meanwhile, which speak at the end"
(beside_the_machine) >"$results/beside.log" 2>&1 &
beside=$!
# Slivers of the tests start from it. Made here, because it takes longer than a test waits for what it needs.
if [ "$(id -u)" = 0 ]; then
  "$node" apps/node-manager/main.ts image build debian-12 --if-changed >/dev/null || true # who needs it says so
fi
run_vitest machine --project=host --project=end-to-end
status=0
wait "$beside" || status=$?
beside=
printf '%s' "$status" >"$results/unit.status"
cat "$results/beside.log"

# These tests use a real machine together with whatever else runs there. A file that failed is run once more, alone; the
# tally names it, so that a test that needs a second attempt is seen (docs/decisions/0012).
if "$node" tools/setup/failed-files.ts "$results" >"$results/failed-files"; then
  say "once more, each alone: $(tr '\n' ' ' <"$results/failed-files")"
  # shellcheck disable=SC2046 # paths in the repository have no spaces
  run_vitest again --no-file-parallelism $(cat "$results/failed-files")
fi

"$node" tools/setup/tally.ts "$results"
