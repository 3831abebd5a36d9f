# SPDX-License-Identifier: GPL-3.0-or-later
"""The card of the shipped weights."""

from __future__ import annotations

from pathlib import Path

from mocapanything_addon.models.networks import Networks

from .evaluate import GROUPS, WINDOWS, correspondence_figures, decoder_figures, table
from .scenes import FRAMES_PER_GROUP
from .split import SIDES, load_split
from .train_correspondence import GROUPS_PER_BATCH, USES
from .train_decoder import WINDOWS_PER_BATCH

TEXT = """# The shipped weights

Made by this project and under its licence, GPL-3.0-or-later. Files, checksums and architecture: `weights.json`.

| file | what | trained with | seen |
|---|---|---|---|
| correspondence.safetensors | reference encoder and video features: where joints and surface points are in a frame | `python -m training correspondence` | {steps[correspondence]} steps of {frames} frames, each frame about {uses} times |
| decoder.safetensors | motion decoder: pose prior, root, contacts | `python -m training decoder` | {steps[decoder]} steps of {windows} simulated windows of 12 frames |

Both on one thread of a shared CPU within a working session: **a first, brief training**, far from what the same code reaches with
more samples. Parameters in half precision, averaged over the last steps (EMA).

## Data

Rig packs made with `python -m training packs` from rigged, animated characters dedicated to the public domain (CC0):
Quaternius (animals, fish, monsters, dinosaurs, people, robots, cube world) and KayKit (adventurers). Images are drawn while training:
random cameras, light, coats, backgrounds, occluders, cut-off bodies, worn masks, changed bone lengths and girths, mirrored rigs; poses from
the clips, between them, and random ones. The decoder sees no image: its evidence is simulated (`training/windows.py`).
Families are split in `training/split.json`, which was fixed before any training: {train} families train, {validation} are for
validation, {test} for test.

## Figures

`python -m training evaluate --sides train validation test`. One run; renders and simulated evidence, not real video. "train" is measured on
the same characters without changed shapes.

Correspondence ({groups} x {frames_group} frames a side; joints inside the frame): `error` is the mean distance from the true place in per cent of the body, and
**`error_before` is the floor**: the distance that the noisy estimate had which the network was given. `sure_*`: joints whose predicted error is below
0.06 half images. `visibility_right`: share of joints judged rightly as seen or hidden.

{correspondence}

Decoder ({windows_measured} windows a side; degrees, mean over all bones but the root): **the floors are `rotation_estimate`**, what the simulated fit
gave, **and `rotation_rest`**, the rest pose. `variance_ratio` is the squared error over the predicted variance (1 = honest). `contact_right`: share of
joints judged rightly as on the ground or not (most are not).

{decoder}

## Limits

- Correspondences help a fit only where its own 2D error is larger than theirs (about 2 % of the body is the bar): use them by their predicted
  uncertainty, not blindly.
- Headings that are wrong by more than about 30 degrees are outside what the networks were trained to repair.
- Low-poly toys and game characters: fur, cloth and photo-real detail were never seen.
"""


def write_card(folder: Path, steps: dict[str, int], packs: Path | None) -> None:
    """Write ``CARD.md``; with packs all sides are measured, which takes some minutes."""
    if packs is None:
        figures = {"correspondence": "Not measured yet.", "decoder": "Not measured yet."}
    else:
        networks = Networks.load(folder)
        figures = {
            "correspondence": table({side: correspondence_figures(networks, packs, side) for side in SIDES}),
            "decoder": table({side: decoder_figures(networks, packs, side) for side in SIDES}),
        }
    split = load_split()
    text = TEXT.format(
        steps=steps,
        frames=GROUPS_PER_BATCH * FRAMES_PER_GROUP,
        uses=USES,
        windows=WINDOWS_PER_BATCH,
        groups=GROUPS,
        frames_group=FRAMES_PER_GROUP,
        windows_measured=WINDOWS,
        **{side: len(split[side]) for side in SIDES},
        **figures,
    )
    (folder / "CARD.md").write_text(text)
