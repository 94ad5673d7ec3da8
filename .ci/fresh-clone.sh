#!/usr/bin/env bash
# What somebody meets who has just cloned: whatever they type first sets the clone up, once, and the next start is immediate.
set -euo pipefail
here=$PWD
dir=$(mktemp -d)
passed=0
ok() {
  passed=$((passed + 1))
  echo "ok: $*"
}
trap 'status=$?; rm -rf "$dir"; echo "$passed passed, $((status == 0 ? 0 : 1)) failed"; exit $status' EXIT

git clone --quiet "$here" "$dir/first"
cd "$dir/first"

# Two terminals at once, as in a class; both get what they asked for, and nothing else on stdout.
npx detour sync send --help >../one 2>../one.err &
one=$!
npx detour async relay --help >../two 2>../two.err &
two=$!
wait "$one" || { cat ../one.err; exit 1; }
wait "$two" || { cat ../two.err; exit 1; }
head -1 ../one | grep -q '^Usage: npx detour sync send'
head -1 ../two | grep -q '^Usage: npx detour async relay'
test "$(cat ../one.err ../two.err | grep -c 'detour: installing')" -eq 1
ok 'two first starts at once: npx detour works, and one of them sets up'

began=$(date +%s%N)
npx detour explain ECONNREFUSED >/dev/null 2>../again.err
if grep 'detour:' ../again.err; then exit 1; fi
ok "the next start has nothing to do: npx detour in $((($(date +%s%N) - began) / 1000000)) ms"

npm start --silent -- --fast
ok 'npm start'
test -z "$(git status --porcelain)"
ok 'git sees nothing that the start has made'

# The same from `npm test`, with all that it runs, and from a folder whose name is not a plain word.
git clone --quiet "$here" "$dir/zweiter Versuch (ü)"
cd "$dir/zweiter Versuch (ü)"
npm test --silent >../test.log 2>&1 || { tail -50 ../test.log; exit 1; }
grep -q 'detour: installing' ../test.log
ok 'npm test sets up, too, in a folder with spaces'
npx detour explain ECONNREFUSED >/dev/null
ok 'npx detour in a folder with spaces'
