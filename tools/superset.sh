#!/bin/sh
# Makes .superset/venv from locks/superset.lock: Superset in an environment of its own, for it wants an older SQLAlchemy than we do.
# `tools/superset.sh lock` resolves the lock anew; `tools/superset.sh path` prints where the environment stands.
set -eu
cd "$(dirname "$0")/.."
. tools/installer.sh
place=.superset/venv

case ${1:-} in
    lock) locked superset < deploy/superset/requirements.in ;;
    path) echo "$place" ;;
    "") installed "$place" superset ;;
    *) echo "superset: $1, expected nothing, lock or path" >&2; exit 2 ;;
esac
