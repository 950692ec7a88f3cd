#!/bin/sh
# Resolves pyproject.toml into locks/*.lock: every version pinned, every file hashed, no address of any index.
set -eu
cd "$(dirname "$0")/.."
python=${TRADEWINDS_PYTHON:-python3.11}
uv() { PYTHONPATH=.boot "$python" -m uv "$@"; }
compile() {
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
        --no-emit-index-url --no-emit-find-links "$@"
}
echo uv | compile - -o locks/boot.lock
compile pyproject.toml --extra all --extra build -o locks/main.lock
compile pyproject.toml --extra all --extra build --extra dev --extra celery -c locks/main.lock -o locks/dev.lock
compile pyproject.toml --extra all --extra build --extra celery -c locks/dev.lock -o locks/stack.lock # what the images hold
echo jupyterlab | compile - -c locks/stack.lock -o locks/jupyter.lock
echo podman-compose | compile - -o locks/podman-compose.lock # what tools/stack.sh starts podman's containers with
if grep -n '://' locks/*.lock; then
    echo "lock: an address stands in a lock" >&2
    exit 1
fi
