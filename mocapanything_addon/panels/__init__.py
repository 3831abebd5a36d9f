# SPDX-License-Identifier: GPL-3.0-or-later
"""The sidebar panel and the menu entries."""

from __future__ import annotations

from . import capture, menus, subject_pictures

_PARTS = (subject_pictures, capture, menus)


def register() -> None:
    for part in _PARTS:
        part.register()


def unregister() -> None:
    for part in reversed(_PARTS):
        part.unregister()
