#!/bin/sh
# Makes .spark/venv from locks/spark.lock: Apache Spark in an environment of its own, to read the lake as another engine does. Wants a Java
# on PATH, 17 or later (Debian: openjdk-17-jre-headless).
# `tools/spark.sh lock` resolves the lock anew; `tools/spark.sh path` prints where the environment stands.
set -eu
cd "$(dirname "$0")/.."
. tools/installer.sh
place=.spark/venv

case ${1:-} in
    lock)
        get_installer
        echo 'pyspark==4.0.1' | uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
            --no-emit-index-url --no-emit-find-links - -o locks/spark.lock
        if grep -n '://' locks/spark.lock; then
            echo "spark: an address stands in the lock" >&2
            exit 1
        fi
        ;;
    path) echo "$place" ;;
    "")
        sum=$(cksum < locks/spark.lock)
        [ "$(cat .spark/.stamp 2>/dev/null || true)" != "$sum" ] || exit 0
        get_installer
        echo "spark: installing" >&2
        mkdir -p .spark
        has_python "$place" || uv venv --quiet --clear --python "$python" "$place"
        rm -f .spark/.stamp
        uv pip sync --quiet --python "$place/bin/python" --require-hashes locks/spark.lock
        echo "$sum" > .spark/.stamp
        ;;
    *) echo "spark: $1, expected nothing, lock or path" >&2; exit 2 ;;
esac
