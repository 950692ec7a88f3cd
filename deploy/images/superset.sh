#!/bin/sh
# Superset in the stack: the lake's views where marts are there; its tables, administrator and dashboards; then its server.
set -eu
files=/opt/superset-files lake=/tmp/lake.duckdb marts=/var/lib/tradewinds/home/marts/current
export SUPERSET_HOME=/tmp/superset FLASK_APP="superset.app:create_app()"
mkdir -p "$SUPERSET_HOME"
[ ! -e "$marts/fact_bars.parquet" ] || python "$files/lake.py" "$marts" "$lake"
python "$files/pack.py" --out /tmp/dashboards.zip --lake "$lake" --ledger-file /run/secrets/reader_database
python "$files/prepare.py" /tmp/dashboards.zip
rm -f /tmp/dashboards.zip # the ledger's address stands in it
exec gunicorn --bind=0.0.0.0:8088 --workers=2 --worker-class=gthread --threads=8 --timeout=120 "$FLASK_APP"
