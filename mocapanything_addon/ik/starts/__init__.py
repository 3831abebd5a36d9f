# SPDX-License-Identifier: GPL-3.0-or-later
"""First motions, from geometry: of a whole clip, and of frames that a solve left in the wrong valley."""
