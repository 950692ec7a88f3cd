#!/bin/sh
# Run once by the PostgreSQL image on an empty volume: a database and a role each, none of which can read another's;
# and a role that reads the ledger's views for dashboards (deploy/superset/views.sql), in read-only transactions of at most 30 seconds.
set -eu
for name in ledger airflow mlflow superset; do
    password=$(cat "/run/secrets/${name}_password")
    psql --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --set name="$name" --set password="$password" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
done
psql --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --set password="$(cat /run/secrets/reader_password)" <<'SQL'
CREATE ROLE tradewinds_reader LOGIN PASSWORD :'password';
ALTER ROLE tradewinds_reader SET default_transaction_read_only = on;
ALTER ROLE tradewinds_reader SET statement_timeout = '30s';
GRANT CONNECT ON DATABASE ledger TO tradewinds_reader;
SQL
