# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the extension zip with Blender's own extension tool, from a clean copy of the package.

Two files are added to the copy: the licence, and ``worker/requirements.txt``, the worker's dependencies as
``pyproject.toml`` states them, so that ranges are written in one place only.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import tomllib
from importlib.util import find_spec
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
PACKAGE = PROJECT / "mocapanything_addon"


def extension_tool() -> tuple[Path, Path]:
    """Blender's ``blender_ext.py`` and its list of valid tags, from the bpy wheel beside this Python.

    Raises FileNotFoundError where bpy is not installed.
    """
    spec = find_spec("bpy")
    for folder in spec.submodule_search_locations or () if spec else ():
        for tool in Path(folder).glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"):
            return tool, tool.parents[3] / "modules/_bpy_internal/extensions/tags.py"
    raise FileNotFoundError(
        "The bpy wheel, which holds Blender's extension tool, is not installed: run make setup."
    )


def requirements() -> str:
    """The text of ``worker/requirements.txt``."""
    with (PROJECT / "pyproject.toml").open("rb") as stream:
        project = tomllib.load(stream)["project"]
    header = f"# What the MoCapAnything {project['version']} worker needs. Generated from pyproject.toml.\n"
    return header + "\n".join(project["dependencies"]) + "\n"


def build_zip(output: Path) -> Path:
    """Build and validate ``<id>-<version>.zip`` in the folder ``output``; returns its path.

    Raises subprocess.CalledProcessError when Blender's tool refuses the manifest.
    """
    tool, tags = extension_tool()
    with (PACKAGE / "blender_manifest.toml").open("rb") as stream:
        manifest = tomllib.load(stream)
    output.mkdir(parents=True, exist_ok=True)
    target = output.resolve() / f"{manifest['id']}-{manifest['version']}.zip"
    with tempfile.TemporaryDirectory(prefix="mocapanything_build_") as folder:
        source = Path(folder) / PACKAGE.name
        shutil.copytree(PACKAGE, source, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(PROJECT / "LICENSE", source)
        (source / "worker" / "requirements.txt").write_text(requirements(), encoding="utf-8")
        run = [sys.executable, str(tool)]
        subprocess.run([*run, "validate", str(source), f"--valid-tags={tags}"], check=True)
        subprocess.run(
            [*run, "build", f"--source-dir={source}", f"--output-filepath={target}", f"--valid-tags={tags}"],
            check=True,
        )
    subprocess.run([*run, "validate", str(target), f"--valid-tags={tags}"], check=True)
    return target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--output", type=Path, default=Path("dist"), help="folder for the zip (default: dist)"
    )
    print(build_zip(parser.parse_args().output))


if __name__ == "__main__":
    main()
