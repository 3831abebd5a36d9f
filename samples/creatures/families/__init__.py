# SPDX-License-Identifier: GPL-3.0-or-later
"""Body plans of known kinds of creature, each from a few proportions."""
