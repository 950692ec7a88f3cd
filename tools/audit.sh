#!/bin/sh
# What we ship, listed and looked up: build/sbom.json (CycloneDX, made without a network) of locks/main.lock, then pip-audit over every lock.
# Both stand in .audit/venv, from locks/audit.lock. `tools/audit.sh lock` resolves that lock anew; `tools/audit.sh sbom` only lists.
# Exit code: 0 nothing known against any package, 1 something is, 75 the vulnerability service could not be asked, so nobody knows.
set -eu
cd "$(dirname "$0")/.."
. tools/installer.sh
place=.audit/venv

case ${1:-} in
    lock)
        get_installer
        printf '%s\n' pip-audit cyclonedx-bom | uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
            --no-annotate --no-emit-index-url --no-emit-find-links - -o locks/audit.lock
        if grep -n '://' locks/audit.lock; then
            echo "audit: an address stands in the lock" >&2
            exit 1
        fi
        exit 0
        ;;
    "" | sbom) ;;
    *) echo "audit: $1, expected nothing, sbom or lock" >&2; exit 2 ;;
esac

sum=$(cksum < locks/audit.lock)
if [ "$(cat .audit/.stamp 2>/dev/null || true)" != "$sum" ]; then
    get_installer
    echo "audit: installing pip-audit and cyclonedx-bom" >&2
    mkdir -p .audit
    has_python "$place" || uv venv --quiet --clear --python "$python" "$place"
    rm -f .audit/.stamp
    uv pip sync --quiet --python "$place/bin/python" --require-hashes locks/audit.lock
    echo "$sum" > .audit/.stamp
fi

"$place/bin/python" tools/sbom.py --site "$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" --out build/sbom.json
[ "${1:-}" = sbom ] || exec "$place/bin/python" tools/audit.py locks/*.lock
