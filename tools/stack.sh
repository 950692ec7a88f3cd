#!/bin/sh
# The stack of deploy/compose.yaml: `tools/stack.sh secrets|check|up|down|status [service ...]`.
#   secrets   makes what is missing below deploy/secrets: passwords by chance, addresses from them; never touches what is there
#   up        secrets, then everything, and waits until every service is healthy; down keeps the volumes
#             STANDIN=1: with deploy/compose.standin.yaml, and only what that has images for
#   check     runs the checkers over everything below deploy, those that are installed; says loudly which are not
set -eu
cd "$(dirname "$0")/.."
folder=deploy/secrets
[ -z "${STANDIN:-}" ] || export OBJECT_STORE_CHECK="healthy http http://127.0.0.1:8333/moto-api/"

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
    secret airflow_results "db+postgresql+psycopg2://airflow:$(have airflow_password)@postgres:5432/airflow"
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
        echo "stack: neither 'docker compose' nor podman-compose is here; on Debian: apt-get install podman, pip install podman-compose" >&2
        echo "stack: without containers 'make up' runs the same platform as plain processes" >&2
        exit 3
    fi
}

# Debian's podman (4.3) knows neither `condition: service_healthy` nor requirements of requirements: stores first, then what prepares
# them, then the rest, each until it is healthy.
by_stages() {
    # shellcheck disable=SC2046
    [ $# -gt 0 ] || set -- $(compose config --services 2>/dev/null | grep -vE '^(guard|ib-gateway|client-portal|pgadmin)$')
    ask_health
    stage '^(postgres|redis|object-store)$' "$@"
    stage '^(object-store-probe|airflow-migrate)$' "$@"
    stage '' "$@"
}

stage() { # PATTERN SERVICE ...: those of the services that match; '' for those of no other stage
    pattern=$1
    shift
    if [ -n "$pattern" ]; then
        chosen=$(printf '%s\n' "$@" | grep -E "$pattern" || true)
    else
        chosen=$(printf '%s\n' "$@" | grep -vE '^(postgres|redis|object-store|object-store-probe|airflow-migrate)$' || true)
    fi
    [ -n "$chosen" ] || return 0
    # shellcheck disable=SC2086
    compose up --detach --no-deps $chosen
    wait_until_healthy
}

# Podman leaves it to systemd to ask containers how they are; where that does not run, this does until the stack is up.
ask_health() {
    [ ! -e /run/systemd/private ] || return 0
    (
        while kill -0 $$ 2>/dev/null; do
            for name in $(podman ps --filter label=com.docker.compose.project=tradewinds --format '{{.Names}}'); do
                timeout 30 podman healthcheck run "$name" >/dev/null 2>&1 || true
            done
            sleep 2
        done
    ) &
    asking=$!
    trap 'kill $asking 2>/dev/null || true' EXIT
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
    echo "stack: healthy: $($engine ps --all --filter label=com.docker.compose.project=tradewinds --format '{{.Names}}' | tr '\n' ' ')"
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
        if docker compose version >/dev/null 2>&1; then
            compose up --detach --wait "$@"
        else
            by_stages "$@"
        fi
        ;;
    down) compose down ;;
    status) compose ps ;;
    *) echo "stack: $1, expected secrets, check, up, down or status" >&2; exit 2 ;;
esac
