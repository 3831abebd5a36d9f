# SPDX-License-Identifier: GPL-3.0-or-later
"""Clips on disk: a video, and the truth behind it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.ik.camera import Camera
from mocapanything_addon.ik.kinematics import forward
from mocapanything_addon.ik.rotations import quaternion_from_matrix
from mocapanything_addon.ik.skeleton import Skeleton
from mocapanything_addon.jobs.rig import Rig

from .metrics import Joints, Track
from .motions.animator import Clip

Array = NDArray[np.float64]


def write_video(
    path: Path, frames: Iterable[NDArray[np.uint8]], *, frame_rate: int, quality: int = 24
) -> None:
    """H.264 in an .mp4. ``quality`` is x264's constant rate factor: less is better and larger.

    Frames are (H, W, 3) RGB with even sides.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=Fraction(frame_rate))
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(quality), "preset": "slow"}
        for i, image in enumerate(frames):
            if i == 0:
                stream.height, stream.width = image.shape[:2]
            for packet in stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


@dataclass(frozen=True, eq=False)
class Truth:
    """What really happened in a clip: T frames, J joints (tail joints of leaf bones last), armature space."""

    joint_names: tuple[str, ...]
    is_tail: NDArray[np.bool_]
    """(J,)."""
    parents: NDArray[np.int32]
    """(J,)."""
    rest_positions: Array
    """(J, 3)."""
    times: Array
    """(T,) seconds."""
    positions: Array
    """(T, J, 3)."""
    global_rotations: Array
    """(T, J, 4) rest-relative D_j, quaternions (w, x, y, z)."""
    contact_joints: NDArray[np.int32]
    """(C,) joints that stand on the ground at times."""
    contacts: NDArray[np.bool_]
    """(T, C) where they do."""
    camera_rotation: Array
    """(3, 3) armature space to OpenCV camera axes."""
    camera_translation: Array
    """(3,)."""
    camera_focal: float
    """Pixels."""
    image_size: NDArray[np.int64]
    """(2,) width, height."""
    masks: NDArray[np.uint8]
    """Silhouettes, (T, H, W) booleans packed along the last axis."""

    @property
    def joints(self) -> Joints:
        """For the accuracy figures."""
        return Joints(self.parents, self.is_tail, self.rest_positions)

    @property
    def track(self) -> Track:
        """The motion, for the accuracy figures."""
        return Track.from_quaternions(self.positions, self.global_rotations)

    @property
    def camera(self) -> Camera:
        width, height = (int(n) for n in self.image_size)
        return Camera(self.camera_focal, width, height, self.camera_rotation, self.camera_translation)

    def silhouettes(self) -> NDArray[np.bool_]:
        """(T, H, W) where the creature is."""
        return np.unpackbits(self.masks, axis=-1, count=int(self.image_size[0])).astype(bool)

    def save(self, path: Path) -> None:
        """Write as ``.npz``; numbers as float32."""
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays = {}
        for name, value in self.__dict__.items():
            array = np.asarray(value)
            arrays[name] = array.astype(np.float32) if array.dtype == np.float64 else array
        with path.open("wb") as stream:
            np.savez_compressed(stream, **arrays)

    @classmethod
    def load(cls, path: Path) -> Truth:
        """Read what :meth:`save` wrote."""
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as data:
            values = {name: data[name] for name in data.files}
        for name, array in values.items():
            if array.dtype == np.float32:
                values[name] = array.astype(np.float64)
        values["joint_names"] = tuple(str(s) for s in values["joint_names"])
        values["camera_focal"] = float(values["camera_focal"])
        return cls(**values)


def truth_of(rig: Rig, clip: Clip, camera: Camera, masks: Iterable[NDArray[np.bool_]]) -> Truth:
    """The truth of a filmed clip."""
    pose = forward(Skeleton.from_rig(rig), clip.motion)
    return Truth(
        joint_names=rig.joint_names,
        is_tail=rig.is_tail,
        parents=rig.parents,
        rest_positions=rig.rest_positions,
        times=clip.times,
        positions=pose.positions,
        global_rotations=quaternion_from_matrix(pose.global_rotations),
        contact_joints=np.array(clip.feet, np.int32),
        contacts=clip.contacts,
        camera_rotation=camera.rotation,
        camera_translation=camera.translation,
        camera_focal=camera.focal,
        image_size=np.array([camera.width, camera.height]),
        masks=np.stack([np.packbits(mask, axis=-1) for mask in masks]),
    )
