#!/usr/bin/env bash
# Check that the system has the commands given as command:package. As root on Debian the missing packages are
# installed; otherwise one message names them.
set -euo pipefail

# Ordinary users often lack the folders where these live.
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
missing=()
for pair in "$@"; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing ${missing[*]} with apt-get ..."
    apt-get update -qq </dev/null >/dev/null || true
    if DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
        </dev/null >/dev/null; then
        exit 0
    fi
fi
echo "These packages are missing: ${missing[*]}" >&2
echo "On Debian or Ubuntu: sudo apt-get install ${missing[*]}" >&2
# Not a failure: what needs them says so by name, and the rest works.
