# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from mocapanything_addon.fit.confidence import calibrated

EVERY = np.ones(10, bool)


def test_the_better_the_best_frames_fit_the_surer_all_are() -> None:
    means = [
        calibrated(np.full((10, 3), 0.5), np.full(10, overlap), EVERY).mean()
        for overlap in (0.8, 0.9, 0.93, 0.97)
    ]
    assert means == sorted(means)
    assert means[0] < 0.05 and means[-1] > 0.85


def test_a_broken_mask_in_some_frames_takes_little_away() -> None:
    overlap = np.full(10, 0.97)
    overlap[[2, 5]] = 0.8
    sure = calibrated(np.full((10, 3), 0.5), overlap, EVERY)
    assert sure[2].mean() == pytest.approx(sure[0].mean())


def test_a_lost_frame_is_unsure_and_one_without_subject_knows_nothing() -> None:
    overlap = np.full(10, 0.97)
    overlap[3], overlap[4] = 0.3, 0.0
    seen = EVERY.copy()
    seen[4] = False
    sure = calibrated(np.full((10, 3), 0.5), overlap, seen)
    assert sure[3].max() == 0.0 and sure[4].max() == 0.0
    assert not calibrated(np.ones((10, 3)), overlap, ~EVERY).any()


def test_more_evidence_is_surer() -> None:
    evidence = np.tile([0.05, 0.5, 0.9], (10, 1))
    sure = calibrated(evidence, np.full(10, 0.93), EVERY)
    assert (np.diff(sure, axis=1) > 0.0).all()
