#!/bin/sh
# Builds the images of deploy/Dockerfile: `tools/images.sh [build] [TARGET ...]`, `base`, `pin`.
#   build   all of ours, or those named: tradewinds jupyter superset; stand-ins: object-store-standin postgres redis
#   base    where no registry can be reached: Debian 12 by debootstrap, imported as localhost/tradewinds-base
#   pin     asks the registries for the digests of the other images and writes deploy/images.env
# BASE: the image to build on. ENGINE: podman, docker or buildah; the first that is there by default.
set -eu
cd "$(dirname "$0")/.."
standin=localhost/tradewinds-base:bookworm

engine=${ENGINE:-}
for name in buildah podman docker; do
    [ -n "$engine" ] || ! command -v "$name" >/dev/null 2>&1 || engine=$name
done
[ -n "$engine" ] || { echo "images: no buildah, podman or docker on PATH; on Debian: apt-get install podman buildah" >&2; exit 3; }

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
    if [ -z "${BASE:-}" ] && [ "$engine" = buildah ] && buildah inspect --type image "$standin" >/dev/null 2>&1; then BASE=$standin; fi
    set -- "$@"
    for target in "$@"; do
        echo "images: $target" >&2
        file=deploy/Dockerfile context=.
        case $target in postgres | redis) file=deploy/standin/Dockerfile context=deploy/standin ;; esac
        options="--file $file --target $target --tag $(tag "$target") --secret id=pip,src=$place/pip.conf --secret id=uv,src=$place/uv.toml"
        [ -z "${BASE:-}" ] || options="$options --build-arg BASE=$BASE"
        case $engine in
            docker) engine_options='' command=build ;;
            *)
                command=build
                engine_options="--layers --format docker ${BUILD_OPTIONS:-}" # the other format has no health checks
                while read -r folder; do engine_options="$engine_options --volume $folder:$folder:ro"; done < "$place/folders"
                [ ! -r /etc/ssl/certs/ca-certificates.crt ] || engine_options="$engine_options --volume /etc/ssl/certs:/etc/ssl/certs:ro"
                ;;
        esac
        # shellcheck disable=SC2086
        "$engine" $command $options $engine_options "$context"
    done
}

base() {
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv,wget bookworm "$folder/root" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" >&2
    rm -rf "$folder/root/var/cache/apt/archives" "$folder/root/var/lib/apt/lists"
    tar -C "$folder/root" -c . | "${IMPORTER:-podman}" import - "$standin"
}

pin() {
    sed -n 's/.*image: \${\([A-Z_]*_IMAGE\):-\(docker.io\|ghcr.io\)\(.*\)}/\1 \2\3/p' deploy/compose.yaml | while read -r name image; do
        "${PULLER:-podman}" pull --quiet "$image" >/dev/null
        echo "$name=$("${PULLER:-podman}" image inspect --format '{{index .RepoDigests 0}}' "$image")"
    done > deploy/images.env.new
    mv deploy/images.env.new deploy/images.env
    cat deploy/images.env
}

case ${1:-build} in
    base) base ;;
    pin) pin ;;
    build)
        [ $# -eq 0 ] || shift
        [ $# -gt 0 ] || set -- tradewinds jupyter superset
        build "$@"
        ;;
    *) build "$@" ;;
esac
