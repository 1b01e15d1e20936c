#!/usr/bin/env bash
# Make the virtual environment given as the first argument, with the project in it. Quiet but for one line of progress.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${1:-.venv}

usable() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

find_python() {
    local candidate
    for candidate in python3.11 python3.12 python3.13 python3; do
        if command -v "$candidate" >/dev/null && usable "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

if ! [ -x "$venv/bin/python" ] || ! usable "$venv/bin/python"; then
    if ! python=$(find_python); then
        # Debian keeps venv in a package of its own.
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
            echo "Installing python3-venv with apt-get ..."
            apt-get update -qq </dev/null >/dev/null
            DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv \
                </dev/null >/dev/null
        fi
        if ! python=$(find_python); then
            echo "Cloudarium needs Python 3.11, 3.12 or 3.13 with its venv module." >&2
            echo "On Debian or Ubuntu: sudo apt-get install python3 python3-venv" >&2
            exit 1
        fi
    fi
    rm -rf "$venv"
    "$python" -m venv "$venv"
fi

echo "Installing into $venv with $("$venv/bin/python" -V); the first time takes a minute or two ..."
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input -e '.[dev,moto,cloudformation]' </dev/null
