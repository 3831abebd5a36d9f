# SPDX-License-Identifier: GPL-3.0-or-later
"""The subject of the video: found, cut out, followed and cropped."""
