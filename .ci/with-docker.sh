#!/usr/bin/env bash
# Runs a command with a Docker engine and Compose: `bash .ci/with-docker.sh npx tsx scripts/containers.ts`.
# An engine that is there already is used as it is. If there is none (needs root, on Debian): installs the distribution's engine, starts
# a private one, and puts everything but the installed packages back afterwards. No image registry is assumed: the base image
# of docker-compose.yml is replaced by a stand-in of the same name, made of busybox and the npm package `node`. The project's own
# build file is used unchanged.
# For development: DETOUR_DOCKER_DIR=DIR keeps what was downloaded and built in DIR.
set -euo pipefail

if docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1; then exec "$@"; fi

base=node:22-slim
here=$PWD
keep=${DETOUR_DOCKER_DIR:-}
dir=${keep:-$(mktemp -d)}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
docker=/usr/bin/docker # not one that is first in PATH and may have no plugins
log() { echo "with-docker: $*" >&2; }

# --- putting back what was changed, whatever happens

# The tables that the engine brought in: with no rules, and nothing forbidden. Saving does not mention a table that nobody uses, and
# restoring leaves alone what is not mentioned.
emptied() {
  iptables-save | awk -v before="$(grep '^[*]' "$dir/iptables.before")" '
    /^[*]/ { new = index("\n" before "\n", "\n" $0 "\n") == 0 }
    new && (/^[*]/ || /^COMMIT/) { print }
    new && /^:/ && $2 != "-" { print $1, "ACCEPT [0:0]" }'
}

engine=
cleanup() {
  local code=$?
  trap - EXIT
  if [ -n "$engine" ]; then
    # What the command left behind, if it was killed: containers hold files and networks are bridges of this machine.
    docker ps --all --quiet | xargs -r docker rm --force --volumes >/dev/null 2>&1 || true
    docker network prune --force >/dev/null 2>&1 || true
    kill "$engine" 2>/dev/null || true
    wait "$engine" 2>/dev/null || true
    ip link delete docker0 2>/dev/null || true
    { cat "$dir/iptables.before" && emptied; } | iptables-restore || true
    echo "$forward" >/proc/sys/net/ipv4/ip_forward
  fi
  if [ -z "$keep" ]; then rm -rf "$dir" || log "could not remove all of $dir"; fi
  exit "$code"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# --- the engine, from the distribution

export DEBIAN_FRONTEND=noninteractive
if ! [ -x /usr/sbin/dockerd ] || ! command -v iptables >/dev/null || ! [ -x /bin/busybox ]; then
  {
    apt-get update -qq -o DPkg::Lock::Timeout=300
    apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 docker.io iptables busybox-static
  } >"$dir/apt.log" 2>&1 || { cat "$dir/apt.log" >&2; exit 1; }
fi

# Compose v2 and buildx are in the next Debian: their programs are single files and are only unpacked, so no packages get mixed.
# The mirror is the one this machine uses.
export DOCKER_CONFIG=$dir/config
if ! [ -x "$DOCKER_CONFIG/cli-plugins/docker-compose" ]; then
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m1 -E '/debian/?$')
  mkdir -p "$dir"/apt/lists/partial "$dir"/apt/cache/archives/partial "$DOCKER_CONFIG/cli-plugins"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" >"$dir/apt/sources.list"
  options=(-o Dir::Etc::sourcelist="$dir/apt/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State::Lists="$dir/apt/lists"
    -o Dir::Cache="$dir/apt/cache" -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update -qq
  (cd "$dir/apt" && apt-get "${options[@]}" download -qq docker-compose docker-buildx &&
    for package in docker-*.deb; do dpkg-deb -x "$package" unpacked; done)
  mv "$dir"/apt/unpacked/usr/libexec/docker/cli-plugins/* "$DOCKER_CONFIG/cli-plugins/"
fi

forward=$(cat /proc/sys/net/ipv4/ip_forward)
iptables-save >"$dir/iptables.before"
export DOCKER_HOST=unix://$dir/docker.sock
dockerd --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/dockerd.pid" -H "$DOCKER_HOST" >"$dir/dockerd.log" 2>&1 &
engine=$!
for ((try = 1; ; try++)); do
  if $docker info >/dev/null 2>&1; then break; fi
  if ! kill -0 "$engine" 2>/dev/null || [ "$try" -eq 240 ]; then
    tail -30 "$dir/dockerd.log" >&2
    log 'the engine did not start'
    exit 1
  fi
  sleep 0.25
done
mkdir -p "$dir/bin"
ln -sf $docker "$dir/bin/docker"
export PATH=$dir/bin:$PATH
log "engine $(docker version --format '{{.Server.Version}}'), compose $(docker compose version --short)"

# --- the stand-in for the base image: busybox, node with the libraries it needs, npm, and a user `node`

stand_in() {
  local tree=$dir/tree library
  mkdir -p "$dir/npm"
  (cd "$dir/npm" && echo '{}' >package.json && npm install --no-save --silent node@22 npm@10 >/dev/null)
  rm -rf "$tree"
  mkdir -p "$tree"/{bin,tmp,root,home/node,etc/ssl/certs,usr/bin,usr/local/bin,usr/local/etc,usr/local/lib/node_modules}
  chmod 1777 "$tree/tmp"
  chown 1000:1000 "$tree/home/node"
  cp /bin/busybox "$tree/bin/"
  /bin/busybox --list | grep -vx busybox | while read -r name; do ln -s busybox "$tree/bin/$name"; done
  ln -s /bin/env "$tree/usr/bin/env"
  install -m 755 "$dir/npm/node_modules/node/bin/node" "$tree/usr/local/bin/node"
  ldd "$tree/usr/local/bin/node" | grep -o '/[^ ]*' | while read -r library; do
    install -D "$(readlink -f "$library")" "$tree$library"
  done
  # What getaddrinfo loads only when it is asked for a name; they lie beside the C library.
  library=$(dirname "$(ldd /bin/ls | grep -o '/[^ ]*libc\.so\.6')")
  mkdir -p "$tree$library"
  cp "$library"/libnss_{dns,files}.so.2 "$library/libresolv.so.2" "$tree$library/"
  cp -a "$dir/npm/node_modules/npm" "$tree/usr/local/lib/node_modules/"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$tree/usr/local/bin/npm"
  ln -s ../lib/node_modules/npm/bin/npx-cli.js "$tree/usr/local/bin/npx"
  # The certificates this machine trusts, so that a build finds the same servers trustworthy as the machine does.
  cp -L /etc/ssl/certs/ca-certificates.crt "$tree/etc/ssl/certs/"
  echo 'cafile=/etc/ssl/certs/ca-certificates.crt' >"$tree/usr/local/etc/npmrc"
  printf '%s\n' root:x:0:0:root:/root:/bin/sh node:x:1000:1000::/home/node:/bin/sh >"$tree/etc/passwd"
  printf '%s\n' root:x:0: node:x:1000: >"$tree/etc/group"
  echo 'hosts: files dns' >"$tree/etc/nsswitch.conf"
  tar -C "$tree" -c . | docker import \
    -c 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
    -c 'ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt' -c 'CMD ["node"]' - "$base" >/dev/null
}
docker image inspect "$base" >/dev/null 2>&1 || stand_in
log "$base stands in with node $(docker run --rm "$base" node -p process.version)"

cd "$here"
"$@"
