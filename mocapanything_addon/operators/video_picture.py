# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture of a video in the place of a 3D view, for as long as the user points at something in it.

The 3D view becomes an Image Editor, as for a render, and then a 3D view again, as it was. The picture is an
image datablock that is gone afterwards: nothing of it is saved with the file.
"""

from __future__ import annotations

import bpy

from ..jobs.stills import Stills
from . import picked_marks
from .picking import Picking, Point

PLAIN = {
    "show_region_header": True,
    "show_region_tool_header": False,
    "show_region_toolbar": False,
    "show_region_ui": False,
    "show_gizmo": False,
}
"""Of the Image Editor: a header for what is said, and nothing over the picture that could be clicked on."""


class VideoPicture:
    """One of a video's pictures, shown in an area that was a 3D view.

    Args:
        context: Of the area's window.
        area: The 3D view.
        stills: The pictures.
        picking: What is marked in them.
    """

    def __init__(
        self, context: bpy.types.Context, area: bpy.types.Area, stills: Stills, picking: Picking
    ) -> None:
        self.number = 0
        self.dragged: tuple[Point, Point] | None = None
        """Two corners of a box that is being drawn."""
        self._stills = stills
        self._picking = picking
        self._image = bpy.data.images.load(str(stills.path(0)))
        area.type = "IMAGE_EDITOR"
        space = area.spaces.active
        space.mode = "VIEW"
        # The user may have had an Image Editor here before, and have it again.
        self._before = {name: getattr(space, name) for name in PLAIN}
        self._image_before = space.image.name if space.image else ""
        for name, value in PLAIN.items():
            setattr(space, name, value)
        space.image = self._image
        with context.temp_override(area=area, region=window_region(area)):
            bpy.ops.image.view_all(fit_view=True)
        self._handler = bpy.types.SpaceImageEditor.draw_handler_add(self._draw, (), "WINDOW", "POST_PIXEL")

    @property
    def time(self) -> float:
        """Moment of the picture, seconds since the video's first frame."""
        return self._stills.stills[self.number].time

    @property
    def words(self) -> str:
        """Which picture it is."""
        return f"{self.time:.2f} s, picture {self.number + 1} of {len(self._stills.stills)}"

    def tell(self, area: bpy.types.Area, words: str) -> None:
        """Say something in the header, behind which picture it is."""
        area.header_text_set(f"{self.words}    {words}")
        area.tag_redraw()

    def step(self, by: int) -> None:
        """Show the picture so many further on, at the most the last, or back."""
        number = min(max(self.number + by, 0), len(self._stills.stills) - 1)
        if number != self.number:
            self.number = number
            before = self._image
            self._image = bpy.data.images.load(str(self._stills.path(number)))
            for area in _areas_with(before):
                area.spaces.active.image = self._image
            bpy.data.images.remove(before)

    def place(self, region: bpy.types.Region, x: float, y: float) -> Point:
        """The video's pixel under a place in the region."""
        across, up = region.view2d.region_to_view(x, y)
        return across * self._stills.width - 0.5, (1.0 - up) * self._stills.height - 0.5

    def on_screen(self, region: bpy.types.Region, point: Point) -> tuple[float, float]:
        """The inverse of :meth:`place`."""
        across = (point[0] + 0.5) / self._stills.width
        up = 1.0 - (point[1] + 0.5) / self._stills.height
        return tuple(region.view2d.view_to_region(across, up, clip=False))

    def close(self) -> None:
        """Make the area a 3D view again, and remove the image."""
        bpy.types.SpaceImageEditor.draw_handler_remove(self._handler, "WINDOW")
        for area in _areas_with(self._image):
            space = area.spaces.active
            space.image = bpy.data.images.get(self._image_before)
            for name, value in self._before.items():
                setattr(space, name, value)
            area.header_text_set(None)
            area.type = "VIEW_3D"
        bpy.data.images.remove(self._image)

    def _draw(self) -> None:
        context = bpy.context
        if context.space_data.image != self._image:
            return
        region = context.region

        def screen(point: Point) -> tuple[float, float]:
            return self.on_screen(region, point)

        for click in self._picking.clicks:
            if click.time == self.time:
                picked_marks.draw_cross(screen(click.at), is_other=click.is_other)
        box = self._picking.box
        if self.dragged is not None:
            picked_marks.draw_box(*map(screen, self.dragged))
        elif box is not None and box.time == self.time:
            picked_marks.draw_box(screen((box.left, box.top)), screen((box.right, box.bottom)))


def window_region(area: bpy.types.Area) -> bpy.types.Region:
    """The main region of an area."""
    return next(region for region in area.regions if region.type == "WINDOW")


def _areas_with(image: bpy.types.Image) -> list[bpy.types.Area]:
    """Looked for rather than kept: an area that the user closes leaves nothing to ask."""
    return [
        area
        for window in bpy.context.window_manager.windows
        for area in window.screen.areas
        if area.type == "IMAGE_EDITOR" and area.spaces.active.image == image
    ]
