#!/bin/sh
# Makes .jupyter/venv from locks/jupyter.lock: JupyterLab beside the platform, whose packages its kernels see. `tradewinds up --with jupyter`.
# The lock is resolved by tools/lock.sh, against the platform's own, so that no package stands there in two versions.
set -eu
cd "$(dirname "$0")/.."
. tools/installer.sh
place=.jupyter/venv

sum=$(cat locks/jupyter.lock tools/jupyter.sh | cksum)
[ "$(cat .jupyter/.stamp 2>/dev/null || true)" != "$sum" ] || exit 0
if [ ! -x .venv/bin/python ]; then
    echo "jupyter: .venv is not there, expected the platform; \`make setup\` makes it" >&2
    exit 1
fi
get_installer
echo "jupyter: installing JupyterLab" >&2
mkdir -p .jupyter
rm -f .jupyter/.stamp
# The same Python as the platform's: kernels load its compiled packages.
uv venv --quiet --clear --python .venv/bin/python "$place"
uv pip sync --quiet --python "$place/bin/python" --require-hashes locks/jupyter.lock
site=$("$place/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
ours=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
printf 'import site; site.addsitedir(%s)\n' "'$ours'" > "$site/tradewinds_platform.pth"
"$place/bin/python" -c 'import tradewinds, polars, ipykernel'
echo "$sum" > .jupyter/.stamp
