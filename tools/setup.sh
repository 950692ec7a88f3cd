#!/bin/sh
# Makes .venv from the locks: `tools/setup.sh main` or `tools/setup.sh dev`. Needs Python 3.11 to 3.13 with pip, nothing else.
# 1. the first suitable Python; 2. uv into .boot by pip, with hashes; 3. the environment, with hashes; 4. the project itself;
# 5. (main only) the kernel compiled, so that the first backtest is quick. What is up to date already is left alone.
set -eu
cd "$(dirname "$0")/.."
want=${1:-main}
. tools/installer.sh

stamp() { cat "$@" pyproject.toml | cksum; }

# The rooms that hold compiled code; where one of them changes, everything is compiled anew.
sources() { (cd src/tradewinds && find compiled performance factors trading simulation -name '*.py' | LC_ALL=C sort | xargs cat | cksum); }

compile_kernel() {
    [ "$want" = main ] || return 0
    sum=$(sources)
    [ "$(cat .venv/.compiled 2>/dev/null || true)" = "$sum" ] && return 0
    echo "setup: compiling the kernel, once" >&2
    if .venv/bin/python -c 'from tradewinds.simulation.ahead import compile_all; compile_all()' >&2; then
        echo "$sum" > .venv/.compiled
    else
        echo "setup: that did not work; the first backtest will compile it" >&2
    fi
}

main=$(stamp locks/main.lock)
all=$(stamp locks/main.lock locks/dev.lock)
have=$(sed -n 1p .venv/.tradewinds 2>/dev/null || true)
if [ "$have" = "$all" ] || { [ "$want" = main ] && [ "$have" = "$main" ]; }; then
    compile_kernel
    exit 0
fi

# Whoever has the tools of development keeps them.
tools=$want
[ "$(sed -n 2p .venv/.tradewinds 2>/dev/null || true)" != dev ] || tools=dev
get_installer
has_python .venv || uv venv --quiet --clear --python "$python" .venv
rm -f .venv/.tradewinds
echo "setup: installing the environment" >&2
if [ "$tools" = dev ]; then
    uv pip sync --quiet --python .venv/bin/python --require-hashes locks/main.lock locks/dev.lock
else
    uv pip sync --quiet --python .venv/bin/python --require-hashes locks/main.lock
fi
uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
if [ "$tools" = dev ]; then printf '%s\n' "$all" dev; else printf '%s\n' "$main" main; fi > .venv/.tradewinds
compile_kernel
