#!/usr/bin/env bash
# Makes .venv hold exactly requirements.lock and this package. Called by the Makefile; safe to run again at any time.
set -euo pipefail
cd "$(dirname "$0")/.."

log=.venv/setup.log
# uv and pip keep caches at home; where there is none, or none that can be written, here.
[ -n "${HOME:-}" ] && [ -w "$HOME" ] || export HOME="$PWD/.venv/home"
started=$SECONDS

say() { printf '[set-up] %s\n' "$*"; }
stop() { printf '[set-up] %s\n' "$*" >&2; exit 1; }
# Tools write to the log; their last lines are shown only when they fail.
quietly() { "$@" >>"$log" 2>&1; }
must() { quietly "$@" || { tail -n 15 "$log" >&2; stop "'$*' failed (lines above; all of it in $log)."; }; }

suitable() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' >/dev/null 2>&1; }

find_python() {
    local name
    for name in ${PYTHON:-} python3 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null && suitable "$name"; then command -v "$name"; return; fi
    done
    stop "Python 3.11, 3.12 or 3.13 is needed and was not found; install one, or name it: make PYTHON=/path/to/python3.12"
}

# --- the virtual environment -------------------------------------------------------------------------------------
# Its log marks an environment as made here. Another one is never removed, nor are packages taken out of it.
others() { find -L .venv/lib -maxdepth 3 -name '*.dist-info' 2>/dev/null | grep -vcE '/(pip|setuptools|wheel)-[^/]*$'; }
if [ ! -f "$log" ] && { [ -L .venv ] || [ -e .venv ]; }; then
    [ "$(others)" -eq 0 ] ||
        stop ".venv holds packages that make setup did not install and would remove: move it away or remove it yourself"
    [ -d .venv ] && { [ -z "$(ls -A .venv)" ] || suitable .venv/bin/python; } ||
        stop ".venv was not made by make setup and has no Python 3.11 to 3.13: move it away or remove it yourself"
fi
if ! { [ -x .venv/bin/python ] && suitable .venv/bin/python; }; then
    python=$(find_python)
    say "making .venv with $("$python" --version) (seconds)"
    [ ! -f "$log" ] || rm -rf .venv
    mkdir -p .venv
    if ! quietly "$python" -m venv .venv; then
        rm -rf .venv
        stop "'$python -m venv' does not work here; on Debian and Ubuntu install it with: sudo apt-get install python3-venv"
    fi
fi
: >"$log"

# --- the installer: uv, from PyPI; pip where uv cannot be had ------------------------------------------------------
uv=.venv/uv/bin/uv
if [ ! -x "$uv" ]; then
    if command -v uv >/dev/null; then
        uv=$(command -v uv)
    else
        say "fetching uv, a fast installer (seconds)"
        [ -x .venv/bin/pip ] || must .venv/bin/python -m ensurepip
        quietly .venv/bin/python -m pip install --quiet --upgrade --target .venv/uv uv || uv=
    fi
fi

install_with_uv() {
    # Compiled now, on all cores: otherwise every process compiles what it imports, where nothing writes it down.
    quietly "$uv" pip sync --python .venv/bin/python --compile-bytecode requirements.lock
}
install_with_pip() {
    # "===" keeps pip from taking a local build of another flavour (torch 2.x+cpu) beside the index's torchvision.
    sed -E 's/^(torch|torchvision)==/\1===/' requirements.lock >.venv/requirements.pip
    [ -x .venv/bin/pip ] || must .venv/bin/python -m ensurepip
    must .venv/bin/python -m pip install --no-deps -r .venv/requirements.pip
}
add() { # packages, without what they depend on
    if [ -n "$uv" ]; then must "$uv" pip install --python .venv/bin/python --no-deps --no-build-isolation "$@"
    else must .venv/bin/python -m pip install --no-deps --no-build-isolation "$@"; fi
}
remove() {
    if [ -n "$uv" ]; then must "$uv" pip uninstall --python .venv/bin/python "$@"
    else must .venv/bin/python -m pip uninstall --yes "$@"; fi
}

say "installing the $(grep -cE '^[a-zA-Z0-9]' requirements.lock) pinned packages, 6 GB on disk (1 to 3 minutes the first time; with pip about 5)"
if [ -z "$uv" ] || ! install_with_uv; then
    [ -z "$uv" ] || say "uv could not install them (see $log); trying pip"
    uv=
    install_with_pip
fi
add --editable .

# --- what was installed must open ----------------------------------------------------------------------------------
say "checking that OpenCV and PyTorch open (10 seconds)"
if ! fault=$(.venv/bin/python -c 'import cv2' 2>&1); then
    version=$(sed -nE 's/^opencv-contrib-python==([^ ]+).*/\1/p' requirements.lock)
    case $fault in
        *"cannot open shared object file"*)
            missing=${fault##*ImportError: }
            say "OpenCV needs ${missing%%:*}, which this machine lacks: taking opencv-contrib-python-headless $version, which does without"
            remove opencv-python opencv-contrib-python
            add "opencv-contrib-python-headless==$version"
            fault=$(.venv/bin/python -c 'import cv2' 2>&1) || stop "OpenCV cannot be imported: ${fault##*$'\n'}" ;;
        *) stop "OpenCV cannot be imported: ${fault##*$'\n'}" ;;
    esac
fi
fault=$(.venv/bin/python -c 'import torch, torchvision; torchvision.ops.nms' 2>&1) ||
    stop "PyTorch and torchvision do not open together: ${fault##*$'\n'}"

touch .venv/.ready
say "done in $((SECONDS - started)) s"
