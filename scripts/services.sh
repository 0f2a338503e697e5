#!/usr/bin/env bash
# System programs that some integration tests run: `up` installs those that are missing, when it may.
# Everything else that the tests need (PostgreSQL, Valkey, Kafka's mock) comes as wheels.
set -euo pipefail

PROGRAMS=(chromium curl)

missing() {
    local program
    for program in "${PROGRAMS[@]}"; do
        command -v "$program" >/dev/null || echo "$program"
    done
}

up() {
    local wanted
    mapfile -t wanted < <(missing)
    [ ${#wanted[@]} -eq 0 ] && return
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        echo "missing: ${wanted[*]}; the tests that need them will fail (as root: apt-get install ${wanted[*]})" >&2
        return
    fi
    echo "installing ${wanted[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >/dev/null
    apt-get install -y -qq --no-install-recommends "${wanted[@]}" >/dev/null
}

case "${1:-}" in
    up) up ;;
    *) echo "usage: $0 up" >&2; exit 2 ;;
esac
