# SPDX-License-Identifier: GPL-3.0-or-later
"""BVH files, read back by a small reader that shares nothing with the writer."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mocapanything_addon.ik import rotations
from mocapanything_addon.jobs.bvh import write_bvh, zxy_angles
from mocapanything_addon.jobs.errors import BadInputError
from mocapanything_addon.jobs.rig import Rig
from mocapanything_addon.jobs.solution import Solution


@dataclass
class Node:
    name: str
    parent: Node | None
    offset: np.ndarray = field(default_factory=lambda: np.zeros(3))
    channels: list[str] = field(default_factory=list)


def axis_matrix(axis: str, degrees: float) -> np.ndarray:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array(
        {
            "X": [[1, 0, 0], [0, c, -s], [0, s, c]],
            "Y": [[c, 0, s], [0, 1, 0], [-s, 0, c]],
            "Z": [[c, -s, 0], [s, c, 0], [0, 0, 1]],
        }[axis]
    )


def read_bvh(path: Path) -> tuple[list[Node], float, list[dict[str, np.ndarray]]]:
    """Nodes, frame time, and in every frame the place of every node (an End Site is ``parent/end``)."""
    head, _, motion = path.read_text(encoding="utf-8").partition("MOTION")
    words = iter(head.split())
    assert next(words) == "HIERARCHY"
    nodes: list[Node] = []
    open_nodes: list[Node] = []
    for word in words:
        parent = open_nodes[-1] if open_nodes else None
        if word in ("ROOT", "JOINT"):
            nodes.append(Node(next(words), parent))
        elif word == "End":
            assert next(words) == "Site"
            assert parent is not None
            nodes.append(Node(f"{parent.name}/end", parent))
        elif word == "{":
            open_nodes.append(nodes[-1])
        elif word == "}":
            open_nodes.pop()
        elif word == "OFFSET":
            nodes[-1].offset = np.array([float(next(words)) for _ in range(3)])
        elif word == "CHANNELS":
            nodes[-1].channels = [next(words) for _ in range(int(next(words)))]
        else:
            pytest.fail(f"unexpected word {word}")
    lines = motion.strip().splitlines()
    count, frame_time = int(lines[0].split()[1]), float(lines[1].split()[2])
    assert len(lines) == 2 + count
    frames = []
    for line in lines[2:]:
        values = iter(float(v) for v in line.split())
        world: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        for node in nodes:
            place, turn = node.offset.copy(), np.eye(3)
            for channel in node.channels:
                value = next(values)
                if channel.endswith("position"):
                    place["XYZ".index(channel[0])] = value
                else:
                    turn = turn @ axis_matrix(channel[0], value)
            if node.parent is not None:
                origin, axes = world[node.parent.name]
                place, turn = origin + axes @ place, axes @ turn
            world[node.name] = (place, turn)
        assert next(values, None) is None
        frames.append({name: place for name, (place, _) in world.items()})
    return nodes, frame_time, frames


def y_up(points: np.ndarray) -> np.ndarray:
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], axis=-1)


def test_positions_of_every_joint(arm_rig: Rig, arm_solution: Solution, tmp_path: Path) -> None:
    path = tmp_path / "ärm 'clip'.bvh"
    write_bvh(path, arm_rig, arm_solution)
    nodes, frame_time, frames = read_bvh(path)
    assert [n.name for n in nodes] == ["upper", "lower", "lower/end"]
    assert nodes[1].channels == ["Zrotation", "Xrotation", "Yrotation"]
    assert frame_time == pytest.approx(0.04)
    assert len(frames) == 5
    for t, frame in enumerate(frames):
        for j, node in enumerate(nodes):
            np.testing.assert_allclose(frame[node.name], y_up(arm_solution.positions[t, j]), atol=2e-5)


def test_armature_whose_up_is_y_stays_as_it_is(arm_rig: Rig, arm_solution: Solution, tmp_path: Path) -> None:
    path = tmp_path / "clip.bvh"
    write_bvh(path, replace(arm_rig, up=np.array([0.0, 1.0, 0.0])), arm_solution)
    _, _, frames = read_bvh(path)
    np.testing.assert_allclose(frames[3]["lower/end"], arm_solution.positions[3, 2], atol=2e-5)


@pytest.mark.parametrize("up", [[0.0, -1.0, 0.0], [0.6, 0.0, 0.8], [1.0, 0.0, 0.0]])
def test_up_of_the_rig_is_up_in_the_file(
    up: list[float], arm_rig: Rig, arm_solution: Solution, tmp_path: Path
) -> None:
    path = tmp_path / "clip.bvh"
    write_bvh(path, replace(arm_rig, up=np.array(up)), arm_solution)
    _, _, frames = read_bvh(path)
    for t, frame in enumerate(frames):
        heights = [frame[name][1] for name in ("upper", "lower", "lower/end")]
        np.testing.assert_allclose(heights, arm_solution.positions[t] @ up, atol=2e-5)


def test_loose_joint_has_position_channels(arm_rig: Rig, arm_solution: Solution, tmp_path: Path) -> None:
    positions = arm_solution.positions.copy()
    positions[2, 1:] += [0.0, 0.3, 0.0]
    path = tmp_path / "clip.bvh"
    write_bvh(path, arm_rig, replace(arm_solution, positions=positions))
    nodes, _, frames = read_bvh(path)
    assert len(nodes[1].channels) == 6
    for t, frame in enumerate(frames):
        np.testing.assert_allclose(frame["lower/end"], y_up(positions[t, 2]), atol=2e-5)


def test_uneven_times_become_even(arm_rig: Rig, arm_solution: Solution, tmp_path: Path) -> None:
    """The arm tips by a constant speed, so its place at any time is known."""
    times = np.array([0.0, 0.04, 0.12, 0.16, 0.24])
    angles = times / 0.04 * 0.2
    turned = np.zeros((5, 3, 4))
    turned[..., 0], turned[..., 1] = np.cos(angles / 2)[:, None], np.sin(angles / 2)[:, None]
    local = np.tile([1.0, 0.0, 0.0, 0.0], (5, 3, 1))
    local[:, 0] = turned[:, 0]
    direction = np.stack([np.zeros(5), -np.sin(angles), np.cos(angles)], axis=1)
    positions = direction[:, None] * np.array([0.0, 1.0, 2.0])[:, None]
    path = tmp_path / "clip.bvh"
    motion = replace(
        arm_solution, times=times, positions=positions, global_rotations=turned, local_rotations=local
    )
    write_bvh(path, arm_rig, motion)
    _, _, frames = read_bvh(path)
    assert len(frames) == 7
    for t, frame in enumerate(frames):
        angle = 0.2 * t
        expected = y_up(np.array([0.0, -2 * math.sin(angle), 2 * math.cos(angle)]))
        np.testing.assert_allclose(frame["lower/end"], expected, atol=2e-5)


def test_names_are_words_and_differ(arm_rig: Rig, arm_solution: Solution, tmp_path: Path) -> None:
    path = tmp_path / "clip.bvh"
    write_bvh(path, replace(arm_rig, joint_names=("a bone", "a_bone", "a_bone")), arm_solution)
    nodes, _, _ = read_bvh(path)
    assert [n.name for n in nodes] == ["a_bone", "a_bone_2", "a_bone_2/end"]


def test_one_frame(arm_rig: Rig, arm_solution: Solution, tmp_path: Path) -> None:
    fields = ("times", "positions", "global_rotations", "local_rotations", "confidence")
    first = replace(arm_solution, **{name: getattr(arm_solution, name)[:1] for name in fields})
    write_bvh(tmp_path / "clip.bvh", arm_rig, first)
    assert len(read_bvh(tmp_path / "clip.bvh")[2]) == 1


def test_folder_missing_leaves_nothing(arm_rig: Rig, arm_solution: Solution, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="does not exist"):
        write_bvh(tmp_path / "nowhere" / "clip.bvh", arm_rig, arm_solution)
    assert list(tmp_path.iterdir()) == []


@given(st.lists(st.tuples(*[st.floats(-3.1, 3.1)] * 3), min_size=1, max_size=8))
def test_angles_give_the_rotation_back(vectors: list[tuple[float, float, float]]) -> None:
    matrices = rotations.exp(np.array(vectors))
    for (z, x, y), matrix in zip(np.degrees(zxy_angles(matrices)), matrices, strict=True):
        again = axis_matrix("Z", z) @ axis_matrix("X", x) @ axis_matrix("Y", y)
        np.testing.assert_allclose(again, matrix, atol=1e-6)


def test_angles_are_continuous_through_a_full_turn() -> None:
    turns = np.linspace(0.0, 4.0 * np.pi, 100)
    tilt = rotations.exp(np.array([0.4, 0.0, 0.0]))
    matrices = rotations.exp(turns[:, None] * np.array([0.0, 0.0, 1.0])) @ tilt
    assert np.abs(np.diff(zxy_angles(matrices), axis=0)).max() < 0.2


def test_angles_at_the_pole() -> None:
    matrix = axis_matrix("Z", 30.0) @ axis_matrix("X", 90.0)
    np.testing.assert_allclose(np.degrees(zxy_angles(matrix[None]))[0], [30.0, 90.0, 0.0], atol=1e-5)
