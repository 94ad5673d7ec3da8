#!/usr/bin/env bash
# What somebody meets who installs the tarball into an empty folder, without a clone and without the development tools.
set -euo pipefail
dir=$(mktemp -d)
passed=0
ok() {
  passed=$((passed + 1))
  echo "ok: $*"
}
trap 'status=$?; rm -rf "$dir"; echo "$passed passed, $((status == 0 ? 0 : 1)) failed"; exit $status' EXIT

npm pack --silent --pack-destination "$dir" >/dev/null
tarball=$(echo "$dir"/detour-*.tgz)
test "$(stat -c %s "$tarball")" -lt 1000000
ok "npm pack: $(stat -c %s "$tarball") bytes"

mkdir "$dir/empty"
cd "$dir/empty"
npm init --yes >/dev/null
npm install "$tarball" --omit=dev --silent
kilobytes=$(du -sk node_modules | cut -f1)
test "$kilobytes" -lt 5000
ok "npm install in an empty folder: $kilobytes kB"
test ! -e node_modules/typescript
test ! -e node_modules/detour/src/cli
ok 'neither compiler nor sources are there'

npx detour --help >help 2>help.err
grep -q '^Usage: detour' help
if grep 'detour:' help.err; then exit 1; fi
ok 'npx detour --help, without a set-up'
npx detour --version | grep -E '^detour [0-9.]+, protocol [0-9]+, Node [0-9.]+ on '
ok 'npx detour --version'
code=0
npx detour sync send --to 127.0.0.1:1 hello >said 2>&1 || code=$?
test "$code" -eq 10
grep -q 'NOT DELIVERED' said
ok 'sync send to nobody: NOT DELIVERED, exit 10'
npx detour demo 1 --fast
ok 'a story, with real processes'
