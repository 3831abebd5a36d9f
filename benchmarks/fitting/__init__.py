# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``python -m benchmarks.fit`` is made of: filmed clips with known truth, conditions, tables."""
