# SPDX-License-Identifier: GPL-3.0-or-later
"""Fit the rig to the video: evidence, start search, tracking, whole clip."""
