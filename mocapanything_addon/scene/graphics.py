# SPDX-License-Identifier: GPL-3.0-or-later
"""Can Blender draw with the graphics card (or its stand-in) in this process?"""

from __future__ import annotations

import ctypes
import sys
from functools import cache

import bpy

SURFACELESS = 0x31DD
"""EGL_PLATFORM_SURFACELESS_MESA."""


@cache
def has_graphics() -> bool:
    """False where rendering with Eevee or Workbench would abort the process.

    Without a window, Blender on Linux draws through EGL, and when EGL has no display it does not fail: it
    aborts. So the question is put to EGL first. With a window there is nothing to ask: it is being drawn.
    """
    if not (bpy.app.background and sys.platform.startswith("linux")):
        return True
    try:
        egl = ctypes.CDLL("libEGL.so.1")
    except OSError:
        return False
    pointer = ctypes.c_void_p
    egl.eglGetDisplay.restype = egl.eglGetPlatformDisplay.restype = pointer
    egl.eglGetDisplay.argtypes = [pointer]
    egl.eglGetPlatformDisplay.argtypes = [ctypes.c_uint, pointer, pointer]
    egl.eglInitialize.argtypes = [pointer, pointer, pointer]
    # Not terminated afterwards: displays belong to the whole process, and Blender is about to use one.
    for display in (egl.eglGetDisplay(None), egl.eglGetPlatformDisplay(SURFACELESS, None, None)):
        if display and egl.eglInitialize(display, None, None):
            return True
    return False
