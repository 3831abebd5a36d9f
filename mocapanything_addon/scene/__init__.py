# SPDX-License-Identifier: GPL-3.0-or-later
"""Between Blender and the data: reading the rig, its reference views, and writing the captured Action."""
