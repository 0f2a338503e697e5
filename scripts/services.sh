#!/usr/bin/env bash
# System programs that some integration tests run: `up` installs those that are missing, when it may.
# Everything else that the tests need (PostgreSQL, Valkey, Kafka's mock) comes as wheels.
set -euo pipefail

PROGRAMS=(chromium curl prometheus prometheus-alertmanager)
POLICY=/usr/sbin/policy-rc.d

missing() {
    local program
    for program in "${PROGRAMS[@]}"; do
        command -v "$program" >/dev/null || echo "$program"
    done
}

# The tests start their own processes on ports and folders of their own, so Debian must not start its services.
start_nothing() {
    [ -e "$POLICY" ] && return
    printf '#!/bin/sh\nexit 101\n' >"$POLICY"
    chmod +x "$POLICY"
    trap 'rm -f "$POLICY"' EXIT
}

# Where there is an init system, it would start them at the next boot.
enable_nothing() {
    local program
    [ -d /run/systemd/system ] || return 0
    for program in "$@"; do
        systemctl disable --quiet "$program" 2>/dev/null || true
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
    start_nothing
    apt-get update -qq >/dev/null
    apt-get install -y -qq --no-install-recommends "${wanted[@]}" >/dev/null
    enable_nothing "${wanted[@]}"
}

case "${1:-}" in
    up) up ;;
    *) echo "usage: $0 up" >&2; exit 2 ;;
esac
