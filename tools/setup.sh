#!/bin/sh
# Makes .venv from the locks: `tools/setup.sh main` or `tools/setup.sh dev`. Needs Python 3.11 to 3.13 with pip, nothing else.
# 1. the first suitable Python; 2. uv into .boot by pip, with hashes; 3. the environment, with hashes; 4. the project itself.
set -eu
cd "$(dirname "$0")/.."
want=${1:-main}

find_python() {
    for name in ${TRADEWINDS_PYTHON:-} python3.11 python3.12 python3.13 python3; do
        if "$name" -c 'import sys, pip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    echo "setup: no Python 3.11, 3.12 or 3.13 with pip on PATH; set TRADEWINDS_PYTHON to one" >&2
    exit 1
}

stamp() { cat "$@" pyproject.toml | cksum; }

# The machine's own certificates: companies put theirs there.
export UV_SYSTEM_CERTS=1 UV_NATIVE_TLS=1
export UV_NO_CONFIG=1 UV_PYTHON_DOWNLOADS=never UV_LINK_MODE="${UV_LINK_MODE:-hardlink}"
[ -n "${UV_NO_PROGRESS:-}" ] || [ -t 2 ] || export UV_NO_PROGRESS=1
main=$(stamp locks/main.lock)
all=$(stamp locks/main.lock locks/dev.lock)
have=$(cat .venv/.tradewinds 2>/dev/null || true)
[ "$have" = "$all" ] && exit 0
[ "$want" = main ] && [ "$have" = "$main" ] && exit 0

python=$(find_python)
if ! PYTHONPATH=.boot "$python" -m uv --version >/dev/null 2>&1; then
    echo "setup: fetching the installer" >&2
    rm -rf .boot
    "$python" -m pip install --quiet --disable-pip-version-check --no-warn-script-location --root-user-action=ignore \
        --target .boot --require-hashes --only-binary :all: -r locks/boot.lock
fi
uv() { PYTHONPATH=.boot "$python" -m uv "$@"; }
# Whoever told pip to use another index means uv too.
if [ -z "${UV_DEFAULT_INDEX:-}" ]; then
    index=$("$python" -m pip config get global.index-url 2>/dev/null || true)
    [ -n "${PIP_INDEX_URL:-$index}" ] && export UV_DEFAULT_INDEX="${PIP_INDEX_URL:-$index}"
fi
if [ -z "${SSL_CERT_FILE:-}" ]; then
    cert=$("$python" -m pip config get global.cert 2>/dev/null || true)
    [ -n "${PIP_CERT:-$cert}" ] && export SSL_CERT_FILE="${PIP_CERT:-$cert}"
fi

if ! .venv/bin/python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
    uv venv --quiet --clear --python "$python" .venv
fi
rm -f .venv/.tradewinds
echo "setup: installing the environment" >&2
if [ "$want" = dev ]; then
    uv pip sync --quiet --python .venv/bin/python --require-hashes locks/main.lock locks/dev.lock
else
    uv pip sync --quiet --python .venv/bin/python --require-hashes locks/main.lock
fi
uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
if [ "$want" = dev ]; then echo "$all"; else echo "$main"; fi > .venv/.tradewinds
