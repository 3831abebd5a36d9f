# SPDX-License-Identifier: GPL-3.0-or-later
"""What the worker's Python needs. Read where nothing is installed yet, so standard library only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

DISTRIBUTIONS: Mapping[str, str] = MappingProxyType(
    {
        "numpy": "numpy",
        "scipy": "scipy",
        "cv2": "opencv-python-headless",
        "av": "av",
        "PIL": "pillow",
        "moderngl": "moderngl",
        "fast_simplification": "fast-simplification",
        "safetensors": "safetensors",
        "torch": "torch",
    }
)
"""Name to import -> name to install. pyproject.toml has the ranges of versions."""

OPTIONAL: Mapping[str, str] = MappingProxyType({"matplotlib": "matplotlib", "onnxruntime": "onnxruntime"})
"""The same, of what a capture can do without: plots of its residuals, segmenters other than the own one."""

RANGES = Path(__file__).resolve().parents[1] / "worker" / "requirements.txt"
"""The ranges of versions; the build of the zip writes them there from pyproject.toml."""


def missing_modules(of: Iterable[str] = tuple(DISTRIBUTIONS)) -> list[str]:
    """The modules this Python cannot find, by their import names."""
    return [name for name in of if find_spec(name) is None]


def install_command(python: str, modules: Iterable[str] = (*DISTRIBUTIONS, *OPTIONAL)) -> str:
    """The command that installs the modules (import names) for an interpreter, for a terminal."""
    if RANGES.is_file():
        return f'"{python}" -m pip install -r "{RANGES}"'
    names = {**DISTRIBUTIONS, **OPTIONAL}
    distributions = " ".join(names[name] for name in modules)
    return f'"{python}" -m pip install {distributions}'
