# SPDX-License-Identifier: GPL-3.0-or-later
"""Accuracy and speed, measured side by side with other methods. Run by hand; not part of the extension."""
