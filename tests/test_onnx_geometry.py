"""Convolutions and pools of random geometry compute what ONNX Runtime computes."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from edgeq.evaluate import evaluate_float
from edgeq.importers.onnx import import_onnx
from edgeq.ir.graph import Array

runtime = pytest.importorskip("onnxruntime")

_SCHEMES = ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")


def _compare(op: str, opset: int, x: Array, weights: list[Array], **attributes: Any) -> None:
    names = [f"w{i}" for i in range(len(weights))]
    graph = helper.make_graph(
        [helper.make_node(op, ["x", *names], ["y"], **attributes)],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(w, name) for w, name in zip(weights, names, strict=True)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    data = model.SerializeToString()
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    try:
        expected = runtime.InferenceSession(data, options).run(None, {"x": x})[0]
    except Exception:  # noqa: BLE001  # its own exceptions have no common class
        expected = None
    assume(expected is not None and expected.size)
    imported = import_onnx(data, "model.onnx")
    found = evaluate_float(imported, [x])[imported.outputs[0]]
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@st.composite
def _window(draw: st.DrawFn, rank: int) -> dict[str, Any]:
    """Attributes of a window of one or two dimensions.

    SAME comes without windows smaller than their steps, where ONNX Runtime departs from the standard.
    """

    def sizes(low: int, high: int, count: int) -> list[int]:
        return draw(st.lists(st.integers(low, high), min_size=count, max_size=count))

    attributes: dict[str, Any] = {"kernel_shape": sizes(1, 4, rank), "strides": sizes(1, 3, rank)}
    attributes["auto_pad"] = draw(st.sampled_from(_SCHEMES))
    if attributes["auto_pad"] == "NOTSET":
        attributes["pads"] = sizes(0, 2, 2 * rank)
    elif attributes["auto_pad"] != "VALID":
        attributes["kernel_shape"] = list(map(max, attributes["kernel_shape"], attributes["strides"]))
    return attributes


def _dilated(data: st.DataObject, attributes: dict[str, Any]) -> None:
    """Some windows have gaps; SAME with gaps is left to convolutions, as ONNX Runtime's pools do not take it."""
    if data.draw(st.booleans()) and attributes["auto_pad"] in ("NOTSET", "VALID"):
        rank = len(attributes["kernel_shape"])
        attributes["dilations"] = data.draw(st.lists(st.integers(1, 3), min_size=rank, max_size=rank))


def _numbers(data: st.DataObject, shape: list[int]) -> Array:
    return np.random.default_rng(data.draw(st.integers(0, 99))).standard_normal(shape, np.float32)


def _image(data: st.DataObject, attributes: dict[str, Any], channels: int) -> Array:
    """Images that the window fits on; where none does, ONNX Runtime computes one output all the same."""
    kernel = attributes["kernel_shape"]
    dilations = attributes.get("dilations", [1] * len(kernel))
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    return _numbers(data, [data.draw(st.integers(1, 2)), channels, *(n + data.draw(st.integers(0, 6)) for n in reach)])


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_conv(data: st.DataObject) -> None:
    rank, groups, per_group = data.draw(st.integers(1, 2)), data.draw(st.integers(1, 3)), data.draw(st.integers(1, 2))
    attributes = data.draw(_window(rank))
    _dilated(data, attributes)
    out_c = groups * data.draw(st.integers(1, 2))
    weights = [_numbers(data, [out_c, per_group, *attributes["kernel_shape"]])]
    weights += [_numbers(data, [out_c])] * data.draw(st.booleans())
    _compare("Conv", 13, _image(data, attributes, groups * per_group), weights, group=groups, **attributes)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_conv_transpose(data: st.DataObject) -> None:
    rank, groups, per_group = data.draw(st.integers(1, 2)), data.draw(st.integers(1, 2)), data.draw(st.integers(1, 2))
    attributes = data.draw(_window(rank))
    _dilated(data, attributes)
    extra = [data.draw(st.integers(0, s - 1)) for s in attributes["strides"]]
    weights = [_numbers(data, [groups * per_group, 2, *attributes["kernel_shape"]])]
    weights += [_numbers(data, [2 * groups])] * data.draw(st.booleans())
    image = _image(data, attributes, groups * per_group)
    _compare("ConvTranspose", 11, image, weights, group=groups, output_padding=extra, **attributes)


@given(st.data())
@settings(max_examples=250, deadline=None)
def test_pool(data: st.DataObject) -> None:
    rank = data.draw(st.integers(1, 2))
    op, opset, included = data.draw(
        st.sampled_from([("MaxPool", 12, 0), ("AveragePool", 19, 0), ("AveragePool", 19, 1)])
    )
    attributes = data.draw(_window(rank))
    _dilated(data, attributes)
    if attributes["auto_pad"] == "NOTSET":
        attributes["ceil_mode"] = data.draw(st.integers(0, 1))
    if included:
        attributes["count_include_pad"] = 1
    _compare(op, opset, _image(data, attributes, 2), [], **attributes)
