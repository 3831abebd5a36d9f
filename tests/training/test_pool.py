# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples are drawn a few times each, and the oldest go."""

from __future__ import annotations

from collections import Counter
from itertools import count

import numpy as np

from training.pool import Pool


def test_samples_are_used_so_often_on_average():
    numbers = count()
    pool = Pool(lambda: [next(numbers), next(numbers)], np.random.default_rng(0), size=60, uses=3)
    drawn = Counter(sample for _ in range(300) for sample in pool.draw(8))
    made = next(numbers)
    assert abs(300 * 8 / made - 3.0) < 0.1
    settled = [drawn[n] for n in range(100, made - 100)]
    assert 2.5 < np.mean(settled) < 3.5
    assert len(pool.samples) == 60
    assert min(pool.samples) >= made - 61


def test_a_draw_has_no_sample_twice():
    numbers = count()
    pool = Pool(lambda: [next(numbers)], np.random.default_rng(1), size=10, uses=4)
    assert all(len(set(pool.draw(6))) == 6 for _ in range(20))
