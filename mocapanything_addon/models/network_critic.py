# SPDX-License-Identifier: GPL-3.0-or-later
"""The pose critic as the fit uses it: poses in, scores out."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ..fit.body import Body
from ..fit.clip import SubjectClip
from ..fit.crop import Crop
from ..fit.cues import paint
from ..fit.problem import Problem
from ..fit.renderer import Renderer
from ..ik.kinematics import State
from ..ik.motion import Motion
from .device import Device, tensor_on
from .encoded_rig import normalised
from .images import cut_window, draw_candidate, mask_window, standardised_frame
from .pose_critic import PoseCritic, candidate_image
from .video_features import IMAGE_SIZE

POSES_AT_ONCE = 16


class NetworkCritic:
    """See :class:`..fit.critic.Critic`. Deterministic on a CPU.

    Args:
        network: Trained.
        device: What it runs on.
    """

    def __init__(self, network: PoseCritic, device: Device) -> None:
        self.network = network.eval()
        self.device = device
        self._body: Body | None = None

    @torch.inference_mode()
    def scores(self, problem: Problem, frames: NDArray[np.intp], motion: Motion) -> NDArray[np.float64]:
        """(N,) see :meth:`..fit.critic.Critic.scores`."""
        self._know(problem)
        body = problem.body
        state = State(body.skeleton, motion)
        result = np.zeros(len(frames))
        windows = self._windows(problem.frames.clip, frames)
        shown = list(windows)
        for first in range(0, len(shown), POSES_AT_ONCE):
            some = shown[first : first + POSES_AT_ONCE]
            posed = [body.skin.at(state, n).vertices for n in some]
            chosen = [int(frames[n]) for n in some]
            result[some] = self._compare(problem, chosen, [windows[n] for n in some], posed)
        return result

    def _compare(
        self, problem: Problem, frames: list[int], windows: list[Crop], posed: list[NDArray]
    ) -> NDArray[np.float64]:
        """(N,) scores of posed vertices, each in its frame."""
        clip = problem.frames.clip
        color, mask, drawn, painted = [], [], [], []
        for t, window, vertices in zip(frames, windows, posed, strict=True):
            seen = Crop(window.left, window.top, window.side, self.network.frame_size)
            color.append(cut_window(clip.color[t], clip.crops[t], seen))
            mask.append(cut_window(clip.mask[t], clip.crops[t], seen))
            image, paint_image = draw_candidate(
                self._renderer, self._rest, self._colors, vertices, problem.camera, window
            )
            drawn.append(image)
            painted.append(paint_image)

        def work(network: PoseCritic, on: torch.device) -> NDArray[np.float64]:
            filmed = standardised_frame(tensor_on(on, np.stack(color)), tensor_on(on, np.stack(mask)))
            images = tensor_on(on, np.stack(drawn)).float()
            inside = (255.0 * images[:, 6]).to(torch.uint8)
            colors = standardised_frame(tensor_on(on, np.stack(painted)), inside)[:, :3]
            candidates = candidate_image(images, colors)[:, None]
            found = network(filmed.contiguous(memory_format=torch.channels_last), candidates)[:, 0]
            return found.cpu().double().numpy()

        return self.device.run(self.network, work)

    @staticmethod
    def _windows(clip: SubjectClip, frames: NDArray[np.intp]) -> dict[int, Crop]:
        """Place among ``frames`` -> the network's window, where the subject is seen."""
        known = {int(t): mask_window(clip.mask[t], clip.crops[t], IMAGE_SIZE) for t in np.unique(frames)}
        found = {n: known[int(t)] for n, t in enumerate(frames)}
        return {n: window for n, window in found.items() if window is not None}

    def _know(self, problem: Problem) -> None:
        """What stays the same for all poses of a body."""
        body = problem.body
        if body is self._body:
            return
        self._body = body
        self._renderer = Renderer(body.mesh.faces, rasterizer=body.renderer.rasterizer)
        self._rest = normalised(body.rig, body.mesh.vertices)
        self._colors = paint(problem)
