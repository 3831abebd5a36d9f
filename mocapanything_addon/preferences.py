# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension's preferences."""

# mypy: disable-error-code="valid-type"
# Blender reads its properties from annotations that are calls.

from __future__ import annotations

import logging

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from .jobs.settings import NetworkDevice

BUTTON_WIDTH = 4
"""In the user interface's units."""
LABEL_PART = 0.4
"""Of the width that a label has where properties are split from theirs."""
DEVICES = (
    (
        NetworkDevice.AUTO.value,
        "Best There Is",
        "The graphics card where the worker's PyTorch can use it, else the CPU",
    ),
    (NetworkDevice.CPU.value, "CPU", "Leave the graphics card alone"),
)
LOG_LEVELS = (
    ("WARNING", "Warnings", "Only what may be wrong"),
    ("INFO", "Steps", "What is being done"),
    ("DEBUG", "Everything", "For finding faults"),
)


def _set_log_level(preferences: MOCAPANYTHING_AP_preferences, _context: bpy.types.Context) -> None:
    logging.getLogger(__package__).setLevel(preferences.log_level)


class MOCAPANYTHING_AP_preferences(bpy.types.AddonPreferences):
    """Edit > Preferences > Add-ons > MoCapAnything."""

    bl_idname = __package__

    worker_python: StringProperty(
        name="Worker Python",
        description="The Python with PyTorch that captures run in. Empty: found by itself",
        subtype="FILE_PATH",
    )
    weights_folder: StringProperty(
        name="Weights Folder",
        description="Networks that you have trained; what the folder lacks is what ships. Empty: all ship",
        subtype="DIR_PATH",
    )
    device: EnumProperty(
        name="Networks Run On",
        description="Where a graphics card fails, a capture goes on on the CPU, with a warning",
        items=DEVICES,
        default=NetworkDevice.AUTO.value,
    )
    keep_job_folders: BoolProperty(
        name="Keep Job Folders",
        description="Keep the folder of every capture, with its report and log. Without, a new capture "
        "deletes those older than an hour",
    )
    log_level: EnumProperty(
        name="Log",
        description="What is written to the terminal",
        items=LOG_LEVELS,
        default="WARNING",
        update=_set_log_level,
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        status = context.window_manager.mocapanything
        row = layout.row(align=True)
        row.prop(self, "worker_python")
        button = row.row()
        button.ui_units_x = BUTTON_WIDTH
        button.operator("mocapanything.check_worker", text="Check")
        if status.worker_check:
            box = layout.box().column(align=True)
            for line in status.worker_check:
                box.label(text=line.text, icon="ERROR" if line.is_problem else "CHECKMARK", translate=False)
            if status.install_command:
                box.prop(status, "install_command")
        layout.prop(self, "weights_folder")
        layout.prop(self, "device")
        layout.prop(self, "keep_job_folders")
        layout.prop(self, "log_level")
        row = layout.split(factor=LABEL_PART)
        label = row.row()
        label.alignment = "RIGHT"
        label.label(text="Cache")
        row = row.row()
        row.label(text=status.cache_size, translate=False)
        button = row.row()
        button.ui_units_x = BUTTON_WIDTH
        button.operator("mocapanything.clear_cache", text="Clear")


def current_preferences() -> MOCAPANYTHING_AP_preferences | None:
    """The preferences; None where the package runs without being an enabled extension."""
    addon = bpy.context.preferences.addons.get(__package__)
    return addon.preferences if addon else None


def register() -> None:
    bpy.utils.register_class(MOCAPANYTHING_AP_preferences)
    preferences = current_preferences()
    if preferences is not None:
        _set_log_level(preferences, bpy.context)


def unregister() -> None:
    bpy.utils.unregister_class(MOCAPANYTHING_AP_preferences)
