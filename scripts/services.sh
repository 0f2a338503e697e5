#!/usr/bin/env bash
# System programs that some integration tests run: `up` installs those that are missing, when it may, and fetches Kafka.
# What the lab's shop needs (PostgreSQL, Valkey, MLflow) comes as wheels; the servers of `akeso lab street` are Debian's.
set -euo pipefail
cd "$(dirname "$0")/.."

# Each program, and the package that has it.
declare -A PROGRAMS=(
    [chromium]=chromium [curl]=curl [prometheus]=prometheus [prometheus-alertmanager]=prometheus-alertmanager
    [rsyslogd]=rsyslog [java]=default-jre-headless [mvn]=maven
    [nginx]=nginx [redis-server]=redis-server [rabbitmq-server]=rabbitmq-server
    [prometheus-node-exporter]=prometheus-node-exporter [prometheus-postgres-exporter]=prometheus-postgres-exporter
    [prometheus-redis-exporter]=prometheus-redis-exporter [pg_createcluster]=postgresql
)
POLICY=/usr/sbin/policy-rc.d
KAFKA=.services/kafka
KAFKA_POM=scripts/kafka/pom.xml
STREET=.services/street
STREET_NEEDS=scripts/street/requirements.txt
COPY=org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies

missing() {
    local program
    for program in "${!PROGRAMS[@]}"; do
        command -v "$program" >/dev/null || echo "${PROGRAMS[$program]}"
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

programs() {
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
    if apt-get update -qq >/dev/null && apt-get install -y -qq --no-install-recommends "${wanted[@]}" >/dev/null; then
        enable_nothing "${wanted[@]}"
    else
        echo "not installed: ${wanted[*]}; the tests that need them will fail" >&2
    fi
}

# Kafka's jars, from the repository that this machine's Maven is set up for. Only a whole set takes the final name.
kafka() {
    cmp -s "$KAFKA_POM" "$KAFKA/pom.xml" && return
    command -v mvn >/dev/null || return 0
    local begun=$KAFKA.begun
    echo "fetching Kafka"
    rm -rf "$begun"
    mkdir -p "$begun"
    fetched "$begun" || fetched "$begun" || {
        echo "Kafka's jars could not be fetched by Maven (see above); the tests of the Kafka bus will fail" >&2
        return
    }
    cp "$KAFKA_POM" "$begun/pom.xml"
    rm -rf "$KAFKA"
    mv "$begun" "$KAFKA"
}

# -C: a file that does not have its checksum fails; -U: what was not found earlier is asked for again.
fetched() {
    mvn --batch-mode --quiet -C -U --file "$KAFKA_POM" "$COPY" -DincludeScope=runtime -DoutputDirectory="$PWD/$1"
}

# The services of `akeso lab street` run in an environment of their own, from hashes. Only a whole one takes the final name.
street() {
    cmp -s "$STREET_NEEDS" "$STREET/requirements.txt" && return
    echo "making the street's environment"
    rm -rf "$STREET"
    "${PYTHON:-python3}" -m venv "$STREET/venv"
    if "$STREET/venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes --requirement "$STREET_NEEDS"; then
        cp "$STREET_NEEDS" "$STREET/requirements.txt"
    else
        echo "the street's packages could not be installed (see above); the tests of the street will fail" >&2
    fi
}

up() {
    programs
    kafka
    street
}

case "${1:-}" in
    up) up ;;
    *) echo "usage: $0 up" >&2; exit 2 ;;
esac
