#!/bin/sh
# Builds the pages as a site, strictly and without a network, into site/. mkdocs stands in .docs/venv, from locks/docs.lock.
# `tools/docs.sh lock` resolves the lock anew; `tools/docs.sh serve` shows the pages on the loopback while they are written.
set -eu
cd "$(dirname "$0")/.."
. tools/installer.sh
place=.docs/venv

if [ "${1:-}" = lock ]; then
    get_installer
    echo mkdocs-material | uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
        --no-emit-index-url --no-emit-find-links - -o locks/docs.lock
    if grep -n '://' locks/docs.lock; then
        echo "docs: an address stands in the lock" >&2
        exit 1
    fi
    exit 0
fi

sum=$(cksum < locks/docs.lock)
if [ "$(cat .docs/.stamp 2>/dev/null || true)" != "$sum" ]; then
    get_installer
    echo "docs: installing mkdocs" >&2
    mkdir -p .docs
    has_python "$place" || uv venv --quiet --clear --python "$python" "$place"
    rm -f .docs/.stamp
    uv pip sync --quiet --python "$place/bin/python" --require-hashes locks/docs.lock
    echo "$sum" > .docs/.stamp
fi

case ${1:-} in
    serve) exec "$place/bin/mkdocs" serve --dev-addr 127.0.0.1:8010 ;;
    # Strictness counts warnings, which a quiet mkdocs does not even make.
    "") NO_MKDOCS_2_WARNING=1 "$place/bin/mkdocs" build --strict --site-dir site ;;
    *) echo "docs: $1, expected nothing, serve or lock" >&2; exit 2 ;;
esac
