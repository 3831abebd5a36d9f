# SPDX-License-Identifier: GPL-3.0-or-later
"""The learned modules: reference encoder, video features, motion decoder; and their weights."""
