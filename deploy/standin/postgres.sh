#!/bin/sh
# The first start makes the cluster and runs the scripts, as the usual image does; every start becomes the server.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    initdb --auth-local=trust --auth-host=scram-sha-256 --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" --encoding=UTF8 >/dev/null
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    pg_ctl --silent --wait --options="-c listen_addresses=''" start >/dev/null
    for script in /docker-entrypoint-initdb.d/*.sh; do sh "$script"; done
    pg_ctl --silent --wait stop >/dev/null
fi
exec "$@" -c "listen_addresses=*"
