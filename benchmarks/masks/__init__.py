# SPDX-License-Identifier: GPL-3.0-or-later
"""Scores of masks, and other ways to cut out a subject."""
