# SPDX-License-Identifier: GPL-3.0-or-later
import cv2
import numpy as np
import pytest

from mocapanything_addon.fit.evidence.contour import trace
from mocapanything_addon.fit.mask_edges import (
    edge_profile,
    edge_support,
    mask_offset,
    with_losses,
    without_offset,
)

SIZE = 160


def _subject() -> np.ndarray:
    """A trunk with a thick and a thin leg."""
    mask = np.zeros((SIZE, SIZE), np.uint8)
    cv2.ellipse(mask, (80, 60), (50, 28), 0.0, 0.0, 360.0, (1.0,), -1)
    cv2.rectangle(mask, (48, 70), (64, 140), (1.0,), -1)
    cv2.rectangle(mask, (100, 70), (104, 140), (1.0,), -1)
    return mask > 0


def _picture(mask: np.ndarray, seed: int = 0) -> np.ndarray:
    """Mottled grass behind a mottled body."""
    rng = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(rng.normal(0.0, 60.0, (SIZE, SIZE, 3)), (0, 0), 2.0)
    base = np.where(mask[..., None], (150.0, 110.0, 80.0), (90.0, 130.0, 90.0))
    return np.clip(base + noise, 0, 255).astype(np.uint8)


def _worn(mask: np.ndarray, by: int) -> np.ndarray:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * abs(by) + 1, 2 * abs(by) + 1))
    change = cv2.dilate if by > 0 else cv2.erode
    return change(mask.astype(np.uint8), kernel) > 0


@pytest.mark.parametrize("by", [-5, -3, 2, 4, 6])
def test_the_offset_of_a_worn_mask_is_found(by: int) -> None:
    picture = _picture(_subject())
    profile = edge_profile(picture, _worn(_subject(), by))
    assert profile is not None
    assert mask_offset(profile, profile) == pytest.approx(by, abs=1.0)


@pytest.mark.parametrize("seed", range(5))
def test_a_true_mask_stays_as_it_is(seed: int) -> None:
    profile = edge_profile(_picture(_subject(), seed), _subject())
    assert profile is not None
    assert mask_offset(profile, profile) == 0.0


def test_a_picture_without_edges_says_nothing() -> None:
    profile = edge_profile(np.full((SIZE, SIZE, 3), 90, np.uint8), _subject())
    assert profile is not None
    assert mask_offset(profile, profile) == 0.0
    assert mask_offset(None, profile) == 0.0
    assert edge_profile(np.zeros((SIZE, SIZE, 3), np.uint8), np.zeros((SIZE, SIZE), bool)) is None


@pytest.mark.parametrize("by", [-4.0, 4.0])
def test_a_drawn_body_loses_what_the_mended_mask_lacks(by: int) -> None:
    mask = _subject()
    mended = without_offset(without_offset(mask, -by), by)
    drawn = with_losses(mask, by)
    assert np.array_equal(drawn, mended)
    assert drawn[60, 80] and not drawn[20, 20]
    if by < 0.0:
        assert not drawn[120, 102], "the thin leg is gone"
        assert drawn[120, 56], "the thick one is not"


def test_the_rim_of_a_hole_has_no_support() -> None:
    picture = _picture(_subject())
    holed = _subject()
    yy, xx = np.mgrid[:SIZE, :SIZE]
    hole = (xx - 75) ** 2 + (yy - 60) ** 2 < 12**2
    contour = trace(holed & ~hole, np.ones_like(holed))
    support = edge_support(picture, contour)
    x, y = contour.points.T
    rim = (x - 75) ** 2 + (y - 60) ** 2 < 15**2
    assert rim.sum() > 20
    assert support[~rim].mean() > 0.9
    assert support[rim].mean() < 0.8 * support[~rim].mean()
