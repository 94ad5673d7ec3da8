#!/usr/bin/env bash
# What somebody meets who installs the tarball into an empty folder, without a clone and without the development tools.
set -euo pipefail
clone=$PWD
dir=$(mktemp -d)
pids=()
passed=0
ok() {
  passed=$((passed + 1))
  echo "ok: $*"
}
trap 'status=$?; { kill "${pids[@]}" && wait "${pids[@]}"; } 2>/dev/null || true; rm -rf "$dir"; echo "$passed passed, $((status == 0 ? 0 : 1)) failed"; exit $status' EXIT

npm pack --silent --pack-destination "$dir" >/dev/null
tarball=$(echo "$dir"/detour-*.tgz)
test "$(stat -c %s "$tarball")" -lt 1250000
ok "npm pack: $(stat -c %s "$tarball") bytes"

# As on a student's computer in a room without a network: no registry answers, and npm has fetched nothing before.
mkdir "$dir/empty" "$dir/home"
export HOME="$dir/home" npm_config_cache="$dir/home/.npm" npm_config_registry=http://127.0.0.1:1
cd "$dir/empty"
npm init --yes >/dev/null
npm install "$tarball" --silent
kilobytes=$(du -sk node_modules | cut -f1)
# Of these, commander and pino are 2,000, and the page of the board with its picture 300.
test "$kilobytes" -lt 6500
ok "npm install in an empty folder, without a registry: $kilobytes kB"
test ! -e node_modules/typescript
test ! -e node_modules/detour/src/cli
ok 'neither compiler nor sources are there'

npx detour --help >help 2>help.err
grep -q '^Usage: npx detour' help
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

npm install --silent --global --prefix "$dir/global" "$tarball"
"$dir/global/bin/detour" sync receive --help | grep -q '^Usage: detour sync receive'
ok 'npm install --global, without a registry'
# A file system such as FAT has no symbolic links.
mkdir "$dir/stick"
(cd "$dir/stick" && npm init --yes >/dev/null && npm install --silent --no-bin-links "$tarball")
node "$dir/stick/node_modules/detour/scripts/detour.mjs" demo 1 --fast >/dev/null
ok 'npm install --no-bin-links'

# A program of one's own. Only the compiler and the types of Node come from the clone.
npm pkg set type=module >/dev/null
mkdir examples
cp "$clone"/scripts/examples/*.ts examples/
node "$clone/node_modules/typescript/bin/tsc" --strict --target es2023 --module nodenext \
  --types node --typeRoots "$clone/node_modules/@types" --outDir built examples/*.ts
ok 'the examples type-check against the package, strictly, as ES modules'
exec 3< <(exec node node_modules/detour/scripts/detour.mjs async relay --port 0 --journal "$dir/journal" --json)
pids+=($!)
until [[ ${line:-} == *'"listening"'* ]]; do read -r line <&3; done
[[ $line =~ \"port\":([0-9]+) ]]
relay=127.0.0.1:${BASH_REMATCH[1]}
exec 4< <(exec node built/receiver.js 0)
bob=$!
pids+=("$bob")
read -r line <&4
place=${line##* }
node built/sender.js hello "$place" "$relay" | tee said
grep -q 'direct: DELIVERED' said
kill -INT "$bob"
until [[ $line == 'bob has stopped' ]]; do read -r line <&4; done
node built/sender.js 'hello again' "$place" "$relay" | tee said
grep -q 'detour: STORED' said
exec 5< <(exec node built/collector.js "$relay")
pids+=($!)
read -r line <&5
test "$line" = '1 alice: hello again'
ok 'the examples run: the direct route, then the detour'
