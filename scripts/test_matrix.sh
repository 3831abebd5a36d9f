#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs the tests of the Blender side on the oldest and the newest supported Blender (bpy wheels, no GPU needed).
# Where an interpreter is missing its version is skipped, loudly; REQUIRE_ALL=1 makes that an error.
# The worker keeps running in the development environment, as it does beside a real Blender.
set -euo pipefail
cd "$(dirname "$0")/.."

LAYERS=(tests/scene tests/operators tests/panels tests/extension tests/test_api.py tests/test_command_line.py)
export MOCAPANYTHING_PYTHON="${MOCAPANYTHING_PYTHON:-$PWD/.venv/bin/python}"

find_python() { # $1: version such as 3.13. Prints an interpreter that runs.
    local candidate
    for candidate in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/"python$1"; do
        if "$candidate" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" 2>/dev/null; then
            command -v "$candidate"
            return 0
        fi
    done
    return 1
}

retry() {
    local attempt
    for attempt in 1 2 3; do
        "$@" && return 0
        echo "Attempt $attempt failed: $*" >&2
        sleep $((attempt * 5))
    done
    return 1
}

prepare() { # $1: folder of the environment, $2: interpreter, $3: bpy version
    local stamp="$1/.installed-bpy-$3" tools
    [ -e "$stamp" ] && [ "$stamp" -nt pyproject.toml ] && return 0
    [ -x "$1/bin/python" ] || "$2" -m venv "$1"
    tools=$("$1/bin/python" - <<'PY'
import tomllib

with open("pyproject.toml", "rb") as stream:
    dev = tomllib.load(stream)["project"]["optional-dependencies"]["dev"]
print("\n".join(line for line in dev if line.startswith(("pytest", "hypothesis"))))
PY
    )
    mapfile -t tools <<<"$tools"
    retry "$1/bin/python" -m pip install -q --disable-pip-version-check "bpy==$3" "${tools[@]}"
    touch "$stamp"
}

# bpy 4.2 as a module crashes while Python shuts down once a class with methods has been registered, whoever
# registered it; leaving without the shutdown keeps pytest's own exit code.
run_pytest() { # $1: interpreter, the rest: pytest's arguments
    local python="$1"
    shift
    "$python" -c '
import os, sys
import pytest
code = pytest.main(sys.argv[1:])
sys.stdout.flush()
sys.stderr.flush()
os._exit(int(code))' "$@"
}

skipped=()
failed=()
for row in "4.2 3.11 4.2.23" "5.2 3.13 5.2.3"; do
    read -r blender version bpy <<<"$row"
    if ! python=$(find_python "$version"); then
        echo "=== Blender $blender: NOT TESTED, Python $version was not found (python$version, pyenv) ==="
        skipped+=("$blender")
        continue
    fi
    echo "=== Blender $blender (bpy $bpy, Python $version) ==="
    prepare ".venv-$blender" "$python" "$bpy"
    run_pytest ".venv-$blender/bin/python" "${LAYERS[@]}" -m "not blender" -p no:cacheprovider "$@" || failed+=("$blender")
done

[ "${#failed[@]}" -eq 0 ] || { echo "Failed on Blender ${failed[*]}." >&2; exit 1; }
if [ "${#skipped[@]}" -gt 0 ]; then
    echo "Not tested: Blender ${skipped[*]}."
    [ "${REQUIRE_ALL:-0}" != 1 ] || exit 1
fi
