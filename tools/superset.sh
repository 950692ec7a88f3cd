#!/bin/sh
# Makes .superset/venv from locks/superset.lock: Superset in an environment of its own, for it wants an older SQLAlchemy than we do.
# `tools/superset.sh lock` resolves the lock anew; `tools/superset.sh path` prints where the environment stands.
set -eu
cd "$(dirname "$0")/.."
. tools/installer.sh
place=.superset/venv

case ${1:-} in
    lock)
        get_installer
        uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
            --no-emit-index-url --no-emit-find-links deploy/superset/requirements.in -o locks/superset.lock
        if grep -n '://' locks/superset.lock; then
            echo "superset: an address stands in the lock" >&2
            exit 1
        fi
        ;;
    path) echo "$place" ;;
    "")
        sum=$(cksum < locks/superset.lock)
        [ "$(cat .superset/.stamp 2>/dev/null || true)" != "$sum" ] || exit 0
        get_installer
        echo "superset: installing" >&2
        mkdir -p .superset
        has_python "$place" || uv venv --quiet --clear --python "$python" "$place"
        rm -f .superset/.stamp
        uv pip sync --quiet --python "$place/bin/python" --require-hashes locks/superset.lock
        echo "$sum" > .superset/.stamp
        ;;
    *) echo "superset: $1, expected nothing, lock or path" >&2; exit 2 ;;
esac
