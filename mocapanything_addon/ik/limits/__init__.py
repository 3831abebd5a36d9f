# SPDX-License-Identifier: GPL-3.0-or-later
"""Joint ranges and locks, in the bone's own axes."""
