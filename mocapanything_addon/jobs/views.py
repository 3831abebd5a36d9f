# SPDX-License-Identifier: GPL-3.0-or-later
"""Reference views: renders of the rig in rest pose from known cameras, images with a ``views.json``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..ik.camera import Camera
from .errors import CaptureError
from .files import replacing_file

SCHEMA_VERSION = 1
INDEX_NAME = "views.json"


@dataclass(frozen=True, eq=False)
class ReferenceView:
    """One render."""

    image: Path
    """PNG with alpha: 0 where the character is not."""
    camera: Camera
    """Armature space."""


@dataclass(frozen=True, eq=False)
class ReferenceViews:
    """The renders of one rig."""

    views: tuple[ReferenceView, ...]
    engine: str
    """What rendered them, Blender's identifier, e.g. ``BLENDER_EEVEE_NEXT``."""

    def save(self, folder: Path) -> None:
        """Write ``views.json`` into the folder that already holds the images."""
        entries = [
            {
                "image": view.image.name,
                "focal": view.camera.focal,
                "width": view.camera.width,
                "height": view.camera.height,
                "rotation": view.camera.rotation.tolist(),
                "translation": view.camera.translation.tolist(),
            }
            for view in self.views
        ]
        text = json.dumps(
            {"schema_version": SCHEMA_VERSION, "engine": self.engine, "views": entries}, indent=1
        )
        with replacing_file(folder / INDEX_NAME) as temporary:
            temporary.write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> ReferenceViews:
        """Read what :meth:`save` wrote. Raises CaptureError ``views_damaged`` where it cannot be read."""
        try:
            index = json.loads((folder / INDEX_NAME).read_text(encoding="utf-8"))
            if index["schema_version"] != SCHEMA_VERSION:
                raise ValueError(f"schema version {index['schema_version']}, not {SCHEMA_VERSION}")
            views = []
            for entry in index["views"]:
                image = folder / Path(entry["image"]).name
                if not image.is_file():
                    raise ValueError(f"{image.name} is missing")
                rotation = np.array(entry["rotation"], float).reshape(3, 3)
                translation = np.array(entry["translation"], float).reshape(3)
                size = int(entry["width"]), int(entry["height"])
                views.append(
                    ReferenceView(image, Camera(float(entry["focal"]), *size, rotation, translation))
                )
            return cls(tuple(views), str(index["engine"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CaptureError(
                f"The reference views in {folder} cannot be read: {error}.", code="views_damaged"
            ) from error
