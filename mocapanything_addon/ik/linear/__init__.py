# SPDX-License-Identifier: GPL-3.0-or-later
"""The linear system of a step, and the ways to solve it."""
