#!/bin/sh
# What every container of ours begins with:
# 1. FROM_FILE_NAME=/place makes NAME the content of that file, so that a secret is a file and stands in no image, no compose file and no
#    `inspect`; COPY_PRIVATE="from to" puts a file where its program can write to it, readable by its owner alone;
# 2. /run/secrets/vendors, accounts, guard and alerts hold lines NAME=value, as in .env, each mounted only where it is needed;
# 3. where the image holds the project, its build is compared with that of the other services;
# 4. the program takes this process's place.
set -eu
place=
for name in $(env | sed -n 's/^FROM_FILE_\([A-Za-z0-9_]*\)=.*/\1/p'); do
    eval "place=\$FROM_FILE_$name"
    if [ ! -r "$place" ]; then
        echo "entrypoint: $name wants $place, expected a secret that can be read" >&2
        exit 2
    fi
    value=$(cat "$place")
    export "$name=$value"
    unset "FROM_FILE_$name"
done
for place in /run/secrets/vendors /run/secrets/accounts /run/secrets/guard /run/secrets/alerts /run/secrets/env/*; do
    [ -r "$place" ] || continue
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in
            '' | '#'*) ;;
            TRADEWINDS_*=*) export "${line%%=*}=${line#*=}" ;;
            *)
                echo "entrypoint: a line of $place, expected TRADEWINDS_...=value" >&2
                exit 2
                ;;
        esac
    done < "$place"
done
if [ -n "${COPY_PRIVATE:-}" ]; then
    (umask 077 && cat "${COPY_PRIVATE%% *}" > "${COPY_PRIVATE##* }")
    unset COPY_PRIVATE
fi
if [ -r /opt/tradewinds/build ]; then
    TRADEWINDS_BUILD=$(cat /opt/tradewinds/build)
    export TRADEWINDS_BUILD
    exec python -m tradewinds.app.build "$@"
fi
exec "$@"
