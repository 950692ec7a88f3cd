#!/bin/sh
# Makes .spark/venv from locks/spark.lock: Apache Spark in an environment of its own, to read the lake as another engine does. Wants a Java
# on PATH, 17 or later (Debian: openjdk-17-jre-headless).
# `tools/spark.sh lock` resolves the lock anew; `tools/spark.sh path` prints where the environment stands.
set -eu
cd "$(dirname "$0")/.."
. tools/installer.sh
place=.spark/venv

case ${1:-} in
    lock) echo 'pyspark==4.0.1' | locked spark ;;
    path) echo "$place" ;;
    "") installed "$place" spark ;;
    *) echo "spark: $1, expected nothing, lock or path" >&2; exit 2 ;;
esac
