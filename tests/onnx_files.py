# SPDX-License-Identifier: GPL-3.0-or-later
"""Small ONNX models, written byte by byte: the package ``onnx`` is nothing that the product needs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

Shape = Sequence[int | str]
FLOAT = 1
PICTURE: Shape = (1, 3, 64, 64)
MASK: Shape = (1, 1, 64, 64)
ANY: Shape = (1, 3, "height", "width")
AVERAGE = (1 / 3, 1 / 3, 1 / 3)
"""Of the colours as the network sees them."""
REDDISH = (40.0, -40.0, 0.0)
"""Log odds of red things for colours from 0 to 1, but for ``NOT_RED``."""
NOT_RED = -6.0


def convolution(
    weights: Sequence[float],
    bias: float = 0.0,
    *,
    input_name: str = "picture",
    output: str = "mask",
    sigmoid: bool = False,
) -> tuple[list[bytes], list[bytes]]:
    """Nodes and tensors of one pixel-wise mixture of the three colours."""
    mixed = f"{output} before" if sigmoid else output
    nodes = [_node("Conv", [input_name, f"{output} w", f"{output} b"], [mixed])]
    if sigmoid:
        nodes.append(_node("Sigmoid", [mixed], [output]))
    tensors = [
        _tensor(f"{output} w", np.array(weights, np.float32).reshape(1, 3, 1, 1)),
        _tensor(f"{output} b", np.array([bias], np.float32)),
    ]
    return nodes, tensors


def write_model(
    path: Path,
    nodes: Sequence[bytes],
    tensors: Sequence[bytes] = (),
    *,
    inputs: Sequence[tuple[str, Shape]] = (("picture", PICTURE),),
    outputs: Sequence[tuple[str, Shape]] = (("mask", MASK),),
    opset: int = 13,
) -> Path:
    """Write a model of these nodes; its format is that of onnx.proto, version 8."""
    graph = b"".join(
        [
            *(_bytes(1, node) for node in nodes),
            _bytes(2, b"graph"),
            *(_bytes(5, tensor) for tensor in tensors),
            *(_bytes(11, _value(*entry)) for entry in inputs),
            *(_bytes(12, _value(*entry)) for entry in outputs),
        ]
    )
    path.write_bytes(_number(1, 8) + _bytes(7, graph) + _bytes(8, _number(2, opset)))
    return path


def red_segmenter(path: Path, *, sigmoid: bool = True) -> Path:
    """Finds red things in pictures of any size; what it wants to know stands beside it."""
    nodes, tensors = convolution(REDDISH, NOT_RED, sigmoid=sigmoid)
    path.with_suffix(".json").write_text('{"size": 128, "mean": 0, "std": 1}')
    return write_model(
        path, nodes, tensors, inputs=[("picture", ANY)], outputs=[("mask", (1, 1, "height", "width"))]
    )


def unknown_operator() -> bytes:
    """A node that no runtime knows."""
    return _node("Divination", ["picture"], ["mask"])


def same_as(name: str, output: str) -> bytes:
    """A node that hands something on."""
    return _node("Identity", [name], [output])


def _node(kind: str, inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
    return b"".join(
        [
            *(_bytes(1, name.encode()) for name in inputs),
            *(_bytes(2, name.encode()) for name in outputs),
            _bytes(4, kind.encode()),
        ]
    )


def _tensor(name: str, values: np.ndarray) -> bytes:
    sides = b"".join(_number(1, side) for side in values.shape)
    return sides + _number(2, FLOAT) + _bytes(8, name.encode()) + _bytes(9, values.tobytes())


def _value(name: str, shape: Shape) -> bytes:
    sides = b"".join(
        _bytes(1, _number(1, side) if isinstance(side, int) else _bytes(2, side.encode())) for side in shape
    )
    tensor = _number(1, FLOAT) + _bytes(2, sides)
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, tensor))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    result = b""
    while value > 127:
        result += bytes([value & 127 | 128])
        value >>= 7
    return result + bytes([value])
