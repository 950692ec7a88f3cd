#!/bin/sh
# The stack of deploy/compose.yaml: `tools/stack.sh secrets|check|up|prove|down|status [service ...]`.
#   up        secrets, a workspace, then everything, and waits until every service is healthy; down keeps the volumes
#             Over stand-ins (STANDIN=1, or where no registry answers: tools/containers.sh) with deploy/compose.standin.yaml; what such a
#             venue and object store told is gone with them, so that down then takes away the volumes that began with them
#             Where neither podman nor docker is here: the same platform as plain processes, as `make up` does it
#   prove     of a stack over stand-ins: one night through Airflow's workers and one paper order, both seen through the proxy
#   secrets   makes what is missing below deploy/secrets: passwords by chance, addresses from them; never touches what is there
#   check     runs the checkers over everything below deploy, those that are installed; says loudly which are not
set -eu
cd "$(dirname "$0")/.."
. tools/containers.sh
folder=deploy/secrets
export TRADEWINDS_FIRM="${TRADEWINDS_FIRM:-$(pwd)/deploy/firm}"
image=${TRADEWINDS_IMAGE:-localhost/tradewinds:current}
project=com.docker.compose.project=tradewinds
standin='' begun_with_standins=$here/begun-with-standins
first='postgres|redis|object-store|venues' once='object-store-probe|airflow-migrate|ledger-migrate' last='guard|proxy|superset|jupyter|prometheus|grafana'

# How containers are started here, into $engine and $compose; both stay empty where that cannot be.
find_engine() {
    engine='' compose=''
    if docker compose version >/dev/null 2>&1 && is_there docker; then
        engine=docker compose="docker compose"
    elif is_there podman; then
        engine=podman
        fit_engine
        compose=$(podman_compose)
        export GUARD_PID="${GUARD_PID:-container:tradewinds_trade_1}"
    fi
    [ -n "$engine" ] || return 0
    if is_standin; then
        standin=yes STANDIN=1 OBJECT_STORE_CHECK="healthy http http://127.0.0.1:8333/moto-api/" COMPOSE_PROFILES=${COMPOSE_PROFILES:-live}
        export OBJECT_STORE_CHECK COMPOSE_PROFILES
    else
        STANDIN=0 # is not asked again
    fi
    [ "${TRADEWINDS_HTTPS_PORT:-443}" = 443 ] || export TRADEWINDS_PORT_SHOWN=":$TRADEWINDS_HTTPS_PORT"
}

# The machine's own where it is new enough (Debian 12's is not), else that of locks/podman-compose.lock in a folder of this checkout.
podman_compose() {
    if podman-compose --version 2>/dev/null | grep -qE 'podman-compose version:? (1\.([5-9]|[1-9][0-9])|[2-9])'; then
        echo podman-compose
        return
    fi
    place=$here/compose
    if [ ! -x "$place/bin/podman-compose" ] || [ locks/podman-compose.lock -nt "$place/bin/podman-compose" ]; then
        echo "stack: installing podman-compose into $place, once" >&2
        python3 -m venv "$place"
        "$place/bin/pip" install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r locks/podman-compose.lock >&2
        touch "$place/bin/podman-compose"
    fi
    echo "$place/bin/podman-compose"
}

compose() {
    [ -z "$standin" ] || set -- --file deploy/compose.standin.yaml "$@"
    [ ! -r deploy/images.env ] || set -- --env-file deploy/images.env "$@"
    # shellcheck disable=SC2086
    $compose --file deploy/compose.yaml "$@"
}

secret() { # NAME [CONTENT]: by chance where no content is given
    [ ! -e "$folder/$1" ] || return 0
    if [ $# -gt 1 ]; then printf '%s\n' "$2" > "$folder/$1"; else chance 32 > "$folder/$1"; fi
    chmod 0444 "$folder/$1" # the folder is closed; a container's user has to read the file that is mounted
}
chance() { python3 -c "import secrets, sys; print(secrets.token_urlsafe(int(sys.argv[1])))" "$1"; }
key_of() { printf 'TRADEWINDS_%s__VENUE__KEY=sandbox-%s-key\nTRADEWINDS_%s__VENUE__SECRET=sandbox-%s-secret' "$1" "$2" "$1" "$2"; }
have() { cat "$folder/$1"; }

secrets() {
    umask 022
    mkdir -p "$folder"
    chmod 0700 "$folder"
    for name in postgres ledger airflow mlflow superset superset_admin reader redis grafana pgadmin ib; do secret "${name}_password"; done
    for name in airflow_jwt superset_secret jupyter_token object_store_key; do secret "$name"; done
    secret airflow_fernet "$(python3 -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())')"
    secret airflow_passwords "{\"admin\": \"$(chance 18)\"}"
    secret ledger_database "postgresql+psycopg2://ledger:$(have ledger_password)@postgres:5432/ledger"
    secret airflow_database "postgresql+psycopg2://airflow:$(have airflow_password)@postgres:5432/airflow"
    secret airflow_results "db+postgresql+psycopg2://airflow:$(have airflow_password)@postgres:5432/airflow"
    secret mlflow_database "postgresql+psycopg2://mlflow:$(have mlflow_password)@postgres:5432/mlflow"
    secret superset_database "postgresql+psycopg2://superset:$(have superset_password)@postgres:5432/superset"
    secret reader_database "postgresql+psycopg2://tradewinds_reader:$(have reader_password)@postgres:5432/ledger"
    secret redis_config "requirepass $(have redis_password)"
    secret broker_url "redis://:$(have redis_password)@redis:6379/0"
    secret object_store_credentials "$(printf '[default]\naws_access_key_id = tradewinds\naws_secret_access_key = %s' "$(have object_store_key)")"
    secret object_store_identities "{\"identities\": [{\"name\": \"tradewinds\", \"credentials\": [{\"accessKey\": \"tradewinds\", \"secretKey\": \"$(have object_store_key)\"}], \"actions\": [\"Admin\", \"Read\", \"List\", \"Tagging\", \"Write\"]}]}"
    if is_standin; then # the keys of the local venue, which everybody knows
        secret accounts "$(key_of ACCOUNTS trading)"
        secret guard "$(key_of GUARD guard)"
    fi
    for name in vendors accounts guard alerts; do secret "$name" "# TRADEWINDS_...=value, one a line"; done
    secret ib_user ""
}

# A workspace of yours stays as it is. A new one is what `tradewinds init` makes, in a container, so that nothing has to be installed here.
workspace() {
    [ ! -e "$TRADEWINDS_FIRM/tradewinds.yaml" ] || return 0
    echo "stack: making a workspace in $TRADEWINDS_FIRM" >&2
    (
        umask 022 # another user reads it in the containers
        mkdir -p "$TRADEWINDS_FIRM"
        [ -z "$standin" ] || cp -R deploy/standin/firm/. "$TRADEWINDS_FIRM"
        $engine run --rm --no-healthcheck --network none "$image" sh -c 'tradewinds init /tmp/firm >/dev/null && tar -C /tmp/firm -cf - .' |
            tar -C "$TRADEWINDS_FIRM" --no-same-owner --skip-old-files -xf -
        chmod -R a+rX "$TRADEWINDS_FIRM"
    )
    [ -e "$TRADEWINDS_FIRM/tradewinds.yaml" ] || { echo "stack: no workspace was made, expected $image to be built: make images" >&2; exit 1; }
}

# What is started where nothing is named. Grafana has no stand-in; a trading service without an account would only end again.
everything() {
    unwanted='ib-gateway|client-portal|pgadmin'
    [ -z "$standin" ] || unwanted="$unwanted|grafana"
    if ! grep -q '^accounts:' "$TRADEWINDS_FIRM/tradewinds.yaml"; then
        echo "stack: no trading: no accounts: in $TRADEWINDS_FIRM/tradewinds.yaml" >&2
        unwanted="$unwanted|trade|guard"
    fi
    for name in superset jupyter; do
        $engine inspect --type image "localhost/tradewinds-$name:current" >/dev/null 2>&1 || {
            echo "stack: without $name: its image is not built (tools/images.sh build $name)" >&2
            unwanted="$unwanted|$name"
        }
    done
    compose config --services 2>/dev/null | grep -vE "^($unwanted)\$"
}

up() {
    begun=$(date +%s)
    secrets
    workspace
    if [ -n "$standin" ] && [ -z "$(volumes)" ]; then
        mkdir -p "$here"
        : > "$begun_with_standins"
    fi
    # shellcheck disable=SC2046
    [ $# -gt 0 ] || set -- $(everything)
    if [ "$engine" = docker ]; then
        compose up --detach --wait "$@"
    else
        by_stages "$@"
    fi
    echo "stack: up after $(($(date +%s) - begun)) s: https://${TRADEWINDS_HOST:-localhost}${TRADEWINDS_PORT_SHOWN:-}" >&2
}

# Debian's podman (4.3) knows neither `condition: service_healthy` nor requirements of requirements: stores first, then what prepares
# them, then the rest, then what stands before or beside that, each until it is healthy.
by_stages() {
    ask_health
    stage "^($first)\$" "$@"
    stage "^($once)\$" "$@"
    stage '' "$@"
    stage "^($last)\$" "$@"
}

stage() { # PATTERN SERVICE ...: those of the services that match; '' for those of no other stage
    pattern=$1
    shift
    if [ -n "$pattern" ]; then
        chosen=$(printf '%s\n' "$@" | grep -E "$pattern" || true)
    else
        chosen=$(printf '%s\n' "$@" | grep -vE "^($first|$once|$last)\$" || true)
    fi
    [ -n "$chosen" ] || return 0
    mkdir -p "$here"
    # shellcheck disable=SC2086
    compose up --detach --no-deps --no-build $chosen > "$here/up.log" 2>&1 || { cat "$here/up.log" >&2; exit 1; }
    for name in $chosen; do
        [ -n "$($engine ps --all --quiet --filter label=$project --filter "label=com.docker.compose.service=$name")" ] || {
            cat "$here/up.log" >&2
            echo "stack: no container of $name was made" >&2
            exit 1
        }
    done
    wait_until_healthy
}

# Podman leaves it to systemd to ask containers how they are; where that does not run, this does until the stack is up.
ask_health() {
    [ ! -e /run/systemd/private ] || return 0
    (
        while kill -0 $$ 2>/dev/null; do
            for name in $(podman ps --filter label=$project --format '{{.Names}} {{.Status}}' | grep -v '(healthy)' | cut -d' ' -f1); do
                timeout 60 podman healthcheck run "$name" >/dev/null 2>&1 || true
            done
            sleep 2
        done
    ) &
    asking=$!
    trap 'kill $asking 2>/dev/null || true' EXIT
}

# Until no container of the stack is starting or unhealthy; what is not by then is named, with its last words.
wait_until_healthy() {
    tries=0
    while :; do
        waiting=$($engine ps --all --filter label=$project --format '{{.Names}} {{.Status}}' | grep -vE '\(healthy\)|Exited \(0\)' || true)
        [ -n "$waiting" ] || break
        tries=$((tries + 1))
        if [ "$tries" -ge "${STACK_TRIES:-240}" ]; then
            echo "stack: not healthy after $((tries * 5)) s:" >&2
            echo "$waiting" | while read -r name rest; do
                echo "$name $rest" >&2
                $engine logs --tail 5 "$name" 2>&1 | sed 's/^/    /' >&2
            done
            exit 1
        fi
        sleep 5
    done
    echo "stack: healthy: $($engine ps --all --filter label=$project --format '{{.Names}}' | sed 's/^tradewinds_//' | tr '\n' ' ')" >&2
}

down() {
    COMPOSE_PROFILES=live,ibkr,client-portal,pgadmin standin=yes
    export COMPOSE_PROFILES
    compose down >/dev/null 2>&1 || true
    left=$($engine ps --all --quiet --filter label=$project)
    # shellcheck disable=SC2086
    [ -z "$left" ] || $engine rm --force $left >/dev/null
    if [ -e "$begun_with_standins" ]; then
        # shellcheck disable=SC2046
        $engine volume rm $(volumes) >/dev/null
        rm -f "$begun_with_standins"
        echo "stack: down; its volumes went with the stand-ins" >&2
    else
        echo "stack: down; volumes stay" >&2
    fi
}

volumes() { $engine volume ls --quiet --filter label=$project; }

# The same platform without containers.
plain() {
    echo "stack: neither podman nor docker is here (on Debian: apt-get install podman buildah)" >&2
    [ ! -e "$TRADEWINDS_FIRM/tradewinds.yaml" ] || export TRADEWINDS_CONFIG="${TRADEWINDS_CONFIG:-$TRADEWINDS_FIRM/tradewinds.yaml}"
    case $1 in
        up) echo "stack: without containers the same platform runs as plain processes, as 'make up' does it" >&2 && tools/setup.sh main ;;
        prove) echo "stack: prove wants the containers of a stack over stand-ins" >&2 && exit 3 ;;
    esac
    exec .venv/bin/python -m tradewinds "$@"
}

asked=${1:-up}
[ $# -eq 0 ] || shift
case $asked in
    secrets) secrets ;;
    check)
        if [ ! -x .deploy/bin/checkov ] || [ deploy/checkers.txt -nt .deploy/bin/checkov ]; then
            echo "stack: installing the checkers into .deploy, once" >&2
            python3 -m venv .deploy && .deploy/bin/pip install --quiet --disable-pip-version-check -r deploy/checkers.txt && touch .deploy/bin/checkov
        fi
        exec .deploy/bin/python deploy/check.py "$@"
        ;;
    up | prove | down | status)
        find_engine
        [ -n "$engine" ] || plain "$asked" "$@"
        case $asked in
            up) up "$@" ;;
            prove) exec python3 deploy/standin/prove.py --engine "$engine" "$@" ;;
            down) down ;;
            status) $engine ps --all --filter label=$project --format '{{.Names}} {{.Status}}' ;;
        esac
        ;;
    *) echo "stack: $asked, expected secrets, check, up, prove, down or status" >&2; exit 2 ;;
esac
