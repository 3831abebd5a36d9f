# SPDX-License-Identifier: GPL-3.0-or-later
"""Graph tables, surface points and normalised space."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from tube_character import tube_rig

from mocapanything_addon.fit.decimate import decimate
from mocapanything_addon.ik.camera import Camera
from mocapanything_addon.jobs.views import ReferenceView, ReferenceViews
from mocapanything_addon.models.reference import reference_input, sample_surface, to_normalised
from mocapanything_addon.models.skeleton_graph import FARTHEST_HOP, Relation, hop_distances, relations


def test_hops_of_a_chain_are_clipped():
    hops = hop_distances(np.array([-1, 0, 1, 2, 3, 4, 5, 6], np.int32))
    assert hops[0].tolist() == [0, 1, 2, 3, 4, 5, FARTHEST_HOP, FARTHEST_HOP]
    assert (hops == hops.T).all()


def test_hops_go_through_the_common_ancestor():
    hops = hop_distances(np.array([-1, 0, 1, 0, 3], np.int32))
    assert hops[2, 4] == 4
    assert hops[1, 3] == 2


def test_relations_name_every_pair():
    table = relations(np.array([-1, 0, 0, 1], np.int32))
    assert table[1, 0] == Relation.PARENT
    assert table[0, 1] == Relation.CHILD
    assert table[1, 2] == Relation.SIBLING
    assert table[3, 0] == Relation.OTHER
    assert table[0, 0] == Relation.SELF
    assert table[2, 2] == table[3, 3] == Relation.END_EFFECTOR


@pytest.mark.parametrize("up", [(0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0), (0.3, -0.5, 0.2)])
def test_up_is_turned_to_z(up):
    turn = to_normalised(np.array(up))
    assert np.allclose(turn @ up / np.linalg.norm(up), [0, 0, 1])
    assert np.allclose(turn @ turn.T, np.eye(3))
    assert np.linalg.det(turn) == pytest.approx(1.0)


def test_surface_points_are_spread_and_repeatable():
    rig = tube_rig()
    chosen = sample_surface(rig.vertices, rig.skin_joints, rig.skin_weights, 30)
    again = sample_surface(rig.vertices, rig.skin_joints, rig.skin_weights, 30)
    assert (chosen == again).all()
    assert len(set(chosen.tolist())) == 30
    owners = set(rig.skin_joints[chosen, 0].tolist())
    assert owners == set(rig.skin_joints[:, 0].tolist())


def test_a_small_mesh_gives_fewer_points():
    rig = tube_rig()
    assert len(sample_surface(rig.vertices[:9], rig.skin_joints[:9], rig.skin_weights[:9], 30)) == 9


def test_views_are_cut_out_around_the_character(tmp_path):
    rig = tube_rig()
    axes = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
    camera = Camera.from_fov(50.0, 200, 100, axes, np.array([0.0, 0.6, 4.0]))
    image = np.zeros((100, 200, 4), np.uint8)
    pixels = camera.project(rig.rest_positions)
    low, high = np.floor(pixels.min(0)).astype(int), np.ceil(pixels.max(0)).astype(int)
    image[low[1] : high[1] + 1, low[0] : high[0] + 1] = (0, 0, 255, 255)  # BGR: red
    path = tmp_path / "front view.png"
    cv2.imwrite(str(path), image)
    views = ReferenceViews((ReferenceView(path, camera),), "BLENDER_EEVEE_NEXT")
    inputs = reference_input(rig, decimate(rig), views)
    assert inputs.views.shape == (1, 4, 64, 64)
    assert (np.abs(inputs.view_points) <= 1.0).all()
    middle = inputs.views[0, :, 32, 32]
    assert middle == pytest.approx([1.0, 0.0, 0.0, 1.0], abs=0.02)
    assert inputs.views[0, 3, 0].max() == 0.0


def test_a_view_that_shows_nothing_is_an_error(tmp_path):
    path = tmp_path / "empty.png"
    cv2.imwrite(str(path), np.zeros((20, 20, 4), np.uint8))
    camera = Camera.from_fov(50.0, 20, 20, np.eye(3), np.zeros(3))
    rig = tube_rig()
    with pytest.raises(ValueError, match="shows nothing"):
        reference_input(rig, decimate(rig), ReferenceViews((ReferenceView(path, camera),), ""))
