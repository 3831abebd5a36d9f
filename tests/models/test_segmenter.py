# SPDX-License-Identifier: GPL-3.0-or-later
"""Segmenters that a user brings: what they are asked, how their answer is read, what is wrong with a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx_files import (
    ANY,
    AVERAGE,
    MASK,
    PICTURE,
    convolution,
    red_segmenter,
    same_as,
    unknown_operator,
    write_model,
)

from mocapanything_addon.jobs.errors import BadInputError
from mocapanything_addon.models.cutter import load_cutter
from mocapanything_addon.models.device import Device
from mocapanything_addon.models.hinted_segmenter import meant
from mocapanything_addon.models.mask_cutter import MaskCutter
from mocapanything_addon.models.onnx_segmenter import LARGEST_LOGIT, OnnxSegmenter
from mocapanything_addon.models.segmenter_format import HALF, IMAGENET_MEAN, ONE, read_format

GREY = np.full((96, 96, 3), 128, np.uint8)


def average(path: Path, **options) -> Path:
    """A model whose answer is the average of what it is given."""
    return write_model(path, *convolution(AVERAGE), **options)


def beside(model: Path, values: object) -> None:
    model.with_suffix(".json").write_text(values if isinstance(values, str) else json.dumps(values))


@pytest.mark.parametrize(
    ("name", "mean", "std"),
    [("u2net.onnx", IMAGENET_MEAN, None), ("ISNet-general-use.onnx", HALF, ONE), ("modnet.onnx", HALF, HALF)],
)
def test_conventions_go_by_the_name(tmp_path, name, mean, std):
    found = read_format(tmp_path / name)
    assert found.mean == mean
    assert std is None or found.std == std
    assert (found.size, found.output, found.kind) == (None, None, None)


def test_file_beside_the_model_says_otherwise(tmp_path):
    beside(tmp_path / "isnet.onnx", {"size": 320, "mean": [0.1, 0.2, 0.3], "scale": 1, "kind": "logit"})
    found = read_format(tmp_path / "isnet.onnx")
    assert (found.size, found.mean, found.scale, found.kind) == (320, (0.1, 0.2, 0.3), 1, "logit")
    assert found.std == ONE  # what it does not say stays as the name says


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ("{", "cannot be used"),
        ([1], "no object"),
        ({"sizes": 320}, "sizes is not known"),
        ({"mean": [0.5, 0.5]}, "mean must be a number, or three"),
        ({"std": 0}, "above 0"),
        ({"scale": "255"}, "above 0"),
        ({"size": 320.5}, "whole number"),
        ({"size": 8}, "from 32"),
        ({"kind": "sigmoid"}, "probability, logit"),
        ({"output": 3}, "name of an output"),
    ],
)
def test_bad_format_says_what_is_wrong(tmp_path, values, words):
    beside(tmp_path / "a.onnx", values)
    with pytest.raises(BadInputError, match=words) as raised:
        read_format(tmp_path / "a.onnx")
    assert raised.value.code == "segmenter_format"
    assert str(tmp_path / "a.json") in raised.value.message


def test_picture_is_scaled_as_the_format_says(tmp_path):
    model = average(tmp_path / "a.onnx")
    beside(model, {"scale": 100, "mean": [1.0, 0.5, 0.0], "std": [1, 2, 4], "kind": "logit"})
    image = GREY.copy()
    image[:] = (200, 150, 100)
    wanted = np.mean([(2.0 - 1.0) / 1, (1.5 - 0.5) / 2, (1.0 - 0.0) / 4])
    odds = OnnxSegmenter.load(model).logit(image)
    assert odds.shape == (96, 96)
    assert odds == pytest.approx(np.full((96, 96), wanted), abs=1e-5)


def test_probabilities_and_logits_are_told_apart(tmp_path):
    image = GREY.copy()
    image[:, 48:] = (220, 20, 20)
    found = [
        OnnxSegmenter.load(red_segmenter(tmp_path / f"{sigmoid}.onnx", sigmoid=sigmoid)).logit(image)
        for sigmoid in (True, False)
    ]
    for odds in found:
        assert (odds[:, :40] < -5).all()
        assert (odds[:, 56:] == LARGEST_LOGIT).all()
    assert found[0] == pytest.approx(found[1], abs=1e-2)


def test_kind_that_is_said_counts(tmp_path):
    model = average(tmp_path / "a.onnx")
    values = {"mean": 0, "std": 1}
    beside(model, values)
    assert OnnxSegmenter.load(model).logit(GREY) == pytest.approx(0.0, abs=0.02)  # a probability of a half
    beside(model, {**values, "kind": "logit"})
    assert OnnxSegmenter.load(model).logit(GREY) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("size", [None, 160])
def test_network_of_any_size_sees_the_size_that_is_said(tmp_path, size):
    model = average(tmp_path / "a.onnx", inputs=[("picture", ANY)], outputs=[("mask", (1, 1, "h", "w"))])
    if size:
        beside(model, {"size": size})
    assert OnnxSegmenter.load(model).logit(GREY).shape == (96, 96)


def test_output_is_the_first_or_the_one_named(tmp_path):
    nodes, tensors = convolution(AVERAGE, output="first")
    more, others = convolution((0.0, 0.0, 0.0), 3.0, output="second")
    model = write_model(
        tmp_path / "a.onnx", nodes + more, tensors + others, outputs=[("first", MASK), ("second", MASK)]
    )
    beside(model, {"kind": "logit", "mean": 0, "std": 1})
    assert OnnxSegmenter.load(model).logit(GREY).max() < 1.0
    beside(model, {"kind": "logit", "output": "second"})
    assert OnnxSegmenter.load(model).logit(GREY) == pytest.approx(3.0)
    beside(model, {"output": "third"})
    with pytest.raises(BadInputError, match=r"no output third.*It has: first, second"):
        OnnxSegmenter.load(model)


@pytest.mark.parametrize("content", [b"", b"<html>404 Not Found</html>", b"\x08\x08garbage"])
def test_file_that_is_no_model(tmp_path, content):
    path = tmp_path / "a.onnx"
    path.write_bytes(content)
    with pytest.raises(BadInputError, match="no ONNX model") as raised:
        OnnxSegmenter.load(path)
    assert raised.value.code == "segmenter_damaged"


def test_missing_file(tmp_path):
    with pytest.raises(BadInputError, match="no segmenter at") as raised:
        load_cutter(str(tmp_path / "a.onnx"), Device("cpu"))
    assert raised.value.code == "segmenter_missing"


@pytest.mark.parametrize(
    ("nodes", "options"), [([unknown_operator()], {}), (convolution(AVERAGE)[0], {"opset": 9999})]
)
def test_model_that_the_runtime_cannot_run(tmp_path, nodes, options):
    path = write_model(tmp_path / "a.onnx", nodes, convolution(AVERAGE)[1], **options)
    with pytest.raises(BadInputError, match="cannot run the segmenter") as raised:
        OnnxSegmenter.load(path)
    assert raised.value.code == "segmenter_unsupported"


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ([("picture", (1, 64, 64, 3))], "1 x 64 x 64 x 3 of .*not a picture of 1 x 3 x H x W"),
        ([("picture", (1, 1, 64, 64))], "1 x 1 x 64 x 64"),
        ([("picture", (1, 10))], "1 x 10"),
        ([("picture", PICTURE), ("point", (1, 2))], "2 inputs \\(picture, point\\)"),
    ],
)
def test_model_that_takes_something_else(tmp_path, inputs, words):
    nodes = [same_as(name, output) for (name, _), output in zip(inputs, ("mask", "more"), strict=False)]
    path = write_model(tmp_path / "a.onnx", nodes, inputs=inputs, outputs=[("mask", inputs[0][1])])
    with pytest.raises(BadInputError, match=words) as raised:
        OnnxSegmenter.load(path)
    assert raised.value.code == "segmenter_shape"


def test_model_that_gives_something_else(tmp_path):
    path = write_model(tmp_path / "a.onnx", [same_as("picture", "mask")], outputs=[("mask", PICTURE)])
    with pytest.raises(BadInputError, match="its output mask is 1 x 3 x 64 x 64") as raised:
        OnnxSegmenter.load(path).logit(GREY)
    assert raised.value.code == "segmenter_shape"


def test_size_that_the_model_does_not_take(tmp_path):
    model = average(tmp_path / "a.onnx")
    beside(model, {"size": 320})
    with pytest.raises(BadInputError, match="64 x 64 pixels only") as raised:
        OnnxSegmenter.load(model)
    assert raised.value.code == "segmenter_format"


def test_without_the_runtime_it_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(BadInputError, match="pip install onnxruntime") as raised:
        OnnxSegmenter.load(average(tmp_path / "a.onnx"))
    assert raised.value.code == "segmenter_runtime"


def test_without_a_segmenter_the_own_network_cuts():
    assert isinstance(load_cutter(None, Device("cpu")), MaskCutter)


def two_things() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log odds of two things that stand out, and where each is."""
    one, other = np.zeros((96, 96), bool), np.zeros((96, 96), bool)
    one[30:60, 10:40] = True
    other[30:60, 60:90] = True
    return np.where(one | other, 5.0, -5.0).astype(np.float32), one, other


def test_hint_says_which_of_two(tmp_path):
    odds, one, other = two_things()
    for thing in (one, other):
        hint = np.where(thing, 0.8, -0.5).astype(np.float32)
        assert ((meant(odds, hint) > 0) == thing).all()


def test_hint_at_a_part_means_the_whole():
    odds, one, _ = two_things()
    hint = np.full(odds.shape, -0.3, np.float32)
    hint[30:60, 16:34] = 0.8
    assert ((meant(odds, hint) > 0) == one).all()


def test_rival_that_touches_is_left_out():
    odds, one, other = two_things()
    odds[40:50, 40:60] = 5.0  # and what joins them
    hint = np.where(one, 0.8, np.where(other, -1.0, -0.5)).astype(np.float32)
    found = meant(odds, hint) > 0
    assert found[one].all()
    assert not found[other].any()


def test_nothing_known_leaves_what_stands_out():
    odds, one, other = two_things()
    assert np.array_equal(meant(odds, np.zeros_like(odds)) > 0, one | other)
    rivals = np.where(other, -1.0, 0.0).astype(np.float32)
    assert np.array_equal(meant(odds, rivals) > 0, one)


def test_what_is_far_and_doubted_does_not_creep_in():
    """A fence that touches the subject stands out too."""
    odds = np.full((96, 96), -5.0, np.float32)
    odds[30:60, 10:40] = 5.0
    odds[56:60, 10:96] = 5.0
    hint = np.full((96, 96), -0.4, np.float32)
    hint[30:60, 10:40] = 0.9
    found = meant(odds, hint) > 0
    assert found[30:60, 10:40].all()
    assert found[58, 50]  # a limb may be there
    assert not found[:, 64:].any()


def test_where_it_is_in_doubt_the_subject_is_kept():
    hint = np.full((96, 96), 0.9, np.float32)
    assert (meant(np.full((96, 96), -1.0, np.float32), hint) > 0).all()
    assert (meant(np.full((96, 96), -4.0, np.float32), hint) < 0).all()
