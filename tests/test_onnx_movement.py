"""What ONNX operators that move, reduce and resize mean, in all opsets and forms; what is known at import is folded."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from edgeq.errors import EdgeqError
from edgeq.evaluate import evaluate_float
from edgeq.importers.onnx import import_onnx, resize
from edgeq.ir import Graph

Array = np.ndarray[Any, Any]

_X = np.random.default_rng(0).normal(size=(2, 4, 6, 8)).astype(np.float32)


def _model(
    nodes: Sequence[onnx.NodeProto], shape: Sequence[int], constants: Mapping[str, Any], opset: int
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "moves",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_empty_tensor_value_info(name) for name in nodes[-1].output],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def _import(*nodes: onnx.NodeProto, x: Array = _X, opset: int = 21, **constants: Any) -> Graph:
    return import_onnx(_model(nodes, x.shape, constants, opset).SerializeToString(), "moves.onnx")


def _run(*nodes: onnx.NodeProto, x: Array = _X, opset: int = 21, **constants: Any) -> list[Array]:
    graph = _import(*nodes, x=x, opset=opset, **constants)
    values = evaluate_float(graph, [x])
    return [values[name] for name in graph.outputs]


def _check(*nodes: onnx.NodeProto, x: Array = _X, opset: int = 21, **constants: Any) -> None:
    """The same as ONNX's reference computes."""
    expected = ReferenceEvaluator(_model(nodes, x.shape, constants, opset)).run(None, {"x": x})
    for found, wanted in zip(_run(*nodes, x=x, opset=opset, **constants), expected, strict=True):
        assert found.shape == wanted.shape
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def _node(op: str, *inputs: str, out: Sequence[str] = ("y",), **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op, ["x", *inputs], list(out), **attributes)


def _ints(*values: int) -> Array:
    return np.array(values, np.int64)


_OLD = {
    "squeeze": (11, _node("Squeeze", axes=[0]), np.ones((1, 3, 1), np.float32)),
    "squeeze all": (11, _node("Squeeze"), np.ones((1, 3, 1), np.float32)),
    "unsqueeze": (11, _node("Unsqueeze", axes=[0, 3]), np.ones((3, 2), np.float32)),
    "slice": (9, _node("Slice", starts=[1, -3], ends=[1000, -1], axes=[2, 3]), _X),
    "slice of first axes": (9, _node("Slice", starts=[1, 1], ends=[2, 3]), _X),
    "split": (11, _node("Split", out=("a", "b"), axis=-1, split=[3, 5]), _X),
    "split evenly": (11, _node("Split", out=("a", "b"), axis=1), _X),
    "pad": (10, _node("Pad", pads=[0, 0, 1, 2, 0, 0, 3, 0], value=1.5), _X),
    "reduce sum": (11, _node("ReduceSum", axes=[1, -1], keepdims=0), _X),
    "reduce mean": (13, _node("ReduceMean", axes=[2]), _X),
    "dropout": (9, _node("Dropout"), _X),
}


@pytest.mark.parametrize("name", _OLD)
def test_attributes_of_old_opsets(name: str) -> None:
    opset, node, x = _OLD[name]
    _check(node, x=x, opset=opset)


def test_upsample_repeats_pixels() -> None:
    expected = _X.repeat(2, 2).repeat(3, 3)
    (old,) = _run(_node("Upsample", scales=[1.0, 1.0, 2.0, 3.0]), opset=7)
    (new,) = _run(_node("Upsample", "s"), opset=9, s=np.array([1, 1, 2, 3], np.float32))
    np.testing.assert_array_equal(old, expected)
    np.testing.assert_array_equal(new, expected)


def test_resize_of_opset_10_takes_the_pixel_before() -> None:
    (y,) = _run(_node("Resize", "s"), opset=10, s=np.array([1, 1, 0.5, 2], np.float32))
    np.testing.assert_array_equal(y, _X[:, :, ::2].repeat(2, 3))


_BOUND = st.one_of(st.integers(-12, 12), st.sampled_from([-(2**63), 2**63 - 1]))


@given(start=_BOUND, end=_BOUND, step=st.integers(-4, 4).filter(bool), axis=st.integers(-4, 3))
def test_slice_is_that_of_python(start: int, end: int, step: int, axis: int) -> None:
    index: list[Any] = [slice(None)] * 4
    index[axis] = slice(start, None if step < 0 and end < -_X.shape[axis] else end, step)
    expected = _X[tuple(index)]
    assume(expected.size)
    node = _node("Slice", "b", "e", "a", "s")
    (y,) = _run(node, b=_ints(start), e=_ints(end), a=_ints(axis), s=_ints(step))
    np.testing.assert_array_equal(y, expected)


@given(indices=st.lists(st.integers(-6, 5), min_size=1, max_size=7), matrix=st.booleans())
def test_gather_with_constant_indices(indices: list[int], matrix: bool) -> None:
    picks = np.array([indices, indices] if matrix else indices, np.int64)
    (y,) = _run(_node("Gather", "i", axis=2), i=picks)
    np.testing.assert_array_equal(y, np.take(_X, picks, axis=2))


def test_equal_steps_are_a_slice() -> None:
    ops = {n.op for n in _import(_node("Gather", "i", axis=2), i=_ints(5, 3, 1)).nodes}
    assert ops <= {"slice", "reshape"}


def test_a_scalar_index_drops_its_axis() -> None:
    (y,) = _run(_node("Gather", "i", axis=1), i=np.int64(-1))
    np.testing.assert_array_equal(y, _X[:, -1])


@given(st.data())
def test_pad(data: Any) -> None:
    mode = data.draw(st.sampled_from(["constant", "reflect", "edge", "wrap"]))
    axes = data.draw(st.permutations(range(4)))[: data.draw(st.integers(1, 4))]
    low = -1 if mode == "constant" else 0
    pads = [data.draw(st.integers(low, 3)) for _ in range(2 * len(axes))]
    widths = [(0, 0)] * 4
    kept: list[Any] = [slice(None)] * 4
    for axis, before, after in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True):
        widths[axis] = (max(before, 0), max(after, 0))
        kept[axis] = slice(max(-before, 0), _X.shape[axis] + min(after, 0))
    assume(_X[tuple(kept)].size)
    node = _node("Pad", "p", "v", "a", mode=mode)
    (y,) = _run(node, p=_ints(*pads), v=np.float32(0.5), a=_ints(*axes))
    options: dict[str, Any] = {"constant_values": 0.5} if mode == "constant" else {}
    np.testing.assert_array_equal(y, np.pad(_X[tuple(kept)], widths, mode=mode, **options))


_COORDINATES = ("half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric")


def _assume_places_are_certain(axes: Sequence[Any], attributes: Mapping[str, Any]) -> None:
    """None is an integer or a half but for the last bits of a double, which then decide in the reference."""
    for axis in axes:
        halves = 2 * axis.places(attributes["coordinate_transformation_mode"])
        rest = np.abs(halves - np.rint(halves))
        assume(attributes["mode"] == "linear" or not ((rest > 0) & (rest < 1e-9)).any())


@settings(max_examples=150)
@given(st.data())
def test_resize_is_that_of_the_reference(data: Any) -> None:
    rank = data.draw(st.sampled_from([3, 4]))
    x = np.random.default_rng(data.draw(st.integers(0, 99))).normal(size=(1, 2, 5, 4)[:rank]).astype(np.float32)
    attributes = {
        "coordinate_transformation_mode": data.draw(st.sampled_from(_COORDINATES)),
        "mode": data.draw(st.sampled_from(["nearest", "linear"])),
        "nearest_mode": data.draw(st.sampled_from(["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])),
        "axes": list(range(2, rank)),
    }
    if data.draw(st.booleans()):
        attributes["keep_aspect_ratio_policy"] = data.draw(st.sampled_from(["stretch", "not_larger", "not_smaller"]))
        sizes = [data.draw(st.integers(2, 11)) for _ in range(2, rank)]
        axes = resize._sized(x.shape, range(2, rank), sizes, attributes["keep_aspect_ratio_policy"])
        _assume_places_are_certain(axes, attributes)
        _check(_node("Resize", "", "", "s", **attributes), x=x, s=_ints(*sizes))
    else:
        scales = [data.draw(st.sampled_from([0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0])) for _ in range(2, rank)]
        _assume_places_are_certain(resize._scaled(x.shape, scales, range(2, rank)), attributes)
        _check(_node("Resize", "", "s", **attributes), x=x, s=np.array(scales, np.float32))


def test_a_place_that_is_an_integer_but_for_rounding_is_that_pixel() -> None:
    x = np.arange(20, dtype=np.float32).reshape(1, 1, 5, 4)
    place = {"coordinate_transformation_mode": "half_pixel_symmetric", "keep_aspect_ratio_policy": "not_larger"}
    node = _node("Resize", "", "", "s", nearest_mode="ceil", axes=[2, 3], **place)
    _check(node, x=x, s=_ints(3, 2))


_IMAGE_OPS = [
    ("nearest", "asymmetric", "floor", "resize_nearest"),
    ("nearest", "half_pixel", "round_prefer_floor", "resize_nearest"),
    ("linear", "half_pixel", "floor", "resize_bilinear"),
    ("linear", "pytorch_half_pixel", "floor", "resize_bilinear"),
    ("linear", "align_corners", "floor", "resize_bilinear"),
    ("linear", "asymmetric", "floor", "resize_bilinear"),
]


@pytest.mark.parametrize(("mode", "place", "rounding", "expected"), _IMAGE_OPS)
def test_common_ways_to_resize_have_an_op(mode: str, place: str, rounding: str, expected: str) -> None:
    node = _node("Resize", "", "s", mode=mode, coordinate_transformation_mode=place, nearest_mode=rounding)
    graph = _import(node, s=np.array([1, 1, 2, 2], np.float32))
    assert [n.op for n in graph.nodes] == ["transpose", expected, "transpose"]


_REDUCTIONS = ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare")


@pytest.mark.parametrize("kind", _REDUCTIONS)
@pytest.mark.parametrize("keep", [0, 1])
@pytest.mark.parametrize("axes", [[], [0], [-1, 1]])
def test_reductions(kind: str, keep: int, axes: list[int]) -> None:
    x = np.abs(_X[:, :, :2, :3]) + 0.5
    _check(_node(f"Reduce{kind}", "a", keepdims=keep), x=x, a=_ints(*axes))
    _check(_node(f"Reduce{kind}", "a", keepdims=keep, noop_with_empty_axes=1), x=x, a=_ints(*axes))


def test_log_sum_exp_of_large_values() -> None:
    _check(_node("ReduceLogSumExp"), x=np.array([[500, 499, -500]], np.float32))


@pytest.mark.parametrize("op", ["ArgMax", "ArgMin"])
@pytest.mark.parametrize("last", [0, 1])
@pytest.mark.parametrize("keep", [0, 1])
def test_places_of_extremes(op: str, last: int, keep: int) -> None:
    x = np.random.default_rng(3).integers(0, 3, (3, 7, 2)).astype(np.float32)
    _check(_node(op, axis=-2, select_last_index=last, keepdims=keep), x=x)


def _plain(op: str, inputs: Sequence[str], output: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op, list(inputs), [output], **attributes)


def test_shape_arithmetic_leaves_a_reshape() -> None:
    graph = _import(
        _plain("Shape", ["x"], "shape"),
        _plain("Gather", ["shape", "zero"], "batch"),
        _plain("Unsqueeze", ["batch", "axis"], "batch1"),
        _plain("Concat", ["batch1", "rest"], "new", axis=0),
        _plain("Reshape", ["x", "new"], "y"),
        zero=np.int64(0),
        axis=_ints(0),
        rest=_ints(-1, 8),
    )
    assert [n.op for n in graph.nodes] == ["reshape"]
    assert graph.types[graph.outputs[0]].shape == (2, 24, 8)


def test_constants_of_all_kinds_are_folded() -> None:
    graph = _import(
        _plain("Shape", ["x"], "shape", start=-2),
        _plain("ConstantOfShape", ["shape"], "ones", value=numpy_helper.from_array(np.ones(1, np.float32))),
        _plain("Constant", [], "three", value_int=3),
        _plain("Size", ["x"], "size"),
        _plain("Range", ["zero", "size", "hundred"], "range"),
        _plain("NonZero", ["range"], "nonzero"),
        _plain("Squeeze", ["nonzero"], "places"),
        _plain("Equal", ["places", "three"], "equal"),
        _plain("Where", ["equal", "zero", "places"], "picks"),
        _plain("Gather", ["x", "picks"], "part", axis=1),
        _plain("Mul", ["part", "ones"], "y"),
        zero=np.int64(0),
        hundred=np.int64(100),
    )
    values = evaluate_float(graph, [_X])
    np.testing.assert_array_equal(values[graph.outputs[0]], _X[:, [1, 2, 0]])


def _branch(name: str, *nodes: onnx.NodeProto, **constants: Any) -> onnx.GraphProto:
    tensors = [numpy_helper.from_array(np.asarray(array), key) for key, array in constants.items()]
    return helper.make_graph(nodes, name, [], [helper.make_empty_tensor_value_info(nodes[-1].output[0])], tensors)


def test_a_known_branch_takes_the_place_of_an_if() -> None:
    """Branches use the same names; the inner one reads what the outer one defines."""
    inner = _branch("inner", _plain("Mul", ["t", "c"], "t2"), c=np.float32(3))
    unused = _branch("unused", _plain("NoSuchOperator", ["x"], "t2"))
    nested = _plain("If", ["yes"], "u", then_branch=inner, else_branch=unused)
    first = _branch("first", _plain("Add", ["x", "c"], "t"), nested, c=np.float32(1))
    second = _branch("second", _plain("Add", ["z", "c"], "t"), c=np.float32(2))
    (y,) = _run(
        _plain("If", ["yes"], "z", then_branch=first, else_branch=unused),
        _plain("If", ["no"], "y", then_branch=unused, else_branch=second),
        yes=np.array(True),
        no=np.array([False]),
    )
    np.testing.assert_allclose(y, (_X + 1) * 3 + 2, rtol=1e-6)


def test_a_branch_may_be_a_value_of_the_outer_graph() -> None:
    branch = _branch("outer", _plain("Identity", ["x"], "t"))
    (y,) = _run(_plain("If", ["yes"], "y", then_branch=branch, else_branch=branch), yes=np.array(True))
    np.testing.assert_array_equal(y, _X)


def test_what_a_branch_cannot_do_is_refused_once() -> None:
    branch = _branch("bad", _plain("NoSuchOperator", ["x"], "t"))
    with pytest.raises(EdgeqError, match=r"1 node is not supported:\n.*NoSuchOperator") as refusal:
        _import(
            _plain("If", ["yes"], "t", then_branch=branch, else_branch=branch),
            _plain("Relu", ["t"], "y"),
            yes=np.array(True),
        )
    assert "Relu" not in str(refusal.value)


_IDENTITY = _branch("same", _plain("Identity", ["x"], "t"))

_REFUSED: dict[str, tuple[onnx.NodeProto, dict[str, Any], str]] = {
    "argmax axis": (_node("ArgMax", axis=4), {}, "axis 4 of a tensor of rank 4"),
    "cast to bool": (_node("Cast", to=TensorProto.BOOL), {}, "casts f32"),
    "cast to nothing": (_node("Cast", to=99), {}, "to 99 at run time"),
    "concat axis": (_node("Concat", axis=-5), {}, "axis -5"),
    "constant of strings": (_plain("Constant", [], "y", value_string=b"no"), {}, "value_string"),
    "constant without a value": (_plain("Constant", [], "y"), {}, "attribute none"),
    "depth to space mode": (_node("DepthToSpace", blocksize=2, mode="no"), {}, "accepted: DCR, CRD"),
    "depth to space blocks": (_node("DepthToSpace", blocksize=3), {}, "whole blocks"),
    "dropout in training": (_node("Dropout", "r", "t"), {"r": np.float32(0.5), "t": np.array(True)}, "at random"),
    "expand": (_node("Expand", "s"), {"s": _ints(3)}, "shapes"),
    "flatten axis": (_node("Flatten", axis=9), {}, "axis 9"),
    "gather index": (_node("Gather", "i", axis=1), {"i": _ints(4)}, "accepted: -4..3"),
    "gather of floats": (_node("Gather", "i"), {"i": np.float32(0)}, "accepted: -2..1"),
    "if at run time": (_node("If", then_branch=_IDENTITY, else_branch=_IDENTITY), {}, "computed at run time"),
    "loop": (_node("Loop", "c", body=_IDENTITY), {"c": np.array(True)}, "Loop is not supported"),
    "pad mode": (_node("Pad", "p", mode="no"), {"p": _ints(*[1] * 8)}, "accepted: constant, reflect, edge, wrap"),
    "pad count": (_node("Pad", "p"), {"p": _ints(1, 1)}, "two per dimension"),
    "pad value": (_node("Pad", "p", "v"), {"p": _ints(*[1] * 8), "v": np.float32(np.inf)}, "no finite numbers"),
    "pad by far": (_node("Pad", "p", mode="edge"), {"p": _ints(*[2**60] * 8)}, "are added to a dimension"),
    "pad to nothing": (_node("Pad", "p"), {"p": _ints(-2, *[0] * 7)}, "at least one"),
    "product of many": (_node("ReduceProd"), {}, "a product of 384 elements"),
    "reduce axes twice": (_node("ReduceSum", "a"), {"a": _ints(1, -3)}, "each once"),
    "reshape to two -1": (_node("Reshape", "s"), {"s": _ints(-1, -1)}, "one -1 at most"),
    "reshape to what does not fit": (_node("Reshape", "s"), {"s": _ints(7, -1)}, "do not fill"),
    "reshape 0 beyond the rank": (_node("Reshape", "s"), {"s": _ints(1, 1, 1, 1, 0)}, "a dimension to keep"),
    "reshape to floats": (_node("Reshape", "s"), {"s": np.ones(1, np.float32)}, "accepted: integers"),
    "resize cubic": (_node("Resize", "", "s", mode="cubic"), {"s": np.ones(4, np.float32)}, "mode 'cubic'"),
    "resize scales": (_node("Resize", "", "s"), {"s": np.ones(3, np.float32)}, "one above 0 per axis"),
    "resize to nothing": (_node("Resize", "", "", "s"), {"s": _ints(2, 4, 0, 8)}, "sizes of 1..32767"),
    "resize to much": (_node("Resize", "", "", "s"), {"s": _ints(2, 4, 2**40, 8)}, "sizes of 1..32767"),
    "resize by nothing": (_node("Resize", "", "s"), {"s": np.zeros(4, np.float32)}, "one above 0 per axis"),
    "slice step 0": (_node("Slice", "a", "b", "a", "a"), {"a": _ints(0), "b": _ints(1)}, "a step of 0"),
    "slice of nothing": (_node("Slice", "b", "a", "a"), {"a": _ints(0), "b": _ints(1)}, "at least one element"),
    "slice counts": (_node("Slice", "a", "b"), {"a": _ints(0, 0), "b": _ints(1)}, "as many of each"),
    "space to depth blocks": (_node("SpaceToDepth", blocksize=4), {}, "whole blocks"),
    "split sizes": (_node("Split", "s", out=("a", "b")), {"s": _ints(1, 2)}, "sizes of 1 and more that fill it"),
    "split in too many": (_node("Split", out=("a", "b", "c"), num_outputs=3), {}, "equal parts of 1 and more"),
    "split in none": (_node("Split", num_outputs=0), {}, "equal parts"),
    "squeeze": (_node("Squeeze", "a"), {"a": _ints(1)}, "dimensions of size 1"),
    "tile": (_node("Tile", "r"), {"r": _ints(1, 2)}, "one per dimension"),
    "transpose": (_node("Transpose", perm=[0, 0, 1, 2]), {}, "each dimension once"),
    "unsqueeze without axes": (_node("Unsqueeze", ""), {}, "missing"),
    "upsample mode": (_node("Upsample", "s", mode="no"), {"s": np.ones(4, np.float32)}, "accepted: nearest, linear"),
}


@pytest.mark.parametrize("name", _REFUSED)
def test_refusals(name: str) -> None:
    node, constants, message = _REFUSED[name]
    with pytest.raises(EdgeqError, match=message):
        _import(node, opset=9 if node.op_type == "Upsample" else 21, **constants)


@pytest.mark.parametrize("op", ["Transpose", "Shape", "Gather", "Reshape", "ArgMax", "Identity", "Resize", "ReduceSum"])
def test_an_operator_without_inputs_is_refused(op: str) -> None:
    with pytest.raises(EdgeqError, match="missing"):
        _import(_plain(op, [], "y"))
