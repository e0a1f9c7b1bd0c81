# shellcheck shell=sh
# Read by the other scripts: tools from apt and packages into .venv, where they are missing. For Debian and Ubuntu.

stop() {
    printf 'edgeq: %s\n' "$*" >&2
    exit 1
}

# need PROBE:PACKAGE...: install the packages whose probe, a command or a file, is not there.
need() {
    missing=
    for pair in "$@"; do
        probe=${pair%:*}
        case $probe in
            /*) [ -e "$probe" ] || missing="$missing ${pair##*:}" ;;
            *) command -v "$probe" >/dev/null || missing="$missing ${pair##*:}" ;;
        esac
    done
    # shellcheck disable=SC2086 # package names are words
    [ -z "$missing" ] || install $missing
}

# install PACKAGE...
install() {
    command -v apt-get >/dev/null || stop "please install $*; there is no apt-get here to do it"
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || stop "please run as root: apt-get install $*"
        as_root=sudo
    fi
    printf 'edgeq: installing %s\n' "$*" >&2
    $as_root apt-get update -qq </dev/null
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "$@" </dev/null >/dev/null
}

# is_new PYTHON: whether it is there, and new enough.
is_new() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# Print the name of a Python that is new enough.
find_python() {
    for name in python3 python3.13 python3.12 python3.11; do
        if is_new "$name"; then
            echo "$name"
            return
        fi
    done
    stop "this is $(python3 --version); edgeq needs 3.11 or newer, as Debian 12 and Ubuntu 24.04 have it"
}

# environment EXTRA: .venv with edgeq, what it depends on and an extra. Nothing to do where it is up to date.
environment() {
    stamp=.venv/edgeq-${1:-core}
    wanted=$(cksum pyproject.toml)
    if is_new .venv/bin/python; then
        [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ] || return 0
    else
        command -v python3 >/dev/null || install python3 python3-venv
        python=$(find_python)
        "$python" -c 'import ensurepip' 2>/dev/null || install "$python-venv"
        rm -rf .venv
        "$python" -m venv .venv
    fi
    .venv/bin/python -m pip install -qq --disable-pip-version-check --editable ".[$1]"
    echo "$wanted" >"$stamp"
}
