# SPDX-License-Identifier: GPL-3.0-or-later
"""Property tests here solve linear systems: how long an example takes says nothing on a busy machine."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("no_deadline", deadline=None, max_examples=60)
settings.load_profile("no_deadline")
