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
        printf '%s\n' pip-audit cyclonedx-bom | locked audit
        exit 0
        ;;
    "" | sbom) ;;
    *) echo "audit: $1, expected nothing, sbom or lock" >&2; exit 2 ;;
esac

installed "$place" audit
"$place/bin/python" tools/sbom.py --site "$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" --out build/sbom.json
[ "${1:-}" = sbom ] || exec "$place/bin/python" tools/audit.py locks/*.lock
