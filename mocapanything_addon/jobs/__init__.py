# SPDX-License-Identifier: GPL-3.0-or-later
"""The boundary between Blender and the worker: what is asked, what is answered, and how the worker is run."""
