# SPDX-License-Identifier: GPL-3.0-or-later
"""A small network, trained on the spot for one video, that tells the subject's pixels from all others."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

SCALES = (2.0, 6.0)
"""Blurs of the context features, pixels at analysis size."""

FEATURES = 3 + 4 * len(SCALES) + 1

HIDDEN = 32
STEPS = 500
BATCH = 2048


def pixel_features(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(h, w, FEATURES) colour, colour of the surroundings, roughness, sharpness; each about -1 to 1."""
    height, width = rgb.shape[:2]
    lab = np.asarray(cv2.cvtColor(rgb.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB), np.float32)
    lab -= np.array([50.0, 0.0, 0.0], np.float32)
    lab /= np.array([40.0, 30.0, 30.0], np.float32)
    layers = [cv2.GaussianBlur(lab, (0, 0), 1.0)]
    squares = lab[:, :, 0] ** 2
    for scale in SCALES:
        # Blurred at a third of the size: the wide kernels cost more than all the rest otherwise.
        small = (max(1, width // 3), max(1, height // 3))
        both = cv2.resize(np.dstack([lab, squares]), small, interpolation=cv2.INTER_AREA)
        both = cv2.resize(cv2.GaussianBlur(both, (0, 0), scale / 3.0), (width, height))
        roughness = np.sqrt(np.maximum(both[:, :, 3] - both[:, :, 0] ** 2, 0.0))
        layers += [both[:, :, :3], 4.0 * roughness - 1.0]
    fine = np.abs(lab[:, :, 0] - layers[0][:, :, 0])
    layers.append(6.0 * cv2.GaussianBlur(fine, (0, 0), SCALES[0]) - 1.0)
    return np.dstack(layers)


class Appearance:
    """Per-pixel classifier.

    Args:
        seed: Of its random start and of the batches.
    """

    def __init__(self, seed: int) -> None:
        self._generator = torch.Generator().manual_seed(seed)
        sizes = [(FEATURES, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, 1)]
        self._weights: list[torch.Tensor] = []
        for before, after in sizes:
            scale = (2.0 / before) ** 0.5
            self._weights.append(scale * torch.randn(before, after, generator=self._generator))
            self._weights.append(torch.zeros(after))

    def train(
        self,
        features: NDArray[np.float32],
        target: NDArray[np.float32],
        weight: NDArray[np.float32],
        tick: Callable[[int, int], None],
    ) -> None:
        """Fit to samples.

        Args:
            features: (N, FEATURES).
            target: (N,) 1 subject, 0 not.
            weight: (N,) how sure that is, >= 0. Samples are drawn in proportion to it, both classes alike.
            tick: Called with (step, steps) now and then.
        """
        x, y = torch.from_numpy(features), torch.from_numpy(target)
        share = torch.from_numpy(weight).double()
        for is_subject in (y > 0.5, y <= 0.5):
            share[is_subject] /= share[is_subject].sum() + 1e-9
        drawn = torch.multinomial(share, STEPS * BATCH, replacement=True, generator=self._generator)
        for tensor in self._weights:
            tensor.requires_grad_(True)
        optimizer = torch.optim.AdamW(self._weights, lr=0.01, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
        for step, batch in enumerate(drawn.split(BATCH)):
            # A little noise on the features keeps it from learning single pixels by heart.
            noisy = x[batch] + 0.05 * torch.randn(len(batch), FEATURES, generator=self._generator)
            loss = torch.nn.functional.binary_cross_entropy_with_logits(self._logit(noisy), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            if step % 50 == 0:
                tick(step, STEPS)
        for tensor in self._weights:
            tensor.requires_grad_(False)

    def logit(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """(h, w) log odds of the subject for (h, w, FEATURES)."""
        height, width = features.shape[:2]
        with torch.no_grad():
            flat = self._logit(torch.from_numpy(features.reshape(-1, FEATURES)))
        return flat.numpy().reshape(height, width)

    def _logit(self, x: torch.Tensor) -> torch.Tensor:
        w1, b1, w2, b2, w3, b3 = self._weights
        x = torch.relu(torch.addmm(b1, x, w1))
        x = torch.relu(torch.addmm(b2, x, w2))
        return torch.addmm(b3, x, w3)[:, 0]
