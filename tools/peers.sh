#!/bin/sh
# Makes .peers/<name> from locks/peers/<name>.lock: other engines to compare with, each in an environment of its own, never dependencies.
# `tools/peers.sh` makes all of them, `tools/peers.sh vectorbt` one, `tools/peers.sh lock` resolves their locks anew.
set -eu
cd "$(dirname "$0")/.."
. tools/installer.sh

# Name of the environment, and what is asked for.
wanted() {
    case $1 in
        backtesting) echo backtesting==0.6.6 ;;
        backtrader) printf '%s\n' backtrader==1.9.78.123 numpy ;;
        nautilus_trader) echo nautilus_trader==1.221.0 ;;
        toraniko) printf '%s\n' toraniko==1.1.0 statsmodels==0.15.0 numpy polars ;;
        vectorbt) printf '%s\n' vectorbt==1.2.0 vectorbt-rust==1.2.0 ;;
        zipline) echo zipline-reloaded==3.2.1 ;;
        *) echo "peers: $1 is none of them" >&2; exit 1 ;;
    esac
}
all="backtesting backtrader nautilus_trader toraniko vectorbt zipline"

if [ "${1:-}" = lock ]; then
    get_installer
    mkdir -p locks/peers
    for name in $all; do
        wanted "$name" | uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
            --no-emit-index-url --no-emit-find-links - -o "locks/peers/$name.lock"
    done
    if grep -n '://' locks/peers/*.lock; then
        echo "peers: an address stands in a lock" >&2
        exit 1
    fi
    exit 0
fi

for name in ${*:-$all}; do
    wanted "$name" > /dev/null
    sum=$(cksum < "locks/peers/$name.lock")
    [ "$(cat ".peers/$name/.stamp" 2>/dev/null || true)" = "$sum" ] && continue
    [ -n "${python:-}" ] || get_installer
    echo "peers: installing $name" >&2
    mkdir -p .peers
    has_python ".peers/$name" || uv venv --quiet --clear --python "$python" ".peers/$name"
    rm -f ".peers/$name/.stamp"
    uv pip sync --quiet --python ".peers/$name/bin/python" --require-hashes "locks/peers/$name.lock"
    echo "$sum" > ".peers/$name/.stamp"
done
