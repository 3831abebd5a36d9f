# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may import what (docs/architecture.md). Imports inside functions count too."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "mocapanything_addon"
BLENDER = {"bpy", "bpy_extras", "bmesh", "mathutils", "gpu", "addon_utils", "bl_math", "blf", "aud"}
WORKER_ONLY = {
    "torch",
    "scipy",
    "cv2",
    "av",
    "PIL",
    "moderngl",
    "fast_simplification",
    "safetensors",
    "onnxruntime",
}
PLAIN_ROOT = {"__init__.py", "__main__.py", "places.py"}
"""Modules at the root that any Python can import, like api.py and command_line.py."""

FORBIDDEN = {
    "ik": BLENDER | (WORKER_ONLY - {"scipy"}),
    "fit": BLENDER | {"torch", "safetensors"},
    "models": BLENDER,
    "worker": BLENDER,
    "jobs": BLENDER | WORKER_ONLY,
    "scene": WORKER_ONLY,
    "operators": WORKER_ONLY,
    "panels": WORKER_ONLY,
    "": WORKER_ONLY,
}
"""Room (a folder of the package; "" is its root) -> top-level modules that nothing in it may import."""

ROOMS = {
    "ik": {"ik", "jobs"},
    "fit": {"fit", "ik", "jobs"},
    "models": {"models", "fit", "ik", "jobs"},
    "worker": {"worker", "models", "fit", "ik", "jobs"},
    "jobs": {"jobs", "ik"},
    "scene": {"scene", "ik", "jobs"},
}
"""Room -> rooms it may import from."""


def modules() -> list[Path]:
    return sorted(p for p in PACKAGE.rglob("*.py") if "__pycache__" not in p.parts)


def room_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


def imports(path: Path) -> Iterator[tuple[ast.stmt, str, int]]:
    """(statement, dotted name, level) of each import; of ``from . import a, b`` one for each name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name, 0
        elif isinstance(node, ast.ImportFrom):
            if node.module is None:
                for alias in node.names:
                    yield node, alias.name, node.level
            else:
                yield node, node.module, node.level


def where(path: Path, node: ast.stmt) -> str:
    return f"{path.relative_to(REPOSITORY)}:{node.lineno}"


def test_there_is_something_to_look_at() -> None:
    found = {room_of(path) for path in modules()}
    assert set(FORBIDDEN) <= found


def test_no_room_imports_what_it_must_not() -> None:
    wrong = [
        f"{where(path, node)} imports {name}"
        for path in modules()
        for node, name, level in imports(path)
        if level == 0 and name.split(".")[0] in FORBIDDEN.get(room_of(path), set())
    ]
    assert wrong == []


def test_rooms_import_only_from_rooms_they_may() -> None:
    wrong = []
    for path in modules():
        room = room_of(path)
        if room not in ROOMS:
            continue
        depth = len(path.relative_to(PACKAGE).parts)  # of the package root, counted in dots
        for node, name, level in imports(path):
            if level == depth and name.split(".")[0] not in ROOMS[room]:
                wrong.append(f"{where(path, node)} imports {name}")
            elif level > depth:
                wrong.append(f"{where(path, node)} reaches out of the package")
    assert wrong == []


def test_imports_inside_the_package_are_relative() -> None:
    """Installed, the package has another name."""
    wrong = [
        where(path, node)
        for path in modules()
        for node, name, level in imports(path)
        if level == 0 and name.split(".")[0] == PACKAGE.name
    ]
    assert wrong == []


def test_root_imports_blender_only_where_it_is_used() -> None:
    """The worker imports the package, and ``--help`` needs no Blender."""
    wrong = []
    for name in (*PLAIN_ROOT, "api.py", "command_line.py"):
        tree = ast.parse((PACKAGE / name).read_text(encoding="utf-8"))
        for node in tree.body:
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            if BLENDER & {n.split(".")[0] for n in names}:
                wrong.append(f"{name}:{node.lineno}")
    assert wrong == []


BLOCK_AND_IMPORT = """
import importlib, sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ImportError(name + " is not for this room")
sys.meta_path.insert(0, Block())
sys.path.insert(0, {root!r})
for name in {names!r}:
    importlib.import_module(name)
"""


def import_all(names: list[str], blocked: set[str]) -> str:
    """Import the modules in a fresh Python that lacks the blocked ones; returns what went wrong."""
    code = BLOCK_AND_IMPORT.format(blocked=blocked, root=str(REPOSITORY), names=names)
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return answer.stderr if answer.returncode else ""


def names_in(*rooms: str) -> list[str]:
    found = []
    for path in modules():
        if room_of(path) in rooms and path.name not in ("__main__.py", "__init__.py"):
            found.append(".".join(path.relative_to(REPOSITORY).with_suffix("").parts))
    return found


def test_core_works_without_blender() -> None:
    """Also what it imports from elsewhere; the rooms of the worker, so with its libraries."""
    assert import_all(names_in("ik", "fit", "jobs", "models", "worker"), BLENDER) == ""


def test_jobs_work_in_the_plainest_python() -> None:
    """In Blender there is numpy and nothing else."""
    assert import_all(names_in("jobs"), BLENDER | WORKER_ONLY) == ""


def test_root_works_in_the_plainest_python() -> None:
    names = [PACKAGE.name, *(f"{PACKAGE.name}.{n}" for n in ("api", "command_line", "places"))]
    assert import_all(names, BLENDER | WORKER_ONLY) == ""


def test_worker_starts_without_numpy() -> None:
    """So that it can say what is missing."""
    names = [f"{PACKAGE.name}.{n}" for n in ("worker.__main__", "jobs.requirements", "worker.self_check")]
    assert import_all(names, BLENDER | WORKER_ONLY | {"numpy"}) == ""


def test_importing_the_worker_process_does_not_load_torch() -> None:
    """It takes seconds; the first message must not wait for it."""
    assert import_all([f"{PACKAGE.name}.worker.process"], BLENDER | {"torch"}) == ""


@pytest.mark.bpy
def test_what_runs_in_blender_needs_no_library_of_the_worker() -> None:
    pytest.importorskip("bpy")
    assert import_all(["bpy", *names_in("scene", "jobs", "operators", "panels", "")], WORKER_ONLY) == ""
