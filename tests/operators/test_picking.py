# SPDX-License-Identifier: GPL-3.0-or-later
"""What counts as picked: clicks, or a box."""

from __future__ import annotations

import pytest

from mocapanything_addon.operators.picking import PickedBox, Picking

pytestmark = pytest.mark.bpy  # its room imports bpy


@pytest.fixture
def picking() -> Picking:
    return Picking(width=640, height=360)


def test_clicks_add_up_and_a_box_replaces_them(picking: Picking) -> None:
    picking.click((10.0, 20.0), 1.0, is_other=False)
    picking.click((30.0, 40.0), 1.0, is_other=True)
    assert [click.is_other for click in picking.clicks] == [False, True]
    picking.drag((200.0, 50.0), (100.0, 150.0), 2.0)
    assert picking.clicks == []
    assert picking.box == PickedBox(100.0, 50.0, 200.0, 150.0, 2.0)
    picking.click((10.0, 20.0), 1.0, is_other=False)
    assert picking.box is None


def test_nothing_lies_outside_the_picture(picking: Picking) -> None:
    picking.click((640.0, 20.0), 0.0, is_other=False)
    picking.click((10.0, -1.0), 0.0, is_other=False)
    assert picking.clicks == []
    picking.drag((-50.0, -50.0), (700.0, 100.0), 0.0)
    assert picking.box == PickedBox(0.0, 0.0, 640.0, 100.0, 0.0)
    picking.drag((-50.0, 10.0), (-20.0, 100.0), 1.0)  # nothing of it
    assert picking.box is not None
    assert picking.box.time == 0.0


def test_taking_back(picking: Picking) -> None:
    picking.take_back()
    picking.click((1.0, 1.0), 0.0, is_other=False)
    picking.click((2.0, 2.0), 0.0, is_other=False)
    picking.take_back()
    assert [click.at for click in picking.clicks] == [(1.0, 1.0)]
    picking.drag((0.0, 0.0), (50.0, 50.0), 0.0)
    picking.take_back()
    assert picking.box is None


def test_what_stands_in_the_way(picking: Picking) -> None:
    assert "Click on the subject" in picking.obstacle
    picking.click((1.0, 1.0), 0.0, is_other=False)
    assert picking.obstacle == ""
    picking.click((5.0, 5.0), 2.0, is_other=True)
    assert picking.obstacle.startswith("At 2.00 s click on the subject too")
    picking.click((6.0, 6.0), 2.0, is_other=False)
    assert picking.obstacle == ""
