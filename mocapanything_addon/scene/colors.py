# SPDX-License-Identifier: GPL-3.0-or-later
"""Base colour of every vertex: a material's node tree followed back to what colours it, without rendering."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from . import compat
from .skinned_meshes import FrozenMesh

Array = NDArray[np.float64]

MID_GREY = 128
LARGEST_TEXTURE = 1024
"""Larger textures are read from a copy scaled down to this many pixels across."""
INWARDS = 0.1
"""A corner's colour is looked up this far towards the middle of its face, off the seams of the UV layout."""
PASS_THROUGH = {
    "GAMMA": "Color",
    "HUE_SAT": "Color",
    "BRIGHTCONTRAST": "Color",
    "CURVE_RGB": "Color",
    "REROUTE": None,
    "BSDF_PRINCIPLED": "Base Color",
    "BSDF_DIFFUSE": "Color",
    "BSDF_TOON": "Color",
    "EMISSION": "Color",
    "EEVEE_SPECULAR": "Base Color",
    "SHADERTORGB": None,
    "OUTPUT_MATERIAL": "Surface",
}
"""Nodes that hand on the colour of one input (None: the first)."""


@dataclass(frozen=True, eq=False)
class _Corners:
    """N face corners of one mesh, where colours are asked for."""

    mesh: bpy.types.Mesh
    loops: NDArray[np.int64]
    """(N,) loop index."""
    face_loops: NDArray[np.int64]
    """(N, 3) loops of the triangle around it."""


def vertex_colors(
    meshes: list[FrozenMesh], mesh: NDArray[np.int64], mesh_vertex: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """sRGB base colour of vertices; mid grey where a material gives none.

    Args:
        meshes: In rest pose, their triangles calculated.
        mesh: (V,) which of the meshes each vertex is from.
        mesh_vertex: (V,) its index there.

    Returns:
        (V, 3).
    """
    colors = np.full((len(mesh), 3), MID_GREY, np.uint8)
    textures = _Textures()
    for number, item in enumerate(meshes):
        rows = np.nonzero(mesh == number)[0]
        if not len(rows) or not len(item.mesh.loop_triangles):
            continue
        corners, slots = _corners_of(item.mesh, mesh_vertex[rows])
        materials = [s.material for s in item.source.object.material_slots] or [None]
        for slot in np.unique(slots):
            material = materials[min(int(slot), len(materials) - 1)]
            if material is None:
                continue
            own = slots == slot
            part = _Corners(corners.mesh, corners.loops[own], corners.face_loops[own])
            color = np.nan_to_num(_material_color(material, part, textures), nan=0.5)
            colors[rows[own]] = np.round(255.0 * srgb_from_linear(np.clip(color, 0.0, 1.0)))
    return colors


def paint(item: FrozenMesh) -> None:
    """Store the base colours of a frozen mesh as its active colour attribute."""
    count = len(item.mesh.vertices)
    item.mesh.calc_loop_triangles()
    colors = vertex_colors([item], np.zeros(count, np.int64), np.arange(count))
    values = np.ones((count, 4), np.float32)
    values[:, :3] = linear_from_srgb(colors / 255.0)
    attribute = item.mesh.color_attributes.new("Base Color", "FLOAT_COLOR", "POINT")
    attribute.data.foreach_set("color", values.ravel())
    item.mesh.color_attributes.active_color = attribute


def srgb_from_linear(values: Array) -> Array:
    """IEC 61966-2-1 transfer function."""
    return np.where(
        values <= 0.0031308, 12.92 * values, 1.055 * np.maximum(values, 1e-12) ** (1 / 2.4) - 0.055
    )


def linear_from_srgb(values: Array) -> Array:
    """Inverse of :func:`srgb_from_linear`."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _corners_of(mesh: bpy.types.Mesh, vertices: NDArray[np.int64]) -> tuple[_Corners, NDArray[np.int64]]:
    """One corner of each vertex, and the material slot of its face; any where it stands in no triangle."""
    count = len(mesh.loop_triangles)
    loops = np.empty(count * 3, np.int32)
    mesh.loop_triangles.foreach_get("loops", loops)
    loop_vertices = np.empty(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("vertex_index", loop_vertices)
    polygons = np.empty(count, np.int32)
    mesh.loop_triangles.foreach_get("polygon_index", polygons)
    polygon_slots = np.empty(len(mesh.polygons), np.int32)
    mesh.polygons.foreach_get("material_index", polygon_slots)
    corner_of_vertex = np.zeros(len(mesh.vertices), np.int64)
    corner_of_vertex[loop_vertices[loops]] = np.arange(count * 3)
    corner = corner_of_vertex[vertices]
    triangles = loops.reshape(-1, 3)
    chosen = _Corners(mesh, loops[corner].astype(np.int64), triangles[corner // 3].astype(np.int64))
    return chosen, polygon_slots[polygons[corner // 3]].astype(np.int64)


def _material_color(material: bpy.types.Material, corners: _Corners, textures: _Textures) -> Array:
    """(N, 3) linear."""
    fallback = np.tile(np.array(material.diffuse_color[:3], float), (len(corners.loops), 1))
    tree = compat.material_nodes(material)
    if tree is None:
        return fallback
    output = tree.get_output_node("ALL") or tree.get_output_node("EEVEE") or tree.get_output_node("CYCLES")
    if output is None:
        return fallback
    found = _Evaluation(corners, textures).input_color(output.inputs["Surface"])
    return fallback if found is None else found


class _Evaluation:
    """Follows the links of a node tree from a socket back to what colours it."""

    def __init__(self, corners: _Corners, textures: _Textures) -> None:
        self.corners = corners
        self.textures = textures
        self.depth = 0

    def input_color(self, socket: bpy.types.NodeSocket) -> Array | None:
        """(N, 3) linear colour that arrives at an input; None where it cannot be told."""
        if not socket.is_linked:
            if socket.type == "RGBA":
                return self._constant(socket.default_value[:3])
            if socket.type == "VALUE":
                return self._constant([socket.default_value] * 3)
            return None
        link = socket.links[0]
        if self.depth > 40:
            return None
        self.depth += 1
        try:
            return self._node_color(link.from_node, link.from_socket)
        finally:
            self.depth -= 1

    def _node_color(self, node: bpy.types.Node, output: bpy.types.NodeSocket) -> Array | None:
        if node.mute and node.internal_links:
            return self.input_color(node.internal_links[0].from_socket)
        if node.type in PASS_THROUGH:
            name = PASS_THROUGH[node.type]
            return self.input_color(node.inputs[0] if name is None else node.inputs[name])
        reader: dict[str, Callable[[], Array | None]] = {
            "TEX_IMAGE": lambda: self._image(node),
            "VERTEX_COLOR": lambda: self._attribute(node.layer_name),
            "ATTRIBUTE": lambda: self._attribute(node.attribute_name),
            "RGB": lambda: self._constant(node.outputs[0].default_value[:3]),
            "MIX": lambda: self._mix(node),
            "MIX_RGB": lambda: self._mix(node),
            "MIX_SHADER": lambda: self._mix_shader(node),
            "ADD_SHADER": lambda: self._first_known(node.inputs),
            "GROUP": lambda: self._group(node, output),
        }
        if node.type in reader:
            return reader[node.type]()
        return self._first_known([s for s in node.inputs if s.type == "RGBA" and s.is_linked])

    def _constant(self, color: list[float]) -> Array:
        return np.tile(np.array(color, float), (len(self.corners.loops), 1))

    def _first_known(self, sockets: list[bpy.types.NodeSocket]) -> Array | None:
        for socket in sockets:
            color = self.input_color(socket) if socket.is_linked else None
            if color is not None:
                return color
        return None

    def _image(self, node: bpy.types.Node) -> Array | None:
        pixels = self.textures.read(node.image) if node.image else None
        uv = self._uv(node.inputs["Vector"])
        if pixels is None or uv is None:
            return None
        height, width = pixels.shape[:2]
        column = np.clip(np.floor((uv[:, 0] % 1.0) * width).astype(int), 0, width - 1)
        row = np.clip(np.floor((uv[:, 1] % 1.0) * height).astype(int), 0, height - 1)
        return pixels[row, column].astype(float)

    def _uv(self, vector: bpy.types.NodeSocket) -> Array | None:
        """(N, 2) coordinates, a little inside the face, through the Mapping nodes on the way."""
        name, matrix = "", np.eye(4)
        while vector.is_linked:
            node = vector.links[0].from_node
            if node.type == "UVMAP":
                name = node.uv_map
            if node.type == "MAPPING" and node.vector_type == "POINT":
                matrix = matrix @ _mapping_matrix(node)
            following = [s for s in node.inputs if s.type == "VECTOR" and s.name == "Vector"]
            if node.type == "REROUTE":
                following = [node.inputs[0]]
            if not following:
                break
            vector = following[0]
        layers = self.corners.mesh.uv_layers
        layer = layers.get(name) or next((one for one in layers if one.active_render), None)
        if layer is None:
            return None
        flat = np.empty(len(self.corners.mesh.loops) * 2, np.float32)
        layer.data.foreach_get("uv", flat)
        uv = np.nan_to_num(flat.reshape(-1, 2)).astype(float)
        middle = uv[self.corners.face_loops].mean(axis=1)
        inside = (1.0 - INWARDS) * uv[self.corners.loops] + INWARDS * middle
        return inside @ matrix[:2, :2].T + matrix[:2, 3]

    def _attribute(self, name: str) -> Array | None:
        attributes = self.corners.mesh.color_attributes
        attribute = attributes.get(name) or (attributes.active_color if not name else None)
        if attribute is None or attribute.domain not in {"POINT", "CORNER"}:
            return None
        flat = np.empty(len(attribute.data) * 4, np.float32)
        attribute.data.foreach_get("color", flat)
        index = self.corners.loops
        if attribute.domain == "POINT":
            loop_vertices = np.empty(len(self.corners.mesh.loops), np.int32)
            self.corners.mesh.loops.foreach_get("vertex_index", loop_vertices)
            index = loop_vertices[index].astype(np.int64)
        return flat.reshape(-1, 4)[index, :3].astype(float)

    def _mix(self, node: bpy.types.Node) -> Array | None:
        if node.type == "MIX":
            if node.data_type != "RGBA":
                return None
            factor, first, second = node.inputs[0], node.inputs[6], node.inputs[7]
        else:
            factor, first, second = node.inputs[0], node.inputs[1], node.inputs[2]
        a, b = self.input_color(first), self.input_color(second)
        if a is None or b is None:
            return b if a is None else a
        share = self._factor(factor)
        if node.blend_type == "MULTIPLY":
            b = a * b
        elif node.blend_type == "ADD":
            b = a + b
        elif node.blend_type == "SCREEN":
            b = 1.0 - (1.0 - a) * (1.0 - b)
        return a + share * (b - a)

    def _mix_shader(self, node: bpy.types.Node) -> Array | None:
        """The branch that counts most; a transparent one has no colour and leaves it to the other."""
        sockets = [node.inputs[1], node.inputs[2]]
        if not node.inputs[0].is_linked and node.inputs[0].default_value > 0.5:
            sockets.reverse()
        return self._first_known(sockets)

    def _factor(self, socket: bpy.types.NodeSocket) -> Array | float:
        if not socket.is_linked:
            return float(np.clip(socket.default_value, 0.0, 1.0))
        color = self.input_color(socket)
        return 0.5 if color is None else np.clip(color.mean(axis=1, keepdims=True), 0.0, 1.0)

    def _group(self, node: bpy.types.Node, output: bpy.types.NodeSocket) -> Array | None:
        """A group's own tree where it colours by itself, else what goes into the group."""
        inner = (
            next((n for n in node.node_tree.nodes if n.type == "GROUP_OUTPUT"), None)
            if node.node_tree
            else None
        )
        if inner is not None and output.name in inner.inputs:
            color = self.input_color(inner.inputs[output.name])
            if color is not None:
                return color
        return self._first_known([s for s in node.inputs if s.type in {"RGBA", "SHADER"}])


def _mapping_matrix(node: bpy.types.Node) -> Array:
    """(4, 4) of a Mapping node in Point mode."""
    location, rotation, scale = (
        np.array(node.inputs[n].default_value) for n in ("Location", "Rotation", "Scale")
    )
    c, s = np.cos(rotation[2]), np.sin(rotation[2])
    matrix = np.eye(4)
    matrix[:2, :2] = np.array([[c, -s], [s, c]]) * scale[:2]
    matrix[:3, 3] = location
    return matrix


class _Textures:
    """Pixels of images, each read once."""

    def __init__(self) -> None:
        self._known: dict[str, NDArray[np.float32] | None] = {}

    def read(self, image: bpy.types.Image) -> NDArray[np.float32] | None:
        """(H, W, 3) linear colours, bottom row first; None for an image that has no pixels."""
        key = image.name_full
        if key not in self._known:
            self._known[key] = self._pixels(image)
        return self._known[key]

    def _pixels(self, image: bpy.types.Image) -> NDArray[np.float32] | None:
        width, height = image.size
        if not width or not height or not len(image.pixels):
            return None
        if (
            max(width, height) <= LARGEST_TEXTURE
            or image.is_dirty
            or image.source not in {"FILE", "GENERATED"}
        ):
            return _linear_pixels(image)
        smaller = image.copy()
        try:
            factor = LARGEST_TEXTURE / max(width, height)
            smaller.scale(max(1, round(width * factor)), max(1, round(height * factor)))
            return _linear_pixels(smaller)
        finally:
            bpy.data.images.remove(smaller)


def _linear_pixels(image: bpy.types.Image) -> NDArray[np.float32]:
    width, height = image.size
    flat = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(flat)
    pixels = flat.reshape(height, width, image.channels)
    color = pixels[..., :3] if image.channels >= 3 else np.repeat(pixels[..., :1], 3, axis=2)
    # Byte images hand out what is stored in the file, float images linear light.
    if not image.is_float and image.colorspace_settings.name == "sRGB":
        return linear_from_srgb(color.astype(float)).astype(np.float32)
    return color
