#!/bin/sh
# Run once by the PostgreSQL image on an empty volume: a database and a role each, none of which can read another's.
set -eu
for name in ledger airflow mlflow superset; do
    password=$(cat "/run/secrets/${name}_password")
    psql --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --set name="$name" --set password="$password" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
done
