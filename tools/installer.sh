# For the other tools, which source it: a suitable Python in $python, `uv`, fetched into .boot by pip with hashes, and environments from locks.
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

# locked NAME: resolves what stands on the input, one requirement a line, into locks/NAME.lock; no address may come to stand there.
locked() {
    get_installer
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
        --no-emit-index-url --no-emit-find-links - -o "locks/$1.lock"
    if grep -n '://' "locks/$1.lock"; then
        echo "$1: an address stands in the lock" >&2
        exit 1
    fi
}

# installed FOLDER NAME: an environment in FOLDER of just what locks/NAME.lock says, made only where it is not that already.
installed() {
    sum=$(cksum < "locks/$2.lock")
    [ "$(cat "$1/.stamp" 2>/dev/null || true)" != "$sum" ] || return 0
    get_installer
    echo "$2: installing" >&2
    has_python "$1" || uv venv --quiet --clear --python "$python" "$1"
    rm -f "$1/.stamp"
    uv pip sync --quiet --python "$1/bin/python" --require-hashes "locks/$2.lock"
    echo "$sum" > "$1/.stamp"
}
