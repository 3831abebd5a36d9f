# SPDX-License-Identifier: GPL-3.0-or-later
"""What the video says, one kind a module: each returns weighted observations of surface points."""
