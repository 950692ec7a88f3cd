# For tools/images.sh and tools/stack.sh, which source it at the checkout's root: which container engine is here and how it has to be asked,
# and whether stand-ins take the place of images that nobody can pull.
# shellcheck shell=sh disable=SC2034

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin # runc and debootstrap stand there
here=.deploy
standin_base=localhost/tradewinds-base:bookworm

is_there() {
    case $1 in
        docker) command -v docker >/dev/null 2>&1 && docker info >/dev/null 2>&1 ;; # the command alone runs nothing
        *) command -v "$1" >/dev/null 2>&1 ;;
    esac
}

# The first of these that is there; nothing where none is.
first_of() {
    for name in "$@"; do
        if is_there "$name"; then echo "$name" && return; fi
    done
}

# Podman and buildah take for granted what a confined machine (a container, a small virtual machine) does not have: systemd, cgroups of one
# version, the right to raise limits. What is missing is said to them in a file of this checkout; a CONTAINERS_CONF of yours is left alone.
fit_engine() {
    build_options=
    [ -z "${CONTAINERS_CONF:-}" ] || return 0
    limits='' engine_lines='' network=''
    # shellcheck disable=SC3045
    if ! (ulimit -Hn 1048576) 2>/dev/null; then limits="default_ulimits = [\"nofile=4096:$(least 65536 "$(ulimit -Hn)")\", \"nproc=8192:8192\"]"; fi
    [ -e /run/systemd/private ] || engine_lines='cgroup_manager = "cgroupfs"
events_logger = "file"'
    if [ ! -e /sys/fs/cgroup/cgroup.controllers ] && command -v runc >/dev/null 2>&1; then
        engine_lines="$engine_lines
runtime = \"runc\"" # crun refuses cgroups of two versions side by side
    fi
    [ -n "$limits$engine_lines" ] || return 0
    [ ! -x /usr/lib/podman/netavark ] || network='network_backend = "netavark"'
    mkdir -p "$here"
    printf '# Made by tools/containers.sh for this machine.\n[containers]\n%s\n[engine]\n%s\n[network]\n%s\n' "$limits" "$engine_lines" "$network" \
        > "$here/containers.conf"
    CONTAINERS_CONF=$(pwd)/$here/containers.conf
    BUILDAH_ISOLATION=${BUILDAH_ISOLATION:-chroot}
    export CONTAINERS_CONF BUILDAH_ISOLATION
    build_options="--network host"
}
least() { if [ "$2" = unlimited ] || [ "$1" -lt "$2" ]; then echo "$1"; else echo "$2"; fi; }

# Whether stand-ins serve: STANDIN=1 says so and STANDIN=0 the opposite. Where nothing is said they do where no registry answers and nobody
# gave images otherwise: a base, digests in deploy/images.env, the database's image in the engine's store.
is_standin() {
    case ${STANDIN:-} in
        '') ;;
        0 | no | false) return 1 ;;
        *) return 0 ;;
    esac
    [ -z "${BASE:-}${POSTGRES_IMAGE:-}" ] && [ ! -r deploy/images.env ] || return 1
    postgres=$(sed -n 's/.*POSTGRES_IMAGE:-\(.*\)}/\1/p' deploy/compose.yaml)
    ! has_image "$postgres" && ! registry_answers
}
has_image() { "$(first_of podman docker buildah)" inspect --type image "$1" >/dev/null 2>&1; }
registry_answers() { # any answer is one: this one says 401 to everybody
    python3 - "https://${REGISTRY:-registry-1.docker.io}/v2/" <<'PYTHON'
import sys, urllib.error, urllib.request
try:
    urllib.request.urlopen(sys.argv[1], timeout=5)
except urllib.error.HTTPError:
    pass
except OSError:
    sys.exit(1)
PYTHON
}
