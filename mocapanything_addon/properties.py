# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panel shows: the settings of the next capture (in the scene, saved with the file) and the state of
the running and of the last one (in the window manager, not saved).
"""

# mypy: disable-error-code="valid-type"
# Blender reads its properties from annotations that are calls.

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    IntVectorProperty,
    PointerProperty,
    StringProperty,
)

from .jobs.settings import CaptureSettings, Click, Quality
from .scene.compat import path_options

if TYPE_CHECKING:
    from .operators.picking import Picking

QUALITY_ITEMS = (
    (Quality.FAST.value, "Fast", "A first look in the shortest time"),
    (Quality.STANDARD.value, "Standard", "Good motion in reasonable time"),
    (Quality.BEST.value, "Best", "The most work on every frame"),
)


class MOCAPANYTHING_PG_click(bpy.types.PropertyGroup):
    """A point in the video."""

    at: FloatVectorProperty(description="x and y in pixels of the video", size=2, min=0.0)
    time: FloatProperty(description="Moment of the video, seconds", min=0.0)
    is_other: BoolProperty(description="It lies on something else, not on the subject")


class MOCAPANYTHING_PG_capture(bpy.types.PropertyGroup):
    """Settings of the next capture; ``scene.mocapanything``."""

    video: StringProperty(
        name="Video",
        description="The video to capture the motion from: a movie, or a folder with one image per frame",
        subtype="FILE_PATH",
        options=path_options(),
    )
    quality: EnumProperty(
        name="Quality",
        description="How much work is done to find the motion",
        items=QUALITY_ITEMS,
        default=Quality.STANDARD.value,
    )
    use_range: BoolProperty(name="Part of the Video", description="Use only a part of the video")
    start: FloatProperty(
        name="Start",
        description="First moment of the video to use",
        min=0.0,
        step=10,
        precision=2,
        unit="TIME_ABSOLUTE",
    )
    end: FloatProperty(
        name="End",
        description="Last moment of the video to use. Zero: the end of the video",
        min=0.0,
        step=10,
        precision=2,
        unit="TIME_ABSOLUTE",
    )
    use_fov: BoolProperty(
        name="Known Lens", description="Set the camera's field of view instead of having it estimated"
    )
    fov: FloatProperty(
        name="Field of View",
        description="The camera's field of view across the longer side of the image",
        subtype="ANGLE",
        min=math.radians(1.0),
        max=math.radians(170.0),
        default=math.radians(50.0),
    )
    mask: StringProperty(
        name="Mask",
        description="A video, or a folder of images, white where the subject is. Empty: the subject is "
        "found. Clicks, box and number of the subject have no effect with a mask",
        subtype="FILE_PATH",
        options=path_options(),
    )
    segmenter: StringProperty(
        name="Segmenter",
        description="An ONNX model that finds what stands out in a picture, or the name of one that was "
        "downloaded. Empty: the network that ships. No effect with a mask",
        subtype="FILE_PATH",
        options=path_options(),
    )
    use_clicks: BoolProperty(
        name="Clicks on the Subject",
        description="Take the subject that was clicked on with Pick in Video, instead of having it found. "
        "No effect with a mask; goes before a box",
    )
    clicks: CollectionProperty(type=MOCAPANYTHING_PG_click)
    use_box: BoolProperty(
        name="Box around the Subject",
        description="Say where in the video the subject is, instead of having it found. No effect with a "
        "mask or clicks",
    )
    box: IntVectorProperty(
        name="Box",
        description="Left, top, right and bottom edge, in pixels of the video from its upper left corner",
        size=4,
        min=0,
        default=(0, 0, 100, 100),
    )
    box_time: FloatProperty(
        name="At",
        description="Moment of the video in which the subject is in the box",
        min=0.0,
        step=10,
        precision=2,
        unit="TIME_ABSOLUTE",
    )
    subject_choice: IntProperty(
        name="Subject",
        description="Which of the creatures in the video is meant; 1 is the one most like the character. "
        "The folder of the last capture has a picture of each, in subjects. No effect with a mask, clicks or "
        "a box",
        min=1,
        default=1,
    )
    start_choice: IntProperty(
        name="Start Pose",
        description="The pose and heading that the capture begins with; 1 is the likeliest. If the character "
        "faces the wrong way, try 2. The folder of the last capture has a picture of each, in starts",
        min=1,
        default=1,
    )
    hold_contacts: BoolProperty(
        name="Hold Feet Still",
        description="Keep feet exactly in place while they stand, so that they do not slide. Switch it off "
        "for bodies that slide, swim or fly. Makes no difference at quality Fast",
        default=True,
    )
    use_networks: BoolProperty(
        name="Use Networks",
        description="Let trained networks tell poses apart that look alike in outline, and suggest what the "
        "video does not show. Switch it off to go by outlines and movement in the video alone, in less time. "
        "Makes no difference at quality Fast",
        default=True,
    )
    seed: IntProperty(
        name="Seed",
        description="The same seed gives the same motion again. Another one may find a better motion",
        min=0,
    )


def capture_settings(properties: MOCAPANYTHING_PG_capture) -> CaptureSettings:
    """The panel's settings as a value. Raises BadInputError where they contradict each other."""
    return CaptureSettings(
        quality=Quality(properties.quality),
        start_seconds=properties.start if properties.use_range else None,
        end_seconds=(properties.end or None) if properties.use_range else None,
        fov_degrees=math.degrees(properties.fov) if properties.use_fov else None,
        mask=properties.mask or None,
        segmenter=properties.segmenter or None,
        clicks=_clicks(properties, is_other=False),
        other_clicks=_clicks(properties, is_other=True),
        box=(*properties.box, properties.box_time) if properties.use_box else None,
        subject_choice=properties.subject_choice,
        use_networks=properties.use_networks,
        hold_contacts=properties.hold_contacts,
        start_choice=properties.start_choice,
        seed=properties.seed,
    )


def set_picked(properties: MOCAPANYTHING_PG_capture, picking: Picking) -> None:
    """Take over what was picked in the video: clicks, or a box."""
    properties.clicks.clear()
    for picked in picking.clicks:
        click = properties.clicks.add()
        click.at, click.time, click.is_other = picked.at, picked.time, picked.is_other
    properties.use_clicks = bool(picking.clicks)
    properties.use_box = picking.box is not None
    if picking.box is not None:
        box = picking.box
        properties.box = [round(edge) for edge in (box.left, box.top, box.right, box.bottom)]
        properties.box_time = box.time


def _clicks(properties: MOCAPANYTHING_PG_capture, *, is_other: bool) -> tuple[Click, ...]:
    used = properties.clicks if properties.use_clicks else ()
    return tuple((*click.at, click.time) for click in used if click.is_other == is_other)


class MOCAPANYTHING_PG_line(bpy.types.PropertyGroup):
    """A line of text in a list."""

    text: StringProperty()
    is_problem: BoolProperty()


class MOCAPANYTHING_PG_status(bpy.types.PropertyGroup):
    """The running and the last capture; ``window_manager.mocapanything``."""

    text: StringProperty(description="What is being done")
    factor: FloatProperty(description="How much of it is done", min=0.0, max=1.0)

    error: StringProperty(description="Why the last capture failed; empty where it did not")
    has_result: BoolProperty(description="The last capture left an action")
    action_name: StringProperty()
    frame_count: IntProperty()
    seconds: FloatProperty(description="How long the capture took")
    confidence: FloatProperty(description="From 0, guessed, to 1, seen")
    outline_overlap: FloatProperty(description="From 0 to 1; negative where it was not measured")
    subject_choice: IntProperty(description="Number of the creature that was captured last", default=1)
    subject_count: IntProperty(description="How many creatures there were; 0 where that is not known")
    start_choice: IntProperty(
        description="Number of the start pose that the last capture began with", default=1
    )
    start_count: IntProperty(description="How many start poses there were; 0 where that is not known")
    warnings: CollectionProperty(type=MOCAPANYTHING_PG_line)
    folder: StringProperty(description="The job folder, with log and report; empty where there is none")

    download_text: StringProperty(description="What is being downloaded; empty where nothing is")
    download_factor: FloatProperty(description="How much of it is here", min=0.0, max=1.0)

    worker_check: CollectionProperty(type=MOCAPANYTHING_PG_line)
    install_command: StringProperty(
        name="Install", description="Run this in a terminal, then check again. Click twice to copy it"
    )
    cache_size: StringProperty(description="Size of the cache folder, in words")


_CLASSES = (MOCAPANYTHING_PG_click, MOCAPANYTHING_PG_capture, MOCAPANYTHING_PG_line, MOCAPANYTHING_PG_status)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.mocapanything = PointerProperty(type=MOCAPANYTHING_PG_capture)
    bpy.types.WindowManager.mocapanything = PointerProperty(type=MOCAPANYTHING_PG_status)


def unregister() -> None:
    del bpy.types.WindowManager.mocapanything
    del bpy.types.Scene.mocapanything
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
