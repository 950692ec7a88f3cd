# For tools/setup.sh and tools/peers.sh, which source it: a suitable Python in $python, and `uv`, fetched into .boot by pip with hashes.
# shellcheck shell=sh disable=SC2034

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

# The machine's own certificates: companies put theirs there.
export UV_SYSTEM_CERTS=1 UV_NATIVE_TLS=1
export UV_NO_CONFIG=1 UV_PYTHON_DOWNLOADS=never UV_LINK_MODE="${UV_LINK_MODE:-hardlink}"
[ -n "${UV_NO_PROGRESS:-}" ] || [ -t 2 ] || export UV_NO_PROGRESS=1

uv() { PYTHONPATH=.boot "$python" -m uv "$@"; }

get_installer() {
    python=$(find_python)
    if ! uv --version >/dev/null 2>&1; then
        echo "setup: fetching the installer" >&2
        rm -rf .boot
        "$python" -m pip install --quiet --disable-pip-version-check --no-warn-script-location --root-user-action=ignore \
            --target .boot --require-hashes --only-binary :all: -r locks/boot.lock
    fi
    # Whoever told pip to use another index means uv too.
    if [ -z "${UV_DEFAULT_INDEX:-}" ]; then
        index=$("$python" -m pip config get global.index-url 2>/dev/null || true)
        [ -n "${PIP_INDEX_URL:-$index}" ] && export UV_DEFAULT_INDEX="${PIP_INDEX_URL:-$index}"
    fi
    if [ -z "${SSL_CERT_FILE:-}" ]; then
        cert=$("$python" -m pip config get global.cert 2>/dev/null || true)
        [ -n "${PIP_CERT:-$cert}" ] && export SSL_CERT_FILE="${PIP_CERT:-$cert}"
    fi
    return 0
}

# has_python FOLDER: whether an environment stands there with a Python that suits.
has_python() { "$1/bin/python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }
