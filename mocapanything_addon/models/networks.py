# SPDX-License-Identifier: GPL-3.0-or-later
"""The learned modules as the worker uses them: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..fit.clip import SubjectClip
from ..fit.crop import Crop
from ..fit.decimate import FitMesh, decimate
from ..fit.prior import PosePrior
from ..fit.renderer import Renderer
from ..ik.camera import Camera
from ..ik.kinematics import Pose
from ..ik.rotations import nearest_rotation, quaternion_from_matrix
from ..jobs.rig import Rig
from ..jobs.views import ReferenceViews
from .correspondence_network import CorrespondenceNetwork
from .device import Device, tensor_on
from .encoded_rig import Reference, normalised, reference_batch, repeated
from .found_points import FoundPoints, corners_as_points
from .images import cut_window, draw_estimate, from_places, mask_window, standardised_frame, to_places
from .manifest import DEFAULT_FOLDER, WeightsEntry
from .motion_decoder import WINDOW, DecodedMotion, MotionDecoder
from .motion_features import MotionInput, confidence_of, frame_motion_features, joint_motion_features
from .network_critic import NetworkCritic
from .pose_critic import PoseCritic
from .reference import reference_input, to_normalised
from .registry import available_networks, load_network
from .video_features import IMAGE_SIZE, PointEvidence

Array = NDArray[np.float64]
Progress = Callable[[str, int, int], None]
Found = TypeVar("Found", PointEvidence, DecodedMotion)
USED = ("decoder", "critic")
"""What a capture asks; the mask network is loaded by whoever cuts out, the correspondence network when it is
asked first."""
FRAMES_AT_ONCE = 16
WINDOWS_AT_ONCE = 8
MEAN_DISTANCE = float(np.sqrt(np.pi / 2.0))
"""Mean distance of a normal cloud in the plane from its middle, in standard deviations an axis."""
TAIL_SIGMA = 0.05
"""Radians: a tail joint does not turn of its own."""


@dataclass(frozen=True, eq=False)
class DecodedClip:
    """What the motion decoder makes of T frames. J joints."""

    prior: PosePrior
    root_positions: Array
    """(T, 3) armature space."""
    contact: Array
    """(T, J) probability that the joint rests on the ground."""


class Networks:
    """The learned modules with their weights. Deterministic on a CPU.

    Args:
        decoder: Motion decoder.
        critic: Pose critic.
        device: What they run on.
        load_correspondence: Gives reference encoder and video features, at the first question to them.
        entries: What was loaded, for the report.
    """

    def __init__(
        self,
        decoder: MotionDecoder,
        critic: PoseCritic,
        device: Device,
        *,
        load_correspondence: Callable[[], CorrespondenceNetwork],
        entries: tuple[WeightsEntry, ...] = (),
    ) -> None:
        self.decoder = decoder.eval()
        self.critic = NetworkCritic(critic, device)
        self.device = device
        self.entries = entries
        self._load_correspondence = load_correspondence

    @classmethod
    def load(cls, folder: Path = DEFAULT_FOLDER, device: str | Device = "cpu") -> Networks:
        """Read the weights.

        Args:
            folder: With ``weights.json`` and the files it lists; what it does not list is what ships.
            device: What to run on, or its name as :class:`.device.Device` has it.

        Raises:
            CaptureError: ``weights_missing`` or ``weights_damaged``.
            BadInputError: ``trunk_...`` where an image trunk cannot be used, see :mod:`.trunks`.
        """
        entries = available_networks(folder)
        decoder, critic = (load_network(entries[name]) for name in USED)
        assert isinstance(decoder, MotionDecoder)
        assert isinstance(critic, PoseCritic)
        return cls(
            decoder,
            critic,
            device if isinstance(device, Device) else Device(device),
            load_correspondence=partial(load_network, entries["correspondence"]),  # type: ignore[arg-type]
            entries=tuple(entries[name] for name in USED),
        )

    @cached_property
    def correspondence(self) -> CorrespondenceNetwork:
        """Reference encoder and video features. Raises CaptureError as :meth:`load`."""
        return self._load_correspondence().eval()

    def encode(self, rig: Rig, views: ReferenceViews | None = None, mesh: FitMesh | None = None) -> Reference:
        """Prepare a rig once a capture.

        Args:
            rig: The character.
            views: Renders in rest pose, which only :meth:`correspond` can use; None where there are none.
            mesh: The fit's mesh of this rig, when it is known already.

        Raises:
            ValueError: a view cannot be read or shows nothing.
            OSError: a view's file is missing.
        """
        mesh = mesh or decimate(rig)
        return Reference(rig, mesh, reference_input(rig, mesh, views))

    @torch.inference_mode()
    def correspond(
        self,
        reference: Reference,
        clip: SubjectClip,
        pose: Pose,
        camera: Camera,
        *,
        progress: Progress | None = None,
    ) -> FoundPoints:
        """Find the rig's points in every frame, starting from an estimate.

        Args:
            reference: From :meth:`encode`.
            clip: T frames of the subject.
            pose: The estimate, T frames.
            camera: Of the source image, armature space.
            progress: Called with ("correspond", done, total) after every few frames.

        Raises:
            CaptureError: The correspondence network's weights are missing or damaged.
        """
        count, points = clip.frame_count, reference.point_count
        places = np.full((count, points, 2), np.nan)
        sigma = np.full((count, points), np.inf)
        visibility, depth_shift = np.zeros((count, points)), np.zeros((count, points))
        renderer = Renderer(reference.mesh.faces)
        queries = self.device.run(
            self.correspondence,
            lambda network, on: network.queries(reference_batch(reference.inputs, on)).cpu(),
        )
        windows = {t: mask_window(clip.mask[t], clip.crops[t], IMAGE_SIZE) for t in range(count)}
        shown = {t: window for t, window in windows.items() if window is not None}
        for first in range(0, len(shown), FRAMES_AT_ONCE):
            some = dict(list(shown.items())[first : first + FRAMES_AT_ONCE])
            posed = _some_frames(pose, list(some))
            evidence = self._find(reference, queries, clip, some, posed, camera, renderer)
            for index, (t, window) in enumerate(some.items()):
                places[t] = from_places(_numpy(evidence.places[index]), window)
                scale = np.exp(_numpy(evidence.log_scale[index]))
                sigma[t] = 0.5 * window.side * scale / MEAN_DISTANCE
                visibility[t] = _numpy(torch.sigmoid(evidence.visibility[index]))
                depth_shift[t] = reference.rig.size * _numpy(evidence.depth_shift[index])
            if progress is not None:
                progress("correspond", min(first + FRAMES_AT_ONCE, len(shown)), len(shown))
        return FoundPoints(
            joint_count=reference.rig.joint_count,
            surface=corners_as_points(reference.mesh.faces, reference.inputs.surface_vertices),
            places=places,
            sigma=sigma,
            visibility=visibility,
            depth_shift=depth_shift,
        )

    @torch.inference_mode()
    def decode(
        self,
        reference: Reference,
        times: Array,
        pose: Pose,
        camera: Camera,
        joint_points: Array,
        joint_sigma: Array,
        *,
        progress: Progress | None = None,
    ) -> DecodedClip:
        """A pose prior from the estimate and from where the video shows the joints.

        Long clips run in overlapping windows whose answers are blended.

        Args:
            reference: From :meth:`encode`.
            times: (T,) seconds.
            pose: The estimate, T frames.
            camera: Of the source image, armature space.
            joint_points: (T, J, 2) source pixels.
            joint_sigma: (T, J) their standard deviation, source pixels; infinite where nothing is known.
            progress: Called with ("motion prior", done, total) after every few windows.
        """
        motion = _motion_input(reference.rig, times, pose, camera, joint_points, joint_sigma)
        joints, frames = joint_motion_features(motion), frame_motion_features(motion)
        count, joint_count = joints.shape[:2]
        raw = np.zeros((count, joint_count, 3, 3))
        log_sigma, contact = np.zeros((count, joint_count)), np.zeros((count, joint_count))
        shift, total = np.zeros((count, 3)), np.zeros(count)
        starts = window_starts(count)
        for first in range(0, len(starts), WINDOWS_AT_ONCE):
            some = starts[first : first + WINDOWS_AT_ONCE]
            spans = [np.arange(s, min(s + WINDOW, count)) for s in some]
            out = self._decode(reference, joints, frames, motion.times, spans)
            for index, span in enumerate(spans):
                # The middle of a window knows more of its past and future than its ends do.
                hat = 1.0 + np.minimum(np.arange(len(span)), np.arange(len(span))[::-1])
                at, keep = span, slice(0, len(span))
                raw[at] += hat[:, None, None, None] * _numpy(out.rotations[index, keep])
                log_sigma[at] += hat[:, None] * _numpy(out.log_sigma[index, keep])
                contact[at] += hat[:, None] * _numpy(torch.sigmoid(out.contact[index, keep]))
                shift[at] += hat[:, None] * _numpy(out.root_shift[index, keep])
                total[at] += hat
            if progress is not None:
                progress("motion prior", min(first + WINDOWS_AT_ONCE, len(starts)), len(starts))
        raw /= total[:, None, None, None]
        turn, body = to_normalised(reference.rig.up), motion.rotations[:, 0]
        local = nearest_rotation(raw + 1e-9 * np.eye(3))
        local[:, 0] = body @ local[:, 0]
        local = turn.T @ local @ turn
        tails = reference.rig.is_tail
        local[:, tails] = np.eye(3)
        sigma = np.exp(log_sigma / total[:, None])
        sigma[:, tails] = TAIL_SIGMA
        root_shift = np.einsum("tab,tb->ta", body, shift / total[:, None]) @ turn * reference.rig.size
        return DecodedClip(
            prior=PosePrior(quaternion_from_matrix(local), sigma),
            root_positions=pose.positions[:, 0] + root_shift,
            contact=contact / total[:, None],
        )

    def _find(
        self,
        reference: Reference,
        queries: Tensor,
        clip: SubjectClip,
        windows: dict[int, Crop],
        pose: Pose,
        camera: Camera,
        renderer: Renderer,
    ) -> PointEvidence:
        """Run the correspondence network on some frames; the pose holds just those."""
        vertices, points = reference.posed_points(pose)
        rest = normalised(reference.rig, reference.mesh.vertices)
        depths = camera.to_camera(points)[..., 2]
        color, mask, drawn, places = [], [], [], []
        for index, (t, window) in enumerate(windows.items()):
            color.append(cut_window(clip.color[t], clip.crops[t], window))
            mask.append(cut_window(clip.mask[t], clip.crops[t], window))
            drawn.append(draw_estimate(renderer, rest, vertices[index], camera, window))
            places.append(to_places(camera.project(points[index]), window).astype(np.float32))

        def work(network: CorrespondenceNetwork, on: torch.device) -> PointEvidence:
            frame = standardised_frame(tensor_on(on, np.stack(color)), tensor_on(on, np.stack(mask)))
            found = network.video(
                frame.contiguous(memory_format=torch.channels_last),
                tensor_on(on, np.stack(drawn)).float().contiguous(memory_format=torch.channels_last),
                queries.to(on).expand(len(windows), -1, -1),
                tensor_on(on, np.stack(places)),
                tensor_on(on, ((depths - depths[:, :1]) / reference.rig.size).astype(np.float32)),
                torch.ones(depths.shape, dtype=torch.bool, device=on),
            )
            return _on_cpu(found)

        return self.device.run(self.correspondence, work)

    def _decode(
        self,
        reference: Reference,
        joints: NDArray[np.float32],
        frames: NDArray[np.float32],
        times: Array,
        spans: list[NDArray[np.intp]],
    ) -> DecodedMotion:
        length = max(len(span) for span in spans)
        padded = [np.concatenate([span, np.repeat(span[-1:], length - len(span))]) for span in spans]
        seen = np.stack([np.arange(length) < len(span) for span in spans])
        clock = np.stack([times[p] - times[p[0]] for p in padded]).astype(np.float32)

        def work(network: MotionDecoder, on: torch.device) -> DecodedMotion:
            decoded = network(
                repeated(reference_batch(reference.inputs, on, views=False), len(spans)),
                tensor_on(on, np.stack([joints[p] for p in padded])),
                tensor_on(on, np.stack([frames[p] for p in padded])),
                tensor_on(on, clock),
                tensor_on(on, seen),
            )
            return _on_cpu(decoded)

        return self.device.run(self.decoder, work)


def _some_frames(pose: Pose, frames: list[int]) -> Pose:
    return Pose(pose.global_rotations[frames], pose.positions[frames])


def window_starts(count: int) -> list[int]:
    """First frames of overlapping windows that cover ``count`` frames."""
    if count <= WINDOW:
        return [0]
    starts = list(range(0, count - WINDOW, WINDOW // 2))
    return [*starts, count - WINDOW]


def _motion_input(
    rig: Rig, times: Array, pose: Pose, camera: Camera, points: Array, sigma: Array
) -> MotionInput:
    """Everything in normalised space."""
    turn, size = to_normalised(rig.up), rig.size
    depth = np.maximum(camera.to_camera(pose.positions)[..., 2], 1e-3 * size)
    per_pixel = depth / camera.focal / size
    known = np.isfinite(sigma) & np.isfinite(points).all(-1)
    residuals = (
        np.where(known[..., None], points - camera.project(pose.positions), 0.0) * per_pixel[..., None]
    )
    return MotionInput(
        parents=rig.parents,
        rest=normalised(rig, rig.rest_positions),
        times=np.asarray(times, float),
        rotations=turn @ pose.global_rotations @ turn.T,
        positions=normalised(rig, pose.positions),
        residuals=residuals,
        confidence=np.where(known, confidence_of(np.where(known, sigma, 0.0) * per_pixel), 0.0),
        camera_axes=camera.rotation @ turn.T,
        camera_position=normalised(rig, camera.position),
    )


def _on_cpu(found: Found) -> Found:
    """A network's answer, fetched from its device."""
    return replace(found, **{name: value.cpu() for name, value in vars(found).items()})


def _numpy(tensor: Tensor) -> Array:
    return tensor.double().numpy()
