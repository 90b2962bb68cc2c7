#!/usr/bin/env bash
# Run a command with a Docker engine, and an image `dagy-test-base` in it.
#
#   with_engine.sh BASE.tar COMMAND...
#
# An engine that answers is used as it is. Otherwise one is installed if need be, and started for as
# long as the command runs, with folders of its own.
set -euo pipefail
base="$1"
shift

fail() { echo "make test-containers: $1" >&2; exit 1; }

if ! docker info >/dev/null 2>&1; then
  [ "$(id -u)" = 0 ] || fail "no Docker engine answers, and only root can start one"
  if ! command -v dockerd >/dev/null || ! command -v docker >/dev/null; then
    command -v apt-get >/dev/null || fail "dockerd is not there, and no apt-get to install it"
    (apt-get update -qq && apt-get install -y -qq --no-install-recommends docker.io) >/dev/null 2>&1 ||
      fail "apt-get could not install docker.io"
  fi
  work="$(mktemp -d)"
  # Signals end the script through its trap, so that no engine is left.
  trap 'exit 130' INT TERM
  trap 'kill "$engine" 2>/dev/null && wait "$engine" || true; rm -rf "$work"' EXIT
  export DOCKER_HOST="unix://$work/docker.sock"
  dockerd --iptables=false --data-root "$work/data" --exec-root "$work/exec" \
    --pidfile "$work/docker.pid" --host "$DOCKER_HOST" >"$work/log" 2>&1 &
  engine=$!
  for _ in $(seq 300); do
    docker info >/dev/null 2>&1 && break
    kill -0 "$engine" 2>/dev/null || break
    sleep 0.2
  done
  docker info >/dev/null 2>&1 ||
    { tail -n 5 "$work/log" >&2; fail "dockerd did not start; its last words are above"; }
fi
docker import "$base" dagy-test-base >/dev/null || fail "docker import refused $base"
"$@"
