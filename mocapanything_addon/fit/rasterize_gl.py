# SPDX-License-Identifier: GPL-3.0-or-later
"""Triangles through OpenGL 3.3, off screen: EGL on Linux, the system's own elsewhere."""

from __future__ import annotations

import functools
import sys

import moderngl
import numpy as np
from numpy.typing import NDArray

VERTEX_SHADER = """#version 330
uniform mat4 projection;
in vec3 position;
in vec3 color;
out vec3 corner;
out vec3 shaded;
out float depth;
void main() {
    gl_Position = projection * vec4(position, 1.0);
    corner = vec3(gl_VertexID % 3 == 0, gl_VertexID % 3 == 1, gl_VertexID % 3 == 2);
    shaded = color;
    depth = position.z;
}
"""

FRAGMENT_SHADER = """#version 330
in vec3 corner;
in vec3 shaded;
in float depth;
layout(location = 0) out vec4 ids;
layout(location = 1) out vec4 image;
void main() {
    ids = vec4(float(gl_PrimitiveID + 1), corner.x, corner.y, depth);
    image = vec4(shaded, 1.0);
}
"""


@functools.cache
def _context() -> moderngl.Context:
    """One context for the process: GL objects of several meshes live in it side by side."""
    if sys.platform.startswith("linux"):
        return moderngl.create_context(standalone=True, require=330, backend="egl")  # type: ignore[arg-type]
    return moderngl.create_context(standalone=True, require=330)


class GLRasterizer:
    """See :class:`.renderer.Rasterizer`. Raises whatever the GL stack raises when there is no context."""

    name = "opengl"

    def __init__(self) -> None:
        self._gl = _context()
        with self._gl:
            self._program = self._gl.program(vertex_shader=VERTEX_SHADER, fragment_shader=FRAGMENT_SHADER)
            self._buffer = self._gl.buffer(reserve=6 * 4 * 3)
            self._vertex_array = self._gl.vertex_array(
                self._program, [(self._buffer, "3f 3f", "position", "color")]
            )
        self._targets: dict[tuple[int, bool], moderngl.Framebuffer] = {}

    def draw(
        self,
        corners: NDArray[np.float32],
        corner_colors: NDArray[np.float32] | None,
        projection: NDArray[np.float64],
        size: int,
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8] | None]:
        gl = self._gl
        with gl:
            data = np.zeros((corners.shape[0] * 3, 6), np.float32)
            data[:, :3] = corners.reshape(-1, 3)
            if corner_colors is not None:
                data[:, 3:] = corner_colors.reshape(-1, 3)
            if data.nbytes > self._buffer.size:
                self._buffer.orphan(data.nbytes)
            self._buffer.write(data)
            self._program["projection"].write(projection.T.astype("f4").tobytes())  # type: ignore[union-attr]
            target = self._target(size, corner_colors is not None)
            target.use()
            gl.clear(0.0, 0.0, 0.0, 0.0)
            gl.enable_only(moderngl.DEPTH_TEST)
            self._vertex_array.render(moderngl.TRIANGLES, len(data))
            ids = np.frombuffer(target.read(components=4, attachment=0, dtype="f4"), np.float32)
            image = None
            if corner_colors is not None:
                image = np.frombuffer(target.read(components=3, attachment=1, alignment=1), np.uint8)
                image = image.reshape(size, size, 3)
        return ids.reshape(size, size, 4), image

    def _target(self, size: int, has_color: bool) -> moderngl.Framebuffer:
        if (size, has_color) not in self._targets:
            gl = self._gl
            images = [gl.texture((size, size), 4, dtype="f4")]
            if has_color:
                images.append(gl.texture((size, size), 4))
            self._targets[size, has_color] = gl.framebuffer(images, gl.depth_renderbuffer((size, size)))
        return self._targets[size, has_color]
