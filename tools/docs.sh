#!/bin/sh
# Builds the pages as a site, strictly and without a network, into site/. mkdocs stands in .docs/venv, from locks/docs.lock.
# `tools/docs.sh lock` resolves the lock anew; `tools/docs.sh serve` shows the pages on the loopback while they are written.
set -eu
cd "$(dirname "$0")/.."
. tools/installer.sh
place=.docs/venv

if [ "${1:-}" = lock ]; then
    echo mkdocs-material | locked docs
    exit 0
fi

installed "$place" docs

case ${1:-} in
    serve) exec "$place/bin/mkdocs" serve --dev-addr 127.0.0.1:8010 ;;
    # Strictness counts warnings, which a quiet mkdocs does not even make.
    "") NO_MKDOCS_2_WARNING=1 "$place/bin/mkdocs" build --strict --site-dir site ;;
    *) echo "docs: $1, expected nothing, serve or lock" >&2; exit 2 ;;
esac
