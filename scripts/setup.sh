#!/usr/bin/env bash
# Makes .venv from the locks with hashes: `setup.sh demo` with what Akeso and its lab need, `setup.sh full` (the default)
# with everything that the project and its tests need. With uv where it is there or can be installed, else with pip.
# What the installers say is kept in .venv/setup.log and shown when something fails.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON="${PYTHON:-python3}"
WHAT="${1:-full}"
VENV=.venv
LOG=$VENV/setup.log
UNFINISHED=$VENV/.unfinished # stands while packages are being installed
MADE_IN=$VENV/.made-in       # the folder it was made in: an environment cannot be moved
UV=""

case "$WHAT" in
    demo) LOCK=requirements/core-lab.lock ;;
    full) LOCK=requirements.lock ;;
    *) echo "usage: $0 [demo|full]" >&2; exit 2 ;;
esac

say() {
    printf '%s\n' "$*"
}

fail() {
    say "set-up failed: $1" >&2
    exit 1
}

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

check_python() {
    new_enough "$PYTHON" && return
    fail "Akeso needs Python 3.11 or newer; $PYTHON: $("$PYTHON" --version 2>&1 | sed 's/.*: //' || true). Name another one: make PYTHON=/path/to/python3.11 …"
}

usable() {
    [ ! -e "$UNFINISHED" ] && new_enough "$VENV/bin/python" && "$VENV/bin/python" -m pip --version >/dev/null 2>&1 &&
        [ "$(cat "$MADE_IN" 2>/dev/null || pwd -P)" = "$(pwd -P)" ]
}

make_environment() {
    if [ -e "$VENV" ]; then
        usable && return
        say "  $VENV was left unfinished, was moved, or has lost its Python: making it anew"
        rm -rf "$VENV"
    fi
    if ! "$PYTHON" -m venv "$VENV"; then
        rm -rf "$VENV"
        fail "$PYTHON makes no virtual environment (see above). Debian and Ubuntu keep that in a package: apt install python3-venv"
    fi
    pwd -P >"$MADE_IN"
}

# uv reads no settings of pip's, so what pip was told of a mirror or a certificate is handed on.
hand_on() {
    local value
    [ -z "${!2:-}" ] || return 0
    value=$(sed -n "s/^:env:\.$1='\(.*\)'$/\1/p;t;s/^[a-z]*\.$1='\(.*\)'$/\1/p" <<<"$PIP_SETTINGS" | head -1)
    [ -z "$value" ] || export "$2=$value"
}

find_uv() {
    [ -x "$VENV/bin/uv" ] || command -v uv >/dev/null ||
        "$VENV/bin/python" -m pip install --quiet --require-hashes --requirement requirements/uv.lock >"$LOG" 2>&1 || true
    UV=$(PATH=$PWD/$VENV/bin:$PATH command -v uv || true)
    [ -n "$UV" ] || { say "  no uv to be had; pip takes longer"; return 0; }
    PIP_SETTINGS=$("$VENV/bin/python" -m pip config list 2>/dev/null || true)
    hand_on index-url UV_DEFAULT_INDEX
    hand_on extra-index-url UV_INDEX
    hand_on cert SSL_CERT_FILE
}

install() {
    if [ -n "$UV" ]; then
        # Else each of the many processes of the shop and of the tests would compile what it imports.
        "$UV" pip install --python "$VENV/bin/python" --compile-bytecode "$@" && return
        say "uv failed, trying pip"
    fi
    "$VENV/bin/python" -m pip install --disable-pip-version-check --progress-bar off "$@"
}

install_all() {
    install --require-hashes --requirement "$LOCK" &&
        install --no-deps --no-build-isolation --editable .
}

# How far the installer is: its newest line, and how many packages it has begun to fetch, as far as it tells.
how_far() {
    local begun newest
    begun=$(grep -cE '^(Collecting|Downloading) ' "$LOG") || begun=0
    newest=$(tail -n 1 "$LOG" | sed "s/^ *//; s/^Installed \([0-9]*\) packages.*/\1 packages are there; compiling them/" | cut -c 1-70)
    printf '  %3d s  %s' "$SECONDS" "${newest:-asking which files there are}"
    [ "$begun" -eq 0 ] || printf '  [%d begun]' "$begun"
}

# Runs a command with its output in the log, and says every few seconds how far it is.
watched() {
    local pid next=0 every=5
    [ ! -t 1 ] || every=1
    "$@" >"$LOG" 2>&1 &
    pid=$!
    trap 'kill "$pid" 2>/dev/null || true; say ""; exit 130' INT TERM
    while sleep 0.2 && kill -0 "$pid" 2>/dev/null; do
        [ "$SECONDS" -ge "$next" ] || continue
        next=$((SECONDS + every))
        if [ -t 1 ]; then printf '\r\033[K%s' "$(how_far)"; else say "$(how_far)"; fi
    done
    [ ! -t 1 ] || printf '\r\033[K'
    trap - INT TERM
    wait "$pid"
}

check_python
say "[1/3] an environment of its own in $VENV, with $("$PYTHON" --version)"
make_environment
say "[2/3] uv, which installs faster than pip"
find_uv
say "[3/3] $(grep -c '^[a-z0-9].*==' "$LOCK") packages from $LOCK, with $([ -n "$UV" ] && echo uv || echo pip)"
touch "$UNFINISHED"
if ! watched install_all; then
    tail -n 40 "$LOG" >&2
    fail "the packages could not be installed; all that was said is in $LOG"
fi
rm "$UNFINISHED"
touch "$VENV/.ready-demo"
[ "$WHAT" = demo ] || touch "$VENV/.ready"
say "ready after $SECONDS s"
