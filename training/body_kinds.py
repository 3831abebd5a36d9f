# SPDX-License-Identifier: GPL-3.0-or-later
"""Train the network that tells kinds of bodies by their silhouettes (mocapanything_addon/fit/body_kinds.py).

Random procedural creatures of known families are drawn in their motions, from all round, and spoiled as masks
are; most with other limbs, heads and girths, because rigs are stylised. Drawing takes a second a creature and
core, training some minutes. Stopped and started again, it goes on with the drawings it has.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from mocapanything_addon.fit.body_kinds import KINDS, WEIGHTS, shrunk
from mocapanything_addon.fit.crop import Crop
from mocapanything_addon.fit.outlines import SIDE, normalised
from mocapanything_addon.fit.renderer import Renderer
from mocapanything_addon.ik.camera import Camera
from mocapanything_addon.ik.kinematics import forward
from mocapanything_addon.ik.skeleton import Skeleton
from mocapanything_addon.ik.skinning import Skin
from mocapanything_addon.jobs.rig import Rig
from samples.creatures.creature import Creature, build_creature
from samples.creatures.plan import Kind
from samples.creatures.random_plans import FAMILIES
from samples.motions.repertoire import random_clip

FAMILY_OF = dict(
    zip(KINDS, ("quadruped", "biped", "bird", "snake", "arthropod", "fish", "lizard", "raptor"), strict=True)
)
VERTICES = 700
VARIANTS, FRAMES, VIEWS = 5, 4, 8
"""Bodies of a creature, poses of each, and cameras for each pose."""
LIMB_SPREAD, STRETCH = 0.2, 0.12
"""Standard deviations of logarithms: of the size of limbs, and of the body along each axis."""
HEADS = (-0.1, 0.75)
"""Range of the logarithm of a head's size: cartoons have large ones."""
ELEVATION = (14.0, 16.0)
"""Mean and spread of how far cameras look down, degrees."""
DRAWN = 80
CHANNELS, HIDDEN = (12, 24, 48), 48
BATCH, RATE, DECAY, SMOOTHING, DROPOUT = 256, 4e-3, 1e-3, 0.05, 0.3
HELD_OUT = 8
"""Every so many creatures do not train."""
Mask = NDArray[np.bool_]
Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Drawings:
    """N silhouettes."""

    bits: NDArray[np.uint8]
    """(N, SIDE * SIDE / 8) packed."""
    kinds: NDArray[np.int64]
    """(N,) index into KINDS."""
    seeds: NDArray[np.int64]
    """(N,) of the creature."""

    @property
    def images(self) -> NDArray[np.float32]:
        """(N, n, n) as the network sees them."""
        return shrunk(np.unpackbits(self.bits, axis=1, count=SIDE * SIDE))


class KindNetwork(nn.Module):
    """The network as it trains; the package's own is plain numpy."""

    def __init__(self) -> None:
        super().__init__()
        channels = (1, *CHANNELS)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in itertools.pairwise(channels)
        )
        self.hidden = nn.Linear(CHANNELS[-1] * 16, HIDDEN)
        self.kinds = nn.Linear(HIDDEN, len(KINDS))

    def forward(self, images: Tensor) -> Tensor:
        """(N, n, n) -> (N, len(KINDS)) logits."""
        x = images[:, None]
        for convolution in self.convolutions:
            x = functional.relu(convolution(x))
        x = functional.dropout(x.flatten(1), DROPOUT, self.training)
        x = functional.dropout(functional.relu(self.hidden(x)), DROPOUT, self.training)
        return self.kinds(x)

    def save(self, path: Path) -> None:
        """Half precision, as the package reads it."""
        layers = {f"filters {number}": layer for number, layer in enumerate(self.convolutions)}
        arrays: dict[str, Tensor] = {}
        for name, layer in (*layers.items(), ("hidden", self.hidden), ("kinds", self.kinds)):
            arrays[name], arrays[f"{name} offsets"] = (
                layer.get_parameter("weight"),
                layer.get_parameter("bias"),
            )
        np.savez_compressed(path, **{k: v.detach().numpy().astype(np.float16) for k, v in arrays.items()})


def main(arguments: list[str] | None = None) -> None:
    """Draw what is missing, train, write the weights."""
    parser = argparse.ArgumentParser(prog="python -m training kinds", description=__doc__)
    parser.add_argument("--creatures", type=int, default=260)
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument("--workers", type=int, default=1, help="processes that draw")
    parser.add_argument("--drawings", type=Path, default=Path("runs/kinds/drawings.npz"))
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    chosen = parser.parse_args(arguments)
    drawings = draw_all(chosen.creatures, chosen.workers, chosen.drawings)
    train(drawings, chosen.steps).save(chosen.out)


def draw_all(creatures: int, workers: int, kept: Path) -> Drawings:
    """Silhouettes of so many creatures; those on disk are not drawn again."""
    have: list[tuple[int, int, NDArray[np.uint8]]] = []
    if kept.exists():
        with np.load(kept, allow_pickle=False) as data:
            bits, kinds, seeds = data["bits"], data["kinds"], data["seeds"]
        have = [(int(s), int(kinds[seeds == s][0]), bits[seeds == s]) for s in np.unique(seeds)]
    missing = sorted(set(range(creatures)) - {seed for seed, _, _ in have})
    kept.parent.mkdir(parents=True, exist_ok=True)
    with get_context("spawn").Pool(workers) as pool:
        for drawn in pool.imap(draw, missing):
            have.append(drawn)
            if len(have) % 20 == 0 or len(have) >= creatures:
                _save(have, kept)
                print(f"{len(have)} of {creatures} creatures", file=sys.stderr, flush=True)
    return _joined(have)


def draw(seed: int) -> tuple[int, int, NDArray[np.uint8]]:
    """The seed, the kind, and silhouettes (N, SIDE * SIDE / 8), packed, of one creature."""
    rng = np.random.default_rng([seed, 7])
    kind = int(rng.integers(len(KINDS)))
    plan = FAMILIES[FAMILY_OF[KINDS[kind]]][0](rng, float(rng.uniform(0.2, 1.0)))
    creature = build_creature(plan, vertex_count=VERTICES)
    images = []
    for variant in range(VARIANTS):
        rig = creature.rig if variant == 0 else varied(creature, rng)
        skeleton = Skeleton.from_rig(rig)
        clip = random_clip(creature, np.arange(FRAMES) * rng.uniform(0.08, 0.3), rng)
        skin = Skin(rig.vertices, rig.faces, rig.skin_joints, rig.skin_weights, skeleton)
        renderer = Renderer(rig.faces)
        for pose in np.asarray(skin.pose(forward(skeleton, clip.motion)), np.float64):
            vertices = pose * np.exp(rng.normal(0.0, STRETCH, 3))
            images += [normalised(spoiled(_seen(renderer, vertices, rng), rng)) > 127 for _ in range(VIEWS)]
    return seed, kind, np.packbits(np.reshape(images, (len(images), -1)), axis=1)


def varied(creature: Creature, rng: np.random.Generator) -> Rig:
    """The creature's rig with limbs and head of other sizes; limbs of one sort alike."""
    rig, skeleton = creature.rig, Skeleton.from_rig(creature.rig)
    sizes = {kind: float(np.exp(rng.normal(0.0, LIMB_SPREAD))) for kind in Kind}
    sizes[Kind.HEAD] = float(np.exp(rng.uniform(*HEADS)))
    for limb in creature.anatomy.limbs:
        if limb.kind is not Kind.TRUNK:
            joint = int(limb.bones[0])
            rig = _scaled(rig, joint, np.asarray(skeleton.is_ancestor[joint], bool), sizes[limb.kind])
    return rig


def spoiled(mask: Mask, rng: np.random.Generator) -> Mask:
    """A mask (n, n) as cut out: worn, grown, holed, with a blob or a shadow, cut off, or as it is."""
    image = mask.astype(np.uint8)
    left, top, width, height = cv2.boundingRect(image)
    longer, kernel = max(width, height), np.ones((3, 3), np.uint8)
    how = rng.random()
    if how < 0.45:
        return mask
    if how < 0.6:
        image = np.asarray(cv2.erode(image, kernel), np.uint8)
    elif how < 0.75:
        image = np.asarray(cv2.dilate(image, kernel), np.uint8)
    elif how < 0.87:
        x, y = rng.uniform(0.0, 1.0, 2)
        center = int(left + x * width), int(top + y * height)
        cv2.circle(image, center, int(longer * rng.uniform(0.05, 0.12)), (float(how > 0.81),), -1)
    elif how < 0.93:
        kept = rng.uniform(0.7, 0.95)
        across, down = int(kept * width), int(kept * height)
        beyond = (
            (slice(None), slice(left + across, None)),
            (slice(None), slice(0, left + width - across)),
            (slice(top + down, None), slice(None)),
            (slice(0, top + height - down), slice(None)),
        )
        image[beyond[int(rng.integers(4))]] = 0
    else:
        center = int(left + rng.uniform(0.3, 0.7) * width), int(top + rng.uniform(0.93, 1.0) * height)
        axes = int(width * rng.uniform(0.3, 0.6)), max(1, int(height * rng.uniform(0.03, 0.08)))
        cv2.ellipse(image, center, axes, 0.0, 0.0, 360.0, (1.0,), -1)
    return image > 0


def train(drawings: Drawings, steps: int) -> KindNetwork:
    """Every kind counts alike. Prints how well the creatures are told that do not train."""
    torch.manual_seed(0)
    images, kinds = torch.from_numpy(drawings.images), torch.from_numpy(drawings.kinds)
    held_out = torch.from_numpy(drawings.seeds % HELD_OUT == 0)
    learned = torch.nonzero(~held_out)[:, 0]
    weight = 1.0 / torch.bincount(kinds[learned], minlength=len(KINDS)).clamp(min=1).float()
    network = KindNetwork()
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    loss_of = partial(functional.cross_entropy, weight=weight / weight.mean(), label_smoothing=SMOOTHING)
    for step in range(1, steps + 1):
        network.train()
        batch = learned[torch.randint(len(learned), (BATCH,))]
        loss = loss_of(network(moved(images[batch])), kinds[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 500 == 0 or step == steps:
            print(f"{step}: {_told(network, images[held_out], kinds[held_out])}", file=sys.stderr, flush=True)
    return network.eval()


def moved(images: Tensor) -> Tensor:
    """(N, n, n) each a little turned, moved, of another size, half of them mirrored."""
    count = len(images)
    angle, size = 0.12 * torch.randn(count), torch.exp(0.06 * torch.randn(count))
    side = torch.where(torch.rand(count) < 0.5, -1.0, 1.0)
    matrix = torch.zeros(count, 2, 3)
    matrix[:, 0, 0], matrix[:, 0, 1] = side * torch.cos(angle) * size, -torch.sin(angle) * size
    matrix[:, 1, 0], matrix[:, 1, 1] = side * torch.sin(angle) * size, torch.cos(angle) * size
    matrix[:, :, 2] = 0.05 * torch.randn(count, 2)
    grid = functional.affine_grid(matrix, [count, 1, *images.shape[1:]], align_corners=False)
    return functional.grid_sample(images[:, None], grid, align_corners=False)[:, 0]


@torch.no_grad()
def _told(network: KindNetwork, images: Tensor, kinds: Tensor) -> str:
    found = torch.cat([network.eval()(part).argmax(1) for part in images.split(512)])
    shares = [
        f"{name} {float((found == kinds)[kinds == number].float().mean()):.2f}"
        for number, name in enumerate(KINDS)
    ]
    return f"told rightly {float((found == kinds).float().mean()):.3f}; {', '.join(shares)}"


def _seen(renderer: Renderer, vertices: Array, rng: np.random.Generator) -> Mask:
    down = np.radians(np.clip(rng.normal(*ELEVATION), -10.0, 60.0))
    around = rng.uniform(0.0, 2.0 * np.pi)
    view = np.array([np.cos(down) * np.cos(around), np.cos(down) * np.sin(around), -np.sin(down)])
    right = np.cross(view, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(view, right), view])
    low, high = vertices.min(0), vertices.max(0)
    away = float((high - low).max()) * rng.uniform(1.6, 4.0)
    camera = Camera(200.0, 640, 480, rotation, -rotation @ (0.5 * (low + high) - away * view))
    points = camera.project(vertices)
    low, high = points.min(0), points.max(0)
    side = float((high - low).max()) * 1.1
    corner = 0.5 * (low + high) + 0.5 - side / 2.0
    return renderer.render(vertices, camera, Crop(float(corner[0]), float(corner[1]), side, DRAWN)).mask


def _scaled(rig: Rig, joint: int, below: Mask, factor: float) -> Rig:
    """The rig with everything below a joint so many times as large."""
    origin, rest = rig.rest_positions[joint], rig.rest_positions.copy()
    rest[below] = origin + factor * (rest[below] - origin)
    share = (rig.skin_weights * below[rig.skin_joints]).sum(axis=1, keepdims=True)
    moved_by = share * (factor - 1.0) * (rig.vertices - origin)
    return replace(rig, rest_positions=rest, vertices=(rig.vertices + moved_by).astype(np.float32))


def _joined(have: list[tuple[int, int, NDArray[np.uint8]]]) -> Drawings:
    counts = [len(bits) for _, _, bits in have]
    return Drawings(
        np.concatenate([bits for _, _, bits in have]),
        np.repeat([kind for _, kind, _ in have], counts),
        np.repeat([seed for seed, _, _ in have], counts),
    )


def _save(have: list[tuple[int, int, NDArray[np.uint8]]], path: Path) -> None:
    drawings = _joined(have)
    temporary = path.with_suffix(".part.npz")
    np.savez_compressed(temporary, bits=drawings.bits, kinds=drawings.kinds, seeds=drawings.seeds)
    temporary.replace(path)
