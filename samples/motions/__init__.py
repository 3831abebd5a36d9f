# SPDX-License-Identifier: GPL-3.0-or-later
"""Gaits and actions for procedural creatures: functions of time that keep limits and planted feet."""
