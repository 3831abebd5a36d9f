# SPDX-License-Identifier: GPL-3.0-or-later
"""The card of the shipped weights."""

from __future__ import annotations

from pathlib import Path

from mocapanything_addon.models.networks import Networks

from .evaluate import (
    CRITIC_FRAMES,
    GROUPS,
    WINDOWS,
    correspondence_figures,
    critic_figures,
    decoder_figures,
    table,
)
from .scenes import FRAMES_PER_GROUP
from .split import SIDES, load_split
from .train_correspondence import GROUPS_PER_BATCH, USES
from .train_critic import FRAMES_PER_BATCH as CRITIC_PER_BATCH
from .train_critic import USES as CRITIC_USES
from .train_decoder import WINDOWS_PER_BATCH
from .train_mask import BATCH as MASKS_PER_BATCH
from .train_mask import USES as MASK_USES

CARD = "CARD.md"
TEMPLATE = Path(__file__).with_name("card_template.md")


def write_card(folder: Path, steps: dict[str, int], packs: Path | None) -> None:
    """Write ``CARD.md``; with packs all sides are measured, which takes some minutes."""
    if packs is None:
        figures = dict.fromkeys(("correspondence", "decoder", "critic"), "Not measured yet.")
    else:
        networks = Networks.load(folder)
        figures = {
            "correspondence": table({side: correspondence_figures(networks, packs, side) for side in SIDES}),
            "decoder": table({side: decoder_figures(networks, packs, side) for side in SIDES}),
            "critic": table({side: critic_figures(networks, packs, side) for side in SIDES}),
        }
    split = load_split()
    text = TEMPLATE.read_text().format(
        steps=steps,
        frames=GROUPS_PER_BATCH * FRAMES_PER_GROUP,
        uses=USES,
        windows=WINDOWS_PER_BATCH,
        groups=GROUPS,
        frames_group=FRAMES_PER_GROUP,
        windows_measured=WINDOWS,
        critic_frames=CRITIC_PER_BATCH,
        critic_uses=CRITIC_USES,
        critic_measured=CRITIC_FRAMES,
        masks=MASKS_PER_BATCH,
        mask_uses=MASK_USES,
        **{side: len(split[side]) for side in SIDES},
        **figures,
    )
    (folder / CARD).write_text(text)
