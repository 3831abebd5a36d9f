# SPDX-License-Identifier: GPL-3.0-or-later
"""Poses that a search may start from: rest, what bodies often do, and what the rig's own Actions do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..ik import rotations
from .body import Body
from .facing import facing
from .limbs import legs, limb_pairs, main_chain, middle_chains

MOST_EXAMPLES = 8
SIDEWAYS = 0.6
"""Cosine between a limb and the left-right axis from which on it sticks out (T and A poses, spread wings)."""
HANGING = np.radians(12.0)
"""How far a lowered limb still points outwards."""
LOWERED = np.radians(90.0)
"""How far a neck or tail is bent down in all."""
SHORTEST_BONE = 0.15
"""Of its limb: shorter ones do not swing."""
COLLAR, ALIKE = 0.75, 0.6
"""A collar bone is shorter than this share of the upper arm; upper and lower arm are alike if the shorter is
longer than this share of the longer."""
DEEP, DEEPER = 0.25, 2.0
"""Share of its limb's length that the surface is below a collar bone, and how many times as far as below the
upper arm."""
STRIDE = np.radians(32.0)
"""How far a leg swings."""
REACHING = np.radians(75.0)
"""How far arms are raised to the front."""
SAMPLED = 150
NEAR = 0.12
"""Radians, mean over the joints: poses nearer than this are one."""


@dataclass(frozen=True, eq=False)
class StartPose:
    """A pose without a place or heading."""

    name: str
    local_rotations: NDArray[np.float64]
    """(J, 3, 3); the root's holds tilt only, if any."""
    is_held: bool = False
    """Limbs are in a place of their own, as long as the body does what it does."""


def start_poses(body: Body) -> list[StartPose]:
    """Poses that may be held for a whole clip: rest first, then limbs lowered, reaching ahead and bent, necks
    lowered, and the poses that stand best for the rig's own Actions."""
    rest = np.tile(np.eye(3), (body.skeleton.joint_count, 1, 1))
    poses = [StartPose("rest", rest)]
    lowered = _lowered_limbs(body)
    base = rest if lowered is None else lowered
    if lowered is not None:
        poses.append(StartPose("limbs lowered", lowered, is_held=True))
    for chain in middle_chains(body):
        poses.append(StartPose(f"{body.rig.joint_names[chain[0]]} lowered", _bent_down(body, base, chain)))
    if lowered is not None:
        for name, front in _fronts(body).items():
            reaching = _lowered_limbs(body, front)
            if reaching is not None:
                poses.append(StartPose(f"limbs {name}", reaching, is_held=True))
            bent = _elbows_bent(body, lowered, front)
            poses.append(StartPose(f"elbows bent {name}", bent, is_held=True))
    return poses + _own_poses(body)


def passing_poses(body: Body) -> list[StartPose]:
    """Poses that bodies only pass through, to find them in any frame: legs in stride, stretched, gathered.

    None of them is a likely average of a clip.
    """
    poses: list[StartPose] = []
    lowered = _lowered_limbs(body)
    rest = np.tile(np.eye(3), (body.skeleton.joint_count, 1, 1))
    bases = {"": rest if lowered is None else lowered}
    if lowered is not None:
        bases |= {f", elbows bent {way}": _elbows_bent(body, lowered, f) for way, f in _fronts(body).items()}
    hanging = legs(body)
    if not hanging or body.symmetry is None:
        return poses
    ahead = np.cross(body.up, body.symmetry.axis)
    places = np.array([body.skeleton.rest_positions[pair.left[0]] @ ahead for pair in hanging])
    front = np.where(places > places.mean(), 1.0, -1.0)
    for name, left, right in (
        ("stride", front, -front),
        ("other stride", -front, front),
        ("stretched", front, front),
        ("gathered", -front, -front),
    ):
        if len(hanging) == 1 and name in ("stretched", "gathered"):
            continue
        for arms, base in bases.items():
            local = base.copy()
            for pair, a, b in zip(hanging, left, right, strict=True):
                for joint, way in ((int(pair.left[0]), a), (int(pair.right[0]), b)):
                    local[joint] = rotations.exp(way * STRIDE * body.symmetry.axis) @ local[joint]
            poses.append(StartPose(name + arms, local))
    return poses


def unusual(body: Body, pose: StartPose) -> float:
    """How far a pose is from rest, 0 to 1."""
    rest = np.broadcast_to(np.eye(3), pose.local_rotations.shape)
    return bending(body, rest, pose.local_rotations)


def bending(body: Body, first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """How far the joints of two poses (J, 3, 3) are apart, 0 to 1; the root's does not count."""
    moving = body.skeleton.moving[1:]
    if not len(moving):
        return 0.0
    angle = rotations.angle_between(first[moving], second[moving])
    return float(np.mean(angle**2 / (1.0 + angle**2)))


def _fronts(body: Body) -> dict[str, NDArray[np.float64]]:
    """Directions that may be the front, unit vectors: both where nothing tells."""
    known = facing(body)
    sure = float(np.linalg.norm(known))
    if sure > 0.0:
        return {"ahead": known / sure}
    assert body.symmetry is not None, "only what has a left and a right may not know its front"
    one = np.cross(body.up, body.symmetry.axis)
    return {"one way": one, "the other way": -one}


def _lowered_limbs(body: Body, front: NDArray[np.float64] | None = None) -> NDArray[np.float64] | None:
    """Limbs that stick out sideways in rest pose, hanging down or reaching to a front; None where there are
    none."""
    if body.symmetry is None:
        return None
    local = np.tile(np.eye(3), (body.skeleton.joint_count, 1, 1))
    positions = body.skeleton.rest_positions
    found = False
    for pair in limb_pairs(body):
        for head in (int(pair.left[0]), int(pair.right[0])):
            chain = main_chain(body, head)
            upper = _upper_bone(body, chain)
            if upper is None:
                continue
            joint = int(chain[upper])
            along = positions[chain[-1]] - positions[joint]
            along /= max(float(np.linalg.norm(along)), 1e-9)
            side = float(along @ body.symmetry.axis)
            if abs(side) < SIDEWAYS:
                continue
            wanted = -body.up * np.cos(HANGING) + np.sign(side) * np.sin(HANGING) * body.symmetry.axis
            if front is not None:
                axis = np.cross(-body.up, front)
                axis /= max(float(np.linalg.norm(axis)), 1e-9)
                wanted = rotations.exp(axis * REACHING) @ wanted
            local[joint] = _swing(along, wanted)
            found = True
    return local if found else None


def _upper_bone(body: Body, chain: NDArray[np.intp]) -> int | None:
    """Which bone of a limb swings: the first that is not too short, and no collar bone. That one is clearly
    shorter than the two alike that follow, upper and lower arm; or it lies deep in the trunk.

    Args:
        body: The character.
        chain: Joints of the limb, from the trunk on.
    """
    positions = body.skeleton.rest_positions[chain]
    steps = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    length = float(steps.sum())
    long = np.flatnonzero(steps >= SHORTEST_BONE * length)
    if length <= 0.0 or not len(long):
        return None
    first = int(long[0])
    if first + 2 >= len(steps):
        return first
    collar, upper, lower = steps[first : first + 3]
    is_shorter = collar < COLLAR * upper and min(upper, lower) > ALIKE * max(upper, lower)
    middles = 0.5 * (positions[first : first + 2] + positions[first + 1 : first + 3])
    deep, there = (_surface_below(body, middle) for middle in middles)
    lies_deep = np.isfinite(deep) and deep > max(DEEP * length, DEEPER * there)
    return first + 1 if is_shorter or lies_deep else first


def _surface_below(body: Body, place: NDArray[np.float64]) -> float:
    """How far the surface is straight below a place at rest; infinite where there is none (T. Moeller and B.
    Trumbore, "Fast, minimum storage ray/triangle intersection", 1997)."""
    corners = body.mesh.vertices[body.mesh.faces]
    along, across = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    down = -body.up
    normal = np.cross(down, across)
    slope = np.einsum("fx,fx->f", along, normal)
    slope = np.where(np.abs(slope) < 1e-12, np.inf, slope)
    away = place - corners[:, 0]
    first = np.einsum("fx,fx->f", away, normal) / slope
    side = np.cross(away, along)
    second = side @ down / slope
    distance = np.einsum("fx,fx->f", across, side) / slope
    met = (first >= 0.0) & (second >= 0.0) & (first + second <= 1.0) & (distance > 0.0)
    return float(distance[met].min()) if met.any() else np.inf


def _elbows_bent(body: Body, base: NDArray[np.float64], front: NDArray[np.float64]) -> NDArray[np.float64]:
    """A pose with lowered limbs whose second bones point to the front, as arms do in running and fighting."""
    positions, local = body.skeleton.rest_positions, base.copy()
    for pair in limb_pairs(body):
        for head in (int(pair.left[0]), int(pair.right[0])):
            chain = main_chain(body, head)
            upper = next(
                (k for k, joint in enumerate(chain) if not np.allclose(base[joint], np.eye(3))), None
            )
            steps = np.linalg.norm(np.diff(positions[chain], axis=0), axis=1)
            if upper is None or upper + 1 >= len(steps):
                continue
            lower = upper + 1 + int(np.argmax(steps[upper + 1 :] >= SHORTEST_BONE * steps.sum()))
            shoulder, elbow = int(chain[upper]), int(chain[lower])
            along = base[shoulder] @ (positions[chain[lower + 1]] - positions[elbow])
            along /= max(float(np.linalg.norm(along)), 1e-9)
            local[elbow] = base[shoulder].T @ _swing(along, front) @ base[shoulder]
    return local


def _bent_down(body: Body, base: NDArray[np.float64], chain: NDArray[np.intp]) -> NDArray[np.float64]:
    """A pose with one chain bent so that its tip comes down, evenly over its joints."""
    positions = body.skeleton.rest_positions
    along = positions[chain[-1]] - positions[chain[0]]
    axis = np.cross(along, -body.up)
    axis /= max(float(np.linalg.norm(axis)), 1e-9)
    joints = chain[:-1]
    local = base.copy()
    local[joints] = rotations.exp(axis * LOWERED / max(len(joints), 1)) @ local[joints]
    return local


def _swing(start: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, 3) the shortest rotation that takes one unit vector to another."""
    axis = np.cross(start, end)
    sine = float(np.linalg.norm(axis))
    if sine < 1e-9:
        return np.eye(3)
    return rotations.exp(axis / sine * np.arctan2(sine, float(start @ end)))


def sampled_own_poses(body: Body, count: int) -> list[StartPose]:
    """So many poses of the rig's own Actions, evenly spread over them, without their roots' turns."""
    examples = body.rig.example_rotations
    if len(examples) == 0:
        return []
    chosen = np.unique(np.linspace(0, len(examples) - 1, count).astype(int))
    turned = rotations.matrix_from_quaternion(examples[chosen])
    turned[:, body.skeleton.root] = np.eye(3)
    return [StartPose(f"own pose {k}", local) for k, local in zip(chosen, turned, strict=True)]


def _own_poses(body: Body) -> list[StartPose]:
    poses: list[StartPose] = []
    rest = np.tile(np.eye(3), (body.skeleton.joint_count, 1, 1))
    examples = body.rig.example_rotations
    if len(examples) == 0:
        return poses
    chosen = np.unique(np.linspace(0, len(examples) - 1, SAMPLED).astype(int))
    candidates = rotations.matrix_from_quaternion(examples[chosen])
    candidates[:, body.skeleton.root] = np.eye(3)
    seen = body.skeleton.moving[1:]
    if len(seen) == 0:
        return poses
    share = body.skeleton.is_ancestor[seen] @ body.mesh.joint_share
    weight = share / max(float(share.sum()), 1e-12)
    apart = np.stack([rotations.angle_between(candidates[:, seen], c[seen]) @ weight for c in candidates])
    nearest = rotations.angle_between(candidates[:, seen], rest[seen]) @ weight
    while len(poses) < MOST_EXAMPLES and nearest.max() > NEAR:
        # The pose that brings all frames of the Actions nearer to some chosen pose than any other would.
        pick = int(np.minimum(nearest, apart).sum(1).argmin())
        if nearest[pick] < NEAR:
            break
        poses.append(StartPose(f"own pose {len(poses) + 1}", candidates[pick]))
        nearest = np.minimum(nearest, apart[pick])
    return poses
