# SPDX-License-Identifier: GPL-3.0-or-later
"""Train the learned modules: rig packs, synthetic samples, training loops, evaluation. Not in the zip."""
