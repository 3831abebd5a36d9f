# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for UILayout that keeps what was drawn, and refuses what Blender would refuse."""

from __future__ import annotations

from types import SimpleNamespace

import bpy

_FUNCTIONS = bpy.types.UILayout.bl_rna.functions
ICONS = {item.identifier for item in _FUNCTIONS["label"].parameters["icon"].enum_items}
_CONTAINERS = {"row", "column", "box", "split", "column_flow", "grid_flow"}


class RecordingLayout:
    """Keeps calls as ``(name, text or identifier, keywords, is_enabled)`` in ``drawn``, with its children."""

    def __init__(self, *, open_panels: bool = True, parent: RecordingLayout | None = None) -> None:
        self.drawn: list[tuple[str, str, dict[str, object], bool]] = parent.drawn if parent else []
        self.operators: dict[str, list[SimpleNamespace]] = parent.operators if parent else {}
        """The properties of the buttons' operators."""
        self.dimmed: set[str] = parent.dimmed if parent else set()
        """Properties that were drawn where they have no effect."""
        self._open_panels = open_panels
        self._parent = parent
        self.enabled = True
        self.active = True

    @property
    def is_enabled(self) -> bool:
        return self.enabled and (self._parent is None or self._parent.is_enabled)

    @property
    def is_active(self) -> bool:
        return self.active and (self._parent is None or self._parent.is_active)

    def texts(self, name: str) -> list[str]:
        """What was drawn by calls of ``name``."""
        return [text for call, text, *_ in self.drawn if call == name]

    def _child(self) -> RecordingLayout:
        return RecordingLayout(open_panels=self._open_panels, parent=self)

    def __getattr__(self, name: str) -> object:
        if name.startswith("_") or name not in _FUNCTIONS:
            raise AttributeError(f"UILayout has no {name}")

        def call(*arguments: object, **keywords: object) -> object:
            known = set(_FUNCTIONS[name].parameters.keys())
            assert set(keywords) <= known, f"{name}: {set(keywords) - known}"
            assert keywords.get("icon", "NONE") in ICONS, keywords["icon"]
            assert not arguments or name in {"prop", "operator", "panel"}, "RNA takes keywords only"
            if name == "prop":
                owner, identifier = arguments[:2]
                assert identifier in owner.bl_rna.properties, f"{owner} has no {identifier}"
                text = str(identifier)
                if not self.is_active:
                    self.dimmed.add(text)
            elif name == "operator":
                category, _, operator = str(arguments[0]).partition(".")
                assert hasattr(getattr(bpy.types, f"{category.upper()}_OT_{operator}"), "bl_rna")
                text = str(arguments[0])
            else:
                text = str(keywords.get("text", ""))
            self.drawn.append((name, text, keywords, self.is_enabled))
            if name == "panel":
                return self._child(), (self._child() if self._open_panels else None)
            if name == "operator":
                self.operators.setdefault(text, []).append(properties := SimpleNamespace())
                return properties
            return self._child() if name in _CONTAINERS else None

        return call
