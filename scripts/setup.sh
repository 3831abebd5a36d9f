#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Makes the development environment: system GL libraries, a virtual environment, the pinned packages.
# Called by `make setup`; safe to call again.
set -euo pipefail
python="$1"
venv="$2"

"$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || {
    echo "Python 3.11 is needed (Blender 4.5's own version), found: $("$python" --version 2>&1 || echo none)." >&2
    echo "Install it (Debian: sudo apt-get install python3.11 python3.11-venv) or name it: make setup PYTHON=/path/to/python3.11" >&2
    exit 1
}

# bpy and the renderer need the system's GL and EGL; libSM, libXi and friends are what the bpy wheel links to.
packages=(libegl1 libgl1 libgl1-mesa-dri libxrender1 libxi6 libxkbcommon0 libsm6 libxxf86vm1 libxfixes3 libgomp1)
missing=()
if command -v dpkg-query >/dev/null; then
    for p in "${packages[@]}"; do
        dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q "ok installed" || missing+=("$p")
    done
fi
retry() {
    for attempt in 1 2 3; do
        "$@" && return 0
        echo "Attempt $attempt failed: $*" >&2
        sleep $((attempt * 5))
    done
    return 1
}
if [ "${#missing[@]}" -gt 0 ]; then
    if [ "$(id -u)" = 0 ]; then
        retry apt-get update -qq
        retry env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
    else
        echo "System libraries are missing. Run this, then the same make command again:" >&2
        echo "    sudo apt-get install ${missing[*]}" >&2
        exit 1
    fi
fi

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
# torch first and alone: its exact version keeps pip from taking a several-gigabyte CUDA build of a newer one.
torch=$("$venv/bin/python" - <<'PY'
import tomllib
deps = tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"]
print(next(d for d in deps if d.startswith("torch")))
PY
)
retry "$venv/bin/python" -m pip install -q --disable-pip-version-check "$torch"
retry "$venv/bin/python" -m pip install -q --disable-pip-version-check -e ".[blender,dev]"
