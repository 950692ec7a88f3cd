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
    mkdir -p locks/peers
    for name in $all; do
        wanted "$name" | locked "peers/$name"
    done
    exit 0
fi

for name in ${*:-$all}; do
    wanted "$name" > /dev/null
    installed ".peers/$name" "peers/$name"
done
