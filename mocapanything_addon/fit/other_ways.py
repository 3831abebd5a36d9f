# SPDX-License-Identifier: GPL-3.0-or-later
"""Other ways through some frames of a motion: guesses for :mod:`.revise` to judge.

Each way is one function, and leads to a motion near which the solver may find a better one: tracked again
from either side, straight across, or begun in the midst of the frames with a pose known from elsewhere, with
limbs known from elsewhere, with a limb mirrored in depth, with lost limbs brought back, or as in another
stride.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..ik import rotations
from ..ik.kinematics import forward
from ..ik.motion import Motion
from ..ik.terms.joint_positions import JointPositions
from .align import align
from .bend import bent
from .body import Body
from .frame_fit import fit_frame, look_at
from .limb_search import limbs_searched
from .lost_limbs import limb_chains
from .problem import Problem
from .start_poses import passing_poses, sampled_own_poses, start_poses
from .track import MOMENTUM, STIFFER, follow, turned_on

OWN_POSES, TRACKED_POSES = 40, 200
"""Of the rig's Actions, and of the motion, at most."""
FOLLOW_STEPS, SEED_STEPS, FLIP_STEPS = 2, 4, 4
LIMB_POSES = 6
"""Known poses that each frame tries of each limb."""
SAME = 0.1
"""Radians: where no joint is farther from where it was, the ways have met."""
ALL_JOINTS, EACH_LIMB = 0.3, 0.4
"""How often all joints go straight across, and, where not all do, each limb."""
FLIP_SIGMA = 0.01
"""Body sizes that the joints of a mirrored limb may be off."""


@dataclass(frozen=True, eq=False)
class Stretch:
    """Frames ``first`` to ``last - 1`` of a motion that may be better otherwise."""

    problem: Problem
    motion: Motion
    """All frames of the clip."""
    first: int
    last: int
    cost: NDArray[np.float64]
    """(last - first,) how badly the motion explains them."""
    known: NDArray[np.float64]
    """(N, J, 3, 3) poses that the body may be in."""
    repeats: Sequence[int]
    """Frames after which the subject looks as it did, see gait.py."""
    alive: Callable[[], None]
    """Called several times a second."""

    @property
    def rng(self) -> np.random.Generator:
        return self.problem.rng

    def drawn_frame(self) -> int:
        """One of the frames, the more likely the worse it is explained."""
        return int(self.rng.choice(np.arange(self.first, self.last), p=self.cost / self.cost.sum()))

    def drawn_pose(self) -> NDArray[np.float64]:
        """(J, 3, 3) one of the known poses."""
        return np.asarray(self.known[self.rng.integers(len(self.known))])


Way = Callable[[Stretch], Motion | None]
"""Gives a motion of all frames, changed within the stretch; None where there is no such way."""


def known_poses(body: Body, motion: Motion, cost: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, J, 3, 3) poses that bodies take, that the rig's own Actions show, and of the better half of a
    motion's frames by their cost (T,); all mirrored too."""
    drawn = [*start_poses(body), *passing_poses(body), *sampled_own_poses(body, OWN_POSES)]
    best = np.argsort(cost)[: (len(cost) + 1) // 2]
    good = motion.local_rotations[best[np.unique(np.linspace(0, len(best) - 1, TRACKED_POSES).astype(int))]]
    poses = np.concatenate([np.stack([pose.local_rotations for pose in drawn]), good])
    if body.symmetry is None:
        return poses
    return np.concatenate([poses, body.symmetry.mirror_rotations(poses)])


def from_before(stretch: Stretch) -> Motion | None:
    """Tracked again from the frame before."""
    return _tracked_from(stretch, stretch.first - 1)


def from_behind(stretch: Stretch) -> Motion | None:
    """Tracked again, backwards from the frame behind."""
    return _tracked_from(stretch, stretch.last)


def straight_across(stretch: Stretch) -> Motion | None:
    """All joints, or some limbs, from the pose before to the one behind on the shortest way."""
    before, behind = stretch.first - 1, stretch.last
    if before < 0 or behind == stretch.motion.frame_count:
        return None
    body, motion = stretch.problem.body, stretch.motion.copy()
    joints = np.arange(body.skeleton.joint_count)
    limbs = _limbs(body)
    if limbs and stretch.rng.random() > ALL_JOINTS:
        some = [limb for limb in limbs if stretch.rng.random() < EACH_LIMB]
        joints = np.concatenate(some or [limbs[stretch.rng.integers(len(limbs))]])
    share = (np.arange(stretch.first, stretch.last) - before) / (behind - before)
    start, end = motion.local_rotations[before, joints], motion.local_rotations[behind, joints]
    turn = rotations.log(np.swapaxes(start, -1, -2) @ end)
    motion.local_rotations[stretch.first : stretch.last, joints] = start @ rotations.exp(
        share[:, None, None] * turn
    )
    return motion


def with_known_pose(stretch: Stretch) -> Motion | None:
    """Begun in one frame with a pose known from elsewhere, facing as the body does."""
    problem, frame = stretch.problem, stretch.drawn_frame()
    local = stretch.drawn_pose().copy()
    root = problem.body.skeleton.root
    local[root] = stretch.motion.local_rotations[frame, root]
    laid, _ = align(problem, Motion(np.zeros((1, 3)), local[None]), frame)
    return _begun_with(stretch, laid, frame)


def with_known_limbs(stretch: Stretch) -> Motion | None:
    """Begun in one frame with one or two limbs as known from elsewhere."""
    limbs = _limbs(stretch.problem.body)
    if not limbs:
        return None
    frame = stretch.drawn_frame()
    pose = stretch.motion[frame : frame + 1].copy()
    for _ in range(stretch.rng.integers(1, 3)):
        limb = limbs[stretch.rng.integers(len(limbs))]
        pose.local_rotations[0, limb] = stretch.drawn_pose()[limb]
    return _begun_with(stretch, pose, frame)


def with_lost_limbs(stretch: Stretch) -> Motion | None:
    """Begun in one frame as it is, its lost limbs brought back."""
    frame = stretch.drawn_frame()
    return _begun_with(stretch, stretch.motion[frame : frame + 1], frame)


def mirrored_in_depth(stretch: Stretch) -> Motion | None:
    """A limb that points as far away from the camera as it pointed towards it, or the other way round, which
    looks almost the same (C. Sminchisescu and B. Triggs, "Kinematic jump processes for monocular 3D human
    tracking", 2003)."""
    body, camera = stretch.problem.body, stretch.problem.camera
    chains = limb_chains(body)
    if not chains:
        return None
    skeleton, top = body.skeleton, int(chains[stretch.rng.integers(len(chains))][0])
    limb = np.flatnonzero(skeleton.is_ancestor[top])
    part = stretch.motion[stretch.first : stretch.last]
    places = forward(skeleton, part).positions
    away = places[:, top] - camera.position
    away /= np.maximum(np.linalg.norm(away, axis=-1, keepdims=True), 1e-9)
    depth = np.einsum("tjd,td->tj", places[:, limb] - places[:, None, top], away)
    targets, weights = places.copy(), np.zeros(places.shape[:2])
    targets[:, limb] -= 2.0 * depth[..., None] * away[:, None]
    weights[:, limb] = 1.0
    wanted = JointPositions(targets, weights, FLIP_SIGMA * body.size)
    frames = np.arange(stretch.first, stretch.last)
    part = bent(stretch.problem, part, frames, limb, wanted, steps=FLIP_STEPS)
    motion = stretch.motion.copy()
    motion.local_rotations[stretch.first : stretch.last] = part.local_rotations
    return motion


def from_another_stride(stretch: Stretch) -> Motion | None:
    """As the body was when the subject looked the same, a stride or a wing beat earlier or later."""
    return _from_another_stride(stretch, stretch.repeats)


def from_half_a_stride(stretch: Stretch) -> Motion | None:
    """As the body was when the subject looked the same, left and right exchanged: half a stride looks like a
    whole one from the side."""
    if stretch.problem.body.symmetry is None:
        return None
    halves = [lag // 2 for lag in stretch.repeats if lag // 2 > 0]
    return _from_another_stride(stretch, [*stretch.repeats, *halves], mirrored=True)


def with_limbs_searched(stretch: Stretch) -> Motion | None:
    """All limbs, one after the other, searched in every frame on its own."""
    limbs = _limbs(stretch.problem.body)
    if not limbs:
        return None
    order = [limbs[k] for k in stretch.rng.permutation(len(limbs))]
    known = np.stack([stretch.drawn_pose() for _ in range(LIMB_POSES)])
    return limbs_searched(
        stretch.problem, stretch.motion, stretch.first, stretch.last, order, known, stretch.alive
    )


WAYS: tuple[Way, ...] = (
    from_before,
    from_behind,
    straight_across,
    with_known_pose,
    with_known_limbs,
    with_lost_limbs,
    mirrored_in_depth,
    from_another_stride,
)
FINE_WAYS: tuple[Way, ...] = (from_half_a_stride,)
"""Left and right look alike: only outlines that are right to a pixel tell whether such a guess is better."""
SLOW_WAYS: tuple[Way, ...] = (with_limbs_searched,)
"""Take as long as all others together."""


def _from_another_stride(stretch: Stretch, lags: Sequence[int], *, mirrored: bool = False) -> Motion | None:
    if not lags:
        return None
    frames, count = np.arange(stretch.first, stretch.last), stretch.motion.frame_count
    shift = int(stretch.rng.choice(lags)) * int(stretch.rng.choice([-1, 1]))
    source = frames + shift
    outside = (source < 0) | (source >= count)
    source[outside] = frames[outside] - shift
    inside = (source >= 0) & (source < count)
    if not inside.any():
        return None
    frames, source = frames[inside], source[inside]
    body, motion = stretch.problem.body, stretch.motion.copy()
    poses = motion.local_rotations[source]
    if mirrored and body.symmetry is not None:
        poses = body.symmetry.mirror_rotations(poses)
    turning = np.setdiff1d(body.skeleton.moving, [body.skeleton.root])
    motion.local_rotations[frames[:, None], turning] = poses[:, turning]
    return motion


def _limbs(body: Body) -> list[NDArray[np.intp]]:
    """Joints of every limb that turn."""
    skeleton = body.skeleton
    return [
        np.intersect1d(np.flatnonzero(skeleton.is_ancestor[chain[0]]), skeleton.moving)
        for chain in limb_chains(body)
    ]


def _tracked_from(stretch: Stretch, frame: int) -> Motion | None:
    if not 0 <= frame < stretch.motion.frame_count:
        return None
    return _tracked(stretch, stretch.motion[frame : frame + 1], frame)


def _begun_with(stretch: Stretch, pose: Motion, frame: int) -> Motion:
    stretch.alive()
    fitted = fit_frame(stretch.problem, pose, frame, steps=SEED_STEPS)
    return _tracked(stretch, fitted, frame)


def _tracked(stretch: Stretch, pose: Motion, frame: int) -> Motion:
    """From a pose in a frame to both ends of the stretch, or until it meets the motion as it was.

    Whether the body goes on as it moved, and how firmly it is held by what is expected, is drawn by chance:
    no choice is right everywhere.
    """
    problem, rng, motion = stretch.problem, stretch.rng, stretch.motion.copy()
    momentum, stiffer = rng.choice([0.0, MOMENTUM]), float(rng.choice([1.0, STIFFER]))
    motion.root_translation[frame] = pose.root_translation[0]
    motion.local_rotations[frame] = pose.local_rotations[0]
    for way in (range(frame + 1, stretch.last), range(frame - 1, stretch.first - 1, -1)):
        here, before, previous = pose, None, frame
        sight = look_at(problem, here, frame)
        for t in way:
            stretch.alive()
            guess = here if before is None else turned_on(here, before, momentum)
            seconds = problem.seconds(previous, t)
            moved, sight = follow(problem, sight, guess, t, seconds, FOLLOW_STEPS, stiffer=stiffer)
            apart = rotations.angle_between(moved.local_rotations[0], motion.local_rotations[t]).max()
            motion.root_translation[t] = moved.root_translation[0]
            motion.local_rotations[t] = moved.local_rotations[0]
            here, before, previous = moved, here, t
            if apart < SAME:
                break
    return motion
