#!/bin/sh
# Builds the images of deploy/Dockerfile: `tools/images.sh [build] [TARGET ...]`, `base`, `pin`.
#   build   all that the stack needs, or those named: tradewinds jupyter superset; stand-ins: object-store-standin postgres redis proxy prometheus.
#           Where no registry answers and nothing is given, or with STANDIN=1: the base if it is absent, then everything over it, stand-ins too
#   base    Debian 12 by debootstrap from this machine's mirror (DEBIAN_MIRROR), imported as localhost/tradewinds-base
#   pin     asks the registries for the digests of the other images and writes deploy/images.env
# BASE: the image to build on. ENGINE: podman, docker or buildah; the first that is there by default.
set -eu
cd "$(dirname "$0")/.."
. tools/containers.sh
standins="object-store-standin postgres redis proxy prometheus"

engine=${ENGINE:-$(first_of buildah podman docker)}
if [ -z "$engine" ]; then
    echo "images: no buildah, podman or docker is here; on Debian: apt-get install podman buildah" >&2
    if [ $# -gt 1 ] || [ "${1:-build}" != build ]; then exit 3; fi
    echo "images: nothing to build: without containers 'make stack' runs the platform as plain processes" >&2
    exit 0
fi
fit_engine

tag() { case $1 in tradewinds) echo localhost/tradewinds:current ;; *) echo "localhost/tradewinds-$1:current" ;; esac; }

# The settings by which this machine's pip and uv find packages, for the build alone: secrets of the build stay out of the image.
settings() {
    place=$(mktemp -d)
    {
        echo '[global]'
        python3 -m pip config list 2>/dev/null | sed -n "s/^global\.\([a-z-]*\)='\(.*\)'$/\1 = \2/p" | sed 's/\\n/ /g'
    } > "$place/pip.conf"
    python3 - "$place" <<'PYTHON'
import configparser, os, pathlib, sys
place = pathlib.Path(sys.argv[1])
read = configparser.RawConfigParser()
read.read(place / "pip.conf")
given = dict(read["global"]) if read.has_section("global") else {}
index = os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("PIP_INDEX_URL") or given.get("index-url")
extra = [one for one in given.get("extra-index-url", "").split() if one]
links = [one for one in given.get("find-links", "").split() if one]
# What is installed is known by its hash, so that every index is as good as another.
strategy = ["index-strategy = 'unsafe-best-match'"] if extra else []
lines = strategy + ([f'index-url = "{index}"'] if index else []) + ([f"extra-index-url = {extra!r}"] if extra else []) + ([f"find-links = {links!r}"] if links else [])
(place / "uv.toml").write_text("\n".join(lines).replace("'", '"') + "\n")
# Wheels that stand in folders of this machine have to be seen by the build.
folders = {one.removeprefix("file://").removesuffix("/simple") for one in [*extra, *links] if one.startswith(("/", "file://"))}
(place / "folders").write_text("".join(f"{one.rstrip('/')}\n" for one in sorted(folders) if pathlib.Path(one).is_dir()))
PYTHON
    echo "$place"
}

build() {
    place=$(settings)
    trap 'rm -rf "$place"' EXIT
    [ -n "${BASE:-}" ] || ! is_standin || BASE=$standin_base
    for target in "$@"; do
        echo "images: $target" >&2
        file=deploy/Dockerfile context=.
        case $target in postgres | redis | proxy | prometheus) file=deploy/standin/Dockerfile context=deploy/standin ;; esac
        options="--file $file --target $target --tag $(tag "$target") --secret id=pip,src=$place/pip.conf --secret id=uv,src=$place/uv.toml"
        [ -z "${BASE:-}" ] || options="$options --build-arg BASE=$BASE"
        case $engine in
            docker) engine_options='' command=build ;;
            *)
                command=build
                engine_options="--layers --format docker $build_options ${BUILD_OPTIONS:-}" # the other format has no health checks
                while read -r folder; do engine_options="$engine_options --volume $folder:$folder:ro"; done < "$place/folders"
                [ ! -r /etc/ssl/certs/ca-certificates.crt ] || engine_options="$engine_options --volume /etc/ssl/certs:/etc/ssl/certs:ro"
                ;;
        esac
        # shellcheck disable=SC2086
        "$engine" $command $options $engine_options "$context"
    done
}

base() {
    command -v debootstrap >/dev/null 2>&1 || { echo "images: no debootstrap, which makes the base; on Debian: apt-get install debootstrap" >&2; exit 3; }
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    mirror=${DEBIAN_MIRROR:-$(mirror_of_apt)}
    echo "images: Debian 12 by debootstrap from $mirror" >&2
    debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv,wget,libgomp1 bookworm "$folder/root" "$mirror" \
        > "$folder/log" 2>&1 || { tail -20 "$folder/log" >&2; exit 1; }
    rm -rf "$folder"/root/var/cache/apt/archives "$folder"/root/var/lib/apt/lists
    case $engine in
        docker) tar -C "$folder/root" -c . | docker import - "$standin_base" ;;
        *)
            if is_there podman; then tar -C "$folder/root" -c . | podman import --quiet - "$standin_base"
            else
                container=$(buildah from scratch)
                buildah copy --quiet "$container" "$folder/root" /
                buildah commit --quiet --rm --format docker "$container" "$standin_base"
            fi
            ;;
    esac
    rm -rf "$folder"
}

# Where this machine takes Debian 12 from; Debian's own address where it says nothing.
mirror_of_apt() {
    # shellcheck disable=SC2016
    found=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Codename: bookworm' 2>/dev/null | head -1)
    [ -n "$found" ] || found=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | grep -oE 'https?://[^ ]*/debian/?([[:space:]]|$)' | head -1)
    echo "${found:-http://deb.debian.org/debian}" | tr -d '[:space:]'
}

pin() {
    puller=${PULLER:-$(first_of podman docker)}
    sed -n 's/.*image: \${\([A-Z_]*_IMAGE\):-\(docker.io\|ghcr.io\)\(.*\)}/\1 \2\3/p' deploy/compose.yaml | while read -r name image; do
        "$puller" pull --quiet "$image" >/dev/null
        echo "$name=$("$puller" image inspect --format '{{index .RepoDigests 0}}' "$image")"
    done > deploy/images.env.new
    mv deploy/images.env.new deploy/images.env
    cat deploy/images.env
}

# Everything that the stack is made of; stand-ins where images of others cannot be had.
everything() {
    if is_standin; then
        [ -n "${STANDIN:-}" ] || echo "images: no registry answers and no base is given (BASE, deploy/images.env): stand-ins over a Debian of debootstrap" >&2
        BASE=${BASE:-$standin_base} STANDIN=1
        [ "$BASE" != "$standin_base" ] || has_image "$BASE" || base
        # shellcheck disable=SC2086
        build tradewinds $standins superset jupyter
    else
        build tradewinds superset jupyter
    fi
}

case ${1:-build} in
    base) base ;;
    pin) pin ;;
    build)
        [ $# -eq 0 ] || shift
        if [ $# -gt 0 ]; then build "$@"; else everything; fi
        ;;
    *) build "$@" ;;
esac
