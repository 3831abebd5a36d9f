# SPDX-License-Identifier: GPL-3.0-or-later
"""The capture process: it runs in a Python of its own, with PyTorch and without Blender."""
