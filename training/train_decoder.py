# SPDX-License-Identifier: GPL-3.0-or-later
"""Train the motion decoder on simulated evidence: no image is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mocapanything_addon.ik.rotations import nearest_rotation
from mocapanything_addon.models.motion_decoder import DecodedMotion, MotionDecoder
from mocapanything_addon.models.reference_encoder import ReferenceBatch

from .ablations import HIDE, Ablated
from .data import load_characters, shared_characters
from .device import as_float, mixed_precision, moved
from .loop import Figures
from .options import read_options, training_options
from .pool import Pool
from .train import Task, train
from .windows import Window, WindowMaker

WINDOWS_PER_BATCH = 16
VALIDATION_WINDOWS = 256
POOL = 6000
"""Windows kept where they are used more than once; the oldest make room for new ones."""


@dataclass(frozen=True, eq=False)
class WindowBatch:
    """B windows, padded to the most joints."""

    reference: ReferenceBatch
    joints: Tensor
    frames: Tensor
    times: Tensor
    rotations: Tensor
    estimated: Tensor
    root_shift: Tensor
    place_shift: Tensor
    contact: Tensor
    grounded: Tensor
    counts: Tensor


@dataclass(frozen=True)
class DecoderSamples:
    """Windows of the training side; see :class:`.supply.Samples`."""

    packs: Path
    batch: int = WINDOWS_PER_BATCH
    uses: int = 1
    """How often a window is used on average. Those used once are stacked with others of like joint counts."""

    def load(self) -> str:
        """The characters."""
        return f"{len(shared_characters(self.packs, 'train', need_clips=True))} characters"

    def batches(self, rng: np.random.Generator, makers: int) -> Iterator[WindowBatch]:
        """Batches without end; one of so many makers."""
        maker = WindowMaker(shared_characters(self.packs, "train", need_clips=True), rng)
        size = max(POOL // makers, 2 * self.batch)
        pool = Pool(lambda: maker.batch(1), rng, size=size, uses=self.uses)
        while True:
            yield stack_windows(maker.batch(self.batch) if self.uses == 1 else pool.draw(self.batch))


def stack_windows(windows: list[Window]) -> WindowBatch:
    """Stack windows."""
    count = max(len(w.joint_positions) for w in windows)

    def by_joint(name: str) -> Tensor:
        return torch.from_numpy(np.stack([_padded(getattr(w, name), 0, count) for w in windows]))

    def by_frame_and_joint(name: str) -> Tensor:
        return torch.from_numpy(np.stack([_padded(getattr(w, name), 1, count) for w in windows]))

    def as_is(name: str) -> Tensor:
        return torch.from_numpy(np.stack([getattr(w, name) for w in windows]))

    def pairs(name: str) -> Tensor:
        both = [_padded(_padded(getattr(w, name), 0, count), 1, count) for w in windows]
        return torch.from_numpy(np.stack(both))

    valid = np.stack([np.arange(count) < len(w.joint_positions) for w in windows])
    reference = ReferenceBatch(
        joint_positions=by_joint("joint_positions"),
        joint_features=by_joint("joint_features"),
        valid=torch.from_numpy(valid),
        hops=pairs("hops"),
        relations=pairs("relations"),
        surface_positions=as_is("surface_positions"),
        surface_normals=as_is("surface_normals"),
        surface_joints=as_is("surface_joints"),
        surface_weights=as_is("surface_weights"),
        views=torch.zeros(len(windows), 0, 4, 8, 8),
        view_points=torch.zeros(len(windows), 0, count, 2),
    )
    return WindowBatch(
        reference=reference,
        joints=by_frame_and_joint("joints"),
        frames=as_is("frames"),
        times=as_is("times"),
        rotations=by_frame_and_joint("rotations"),
        estimated=by_frame_and_joint("estimated"),
        root_shift=as_is("root_shift"),
        place_shift=by_frame_and_joint("place_shift"),
        contact=by_frame_and_joint("contact"),
        grounded=as_is("grounded"),
        counts=by_joint("counts"),
    )


def predict(network: MotionDecoder, batch: WindowBatch) -> DecodedMotion:
    """Run the decoder on a batch, where the batch is."""
    seen = torch.ones(batch.times.shape, dtype=torch.bool, device=batch.times.device)
    with mixed_precision(seen.device):
        decoded = network(batch.reference, batch.joints, batch.frames, batch.times, seen)
    return as_float(decoded)


def decoder_loss(decoded: DecodedMotion, batch: WindowBatch) -> tuple[Tensor, Figures]:
    """Squared error of raw rotations and of their change, their scale, root, joint places, contacts."""
    judged = batch.counts[:, None].expand(batch.contact.shape).float()
    total = judged.sum().clamp_min(1.0)
    squared = ((decoded.rotations - batch.rotations) ** 2).sum((-1, -2))
    rotation = (squared * judged).sum() / total
    step = decoded.rotations.diff(dim=1) - batch.rotations.diff(dim=1)
    change = ((step**2).sum((-1, -2)) * judged[:, 1:]).sum() / total
    # |R - S|^2 = 8 sin^2(angle / 2), about twice the squared angle; three axes share it.
    axis_variance = squared.detach() / 2.0 / 3.0
    scale = 1.5 * (axis_variance * torch.exp(-2.0 * decoded.log_sigma)) + 3.0 * decoded.log_sigma
    with_root = torch.cat([torch.ones_like(judged[:, :, :1]), judged[:, :, 1:]], 2)
    scale_mean = (scale * with_root).sum() / with_root.sum()
    root = squared[:, :, 0].mean()
    shift = (decoded.root_shift - batch.root_shift).abs().sum(-1).mean()
    valid = batch.reference.valid[:, None].float().expand(batch.contact.shape)
    place = ((decoded.place_shift - batch.place_shift).abs().sum(-1) * valid).sum() / valid.sum()
    contact = functional.binary_cross_entropy_with_logits(
        decoded.contact, batch.contact.float(), reduction="none"
    )
    labelled = valid * batch.grounded[:, None, None].float()
    contact_mean = (contact * labelled).sum() / labelled.sum().clamp_min(1.0)
    loss = 10.0 * rotation + 5.0 * change + 4.0 * root + 0.2 * scale_mean
    loss = loss + 2.0 * shift + 5.0 * place + 0.2 * contact_mean
    figures = {"rotation": rotation, "root": root, "shift": shift, "place": place, "contact": contact_mean}
    return loss, {name: value.detach() for name, value in figures.items()}


@torch.no_grad()
def measure(network: MotionDecoder, windows: list[Window]) -> dict[str, float]:
    """Degrees of local rotations and of the root: decoded, of the estimate before, and of the rest pose."""
    network.eval()
    device = next(network.parameters()).device
    angles: dict[str, list[NDArray]] = {name: [] for name in ("decoded", "estimate", "rest")}
    roots: dict[str, list[NDArray]] = {"decoded": [], "estimate": []}
    ratio: list[NDArray] = []
    right = never = total = 0.0
    for start in range(0, len(windows), WINDOWS_PER_BATCH):
        batch = stack_windows(windows[start : start + WINDOWS_PER_BATCH])
        out = moved(predict(network, moved(batch, device)), torch.device("cpu"))
        truth = batch.rotations.double().numpy()
        decoded = nearest_rotation(out.rotations.double().numpy() + 1e-9 * np.eye(3))
        use = np.broadcast_to(batch.counts[:, None].numpy(), truth.shape[:3])
        error = _degrees(decoded, truth)
        angles["decoded"].append(error[use])
        angles["estimate"].append(_degrees(batch.estimated.double().numpy(), truth)[use])
        angles["rest"].append(_degrees(np.broadcast_to(np.eye(3), truth.shape), truth)[use])
        roots["decoded"].append(error[:, :, 0].ravel())
        roots["estimate"].append(_degrees(np.broadcast_to(np.eye(3), truth.shape), truth)[:, :, 0].ravel())
        sigma = np.degrees(np.exp(out.log_sigma.numpy()))
        ratio.append((error**2 / (3.0 * sigma**2))[use])
        labelled = (batch.reference.valid & batch.grounded[:, None])[:, None].expand(batch.contact.shape)
        right += float(((out.contact > 0) == batch.contact)[labelled].float().sum())
        never += float((~batch.contact)[labelled].float().sum())
        total += float(labelled.sum())
    network.train()
    mean = {f"rotation_{name}": float(np.concatenate(a).mean()) for name, a in angles.items()}
    return {
        **mean,
        "root_decoded": float(np.concatenate(roots["decoded"]).mean()),
        "root_estimate": float(np.concatenate(roots["estimate"]).mean()),
        "variance_ratio": float(np.concatenate(ratio).mean()),
        "contact_right": right / max(total, 1.0),
        "contact_never": never / max(total, 1.0),
    }


def fixed_windows(packs: Path, side: str, count: int, seed: int = 7) -> list[Window]:
    """The same windows at every call: for validation and test."""
    rng = np.random.default_rng(seed)
    characters = load_characters(packs, side, need_clips=True)  # type: ignore[arg-type]
    maker = WindowMaker(characters, rng, easy=True)
    return [window for _ in range(count // WINDOWS_PER_BATCH) for window in maker.batch(WINDOWS_PER_BATCH)]


def main(arguments: list[str] | None = None) -> None:
    """Command line; see README.md."""
    parser = training_options("decoder", __doc__, rate=1.0e-3, steps=12000, batch=WINDOWS_PER_BATCH)
    parser.add_argument("--uses", type=int, default=1, help="of each window, on average")
    parser.add_argument("--without", choices=list(HIDE), help="train a decoder that is not given this")
    options = read_options(parser, arguments)

    def loss(network: MotionDecoder, batch: WindowBatch) -> tuple[Tensor, Figures]:
        return decoder_loss(predict(network, batch), batch)

    def validation() -> Callable[[MotionDecoder], dict[str, float]]:
        windows = fixed_windows(options.packs, "validation", VALIDATION_WINDOWS)
        return lambda network: measure(network, windows)

    def network() -> MotionDecoder:
        return MotionDecoder() if options.without is None else Ablated(options.without)

    samples = DecoderSamples(options.packs, options.batch, options.uses)
    train(options, Task(samples, network, loss, validation))


def _padded(values: NDArray, axis: int, length: int) -> NDArray:
    missing = [(0, 0)] * values.ndim
    missing[axis] = (0, length - values.shape[axis])
    return np.pad(values, missing)


def _degrees(a: NDArray, b: NDArray) -> NDArray:
    cosine = ((a * b).sum((-1, -2)) - 1.0) / 2.0
    return np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))


if __name__ == "__main__":
    main()
