# SPDX-License-Identifier: GPL-3.0-or-later
"""Skinned creatures from body plans: bones, skin, weights, coat."""
