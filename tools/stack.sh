#!/bin/sh
# The stack of deploy/compose.yaml: `tools/stack.sh secrets|check|up|down|status [service ...]`.
#   secrets   makes what is missing below deploy/secrets: passwords by chance, addresses from them; never touches what is there
#   up        secrets, then everything, and waits until every service is healthy; down keeps the volumes
#             STANDIN=1: with deploy/compose.standin.yaml, and only what that has images for
#   check     runs the checkers over everything below deploy, those that are installed; says loudly which are not
set -eu
cd "$(dirname "$0")/.."
folder=deploy/secrets

secret() { # NAME [CONTENT]: by chance where no content is given
    [ ! -e "$folder/$1" ] || return 0
    if [ $# -gt 1 ]; then printf '%s\n' "$2" > "$folder/$1"; else chance 32 > "$folder/$1"; fi
    chmod 0444 "$folder/$1" # the folder is closed; a container's user has to read the file that is mounted
}
chance() { python3 -c "import secrets, sys; print(secrets.token_urlsafe(int(sys.argv[1])))" "$1"; }
have() { cat "$folder/$1"; }

secrets() {
    umask 022
    mkdir -p "$folder"
    chmod 0700 "$folder"
    for name in postgres ledger airflow mlflow superset redis grafana pgadmin ib; do secret "${name}_password"; done
    for name in airflow_jwt superset_secret jupyter_token object_store_key; do secret "$name"; done
    secret airflow_fernet "$(python3 -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())')"
    secret airflow_passwords "{\"admin\": \"$(chance 18)\"}"
    secret ledger_database "postgresql+psycopg2://ledger:$(have ledger_password)@postgres:5432/ledger"
    secret airflow_database "postgresql+psycopg2://airflow:$(have airflow_password)@postgres:5432/airflow"
    secret airflow_results "db+postgresql://airflow:$(have airflow_password)@postgres:5432/airflow"
    secret mlflow_database "postgresql+psycopg2://mlflow:$(have mlflow_password)@postgres:5432/mlflow"
    secret superset_database "postgresql+psycopg2://superset:$(have superset_password)@postgres:5432/superset"
    secret redis_config "requirepass $(have redis_password)"
    secret broker_url "redis://:$(have redis_password)@redis:6379/0"
    secret object_store_credentials "$(printf '[default]\naws_access_key_id = tradewinds\naws_secret_access_key = %s' "$(have object_store_key)")"
    secret object_store_identities "{\"identities\": [{\"name\": \"tradewinds\", \"credentials\": [{\"accessKey\": \"tradewinds\", \"secretKey\": \"$(have object_store_key)\"}], \"actions\": [\"Admin\", \"Read\", \"List\", \"Tagging\", \"Write\"]}]}"
    for name in vendors accounts guard alerts; do secret "$name" "# TRADEWINDS_...=value, one a line"; done
    secret ib_user ""
}

compose() {
    if [ -n "${STANDIN:-}" ]; then set -- --file deploy/compose.yaml --file deploy/compose.standin.yaml "$@"; else set -- --file deploy/compose.yaml "$@"; fi
    [ ! -r deploy/images.env ] || set -- --env-file deploy/images.env "$@"
    if docker compose version >/dev/null 2>&1; then docker compose "$@"
    elif command -v podman-compose >/dev/null 2>&1; then podman-compose "$@"
    else
        echo "stack: neither 'docker compose' nor podman-compose is here; on Debian: apt-get install podman podman-compose" >&2
        echo "stack: without containers 'make up' runs the same platform as plain processes" >&2
        exit 3
    fi
}

# Until no container of the stack is starting or unhealthy; what is not by then is named.
wait_until_healthy() {
    engine=podman
    ! docker compose version >/dev/null 2>&1 || engine=docker
    tries=0
    while :; do
        waiting=$($engine ps --all --filter label=com.docker.compose.project=tradewinds --format '{{.Names}} {{.Status}}' |
            grep -vE '\(healthy\)|Exited \(0\)' || true)
        [ -n "$waiting" ] || break
        tries=$((tries + 1))
        if [ "$tries" -ge "${STACK_TRIES:-60}" ]; then
            echo "stack: not healthy after $((tries * 5)) s:" >&2
            echo "$waiting" >&2
            exit 1
        fi
        sleep 5
    done
    echo "stack: every service is healthy"
}

case ${1:-up} in
    secrets) secrets ;;
    check)
        shift
        if [ ! -x .deploy/bin/checkov ] || [ deploy/checkers.txt -nt .deploy/bin/checkov ]; then
            echo "stack: installing the checkers into .deploy, once" >&2
            python3 -m venv .deploy && .deploy/bin/pip install --quiet --disable-pip-version-check -r deploy/checkers.txt && touch .deploy/bin/checkov
        fi
        exec .deploy/bin/python deploy/check.py "$@"
        ;;
    up)
        [ $# -eq 0 ] || shift
        secrets
        [ -d "${TRADEWINDS_FIRM:-deploy/firm}" ] || { .venv/bin/python -m tradewinds init "${TRADEWINDS_FIRM:-deploy/firm}" >&2; }
        if [ $# -eq 0 ] && [ -n "${STANDIN:-}" ]; then
            set -- postgres object-store object-store-probe redis mlflow airflow-migrate airflow-api airflow-scheduler airflow-dag-processor \
                airflow-triggerer airflow-worker trade console alerts
        fi
        compose up --detach "$@"
        wait_until_healthy
        ;;
    down) compose down ;;
    status) compose ps ;;
    *) echo "stack: $1, expected secrets, check, up, down or status" >&2; exit 2 ;;
esac
