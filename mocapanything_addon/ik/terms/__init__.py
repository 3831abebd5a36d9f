# SPDX-License-Identifier: GPL-3.0-or-later
"""What a solution is asked to agree with: one kind of evidence or wish a module.

Every term has the two methods of :class:`~..solve.Term`.
"""
