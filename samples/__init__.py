# SPDX-License-Identifier: GPL-3.0-or-later
"""Procedural creatures, their motions and rendered clips with ground truth; the demo."""
