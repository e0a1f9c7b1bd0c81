"""The passes on floats one after another, and those too small for a file of their own."""

import numpy as np
import pytest
from float_graphs import CONTINUOUS, FloatBuilder, random_float_graph, require_same_reals, run_float_pass
from rewriting import op_list
from shared import MODELS, requires_shared

from edgeq.importers.onnx import import_onnx
from edgeq.ir import DType, Quant
from edgeq.passes import NORMALIZE, Pass, run_passes
from edgeq.passes.fold_float_constants import fold_float_constants
from edgeq.passes.fold_padding import fold_padding
from edgeq.passes.layout import remaining_transposes
from edgeq.passes.own_constants import own_constants
from edgeq.passes.simplify_floats import simplify_floats
from edgeq.passes.sink_reshapes import sink_reshapes


def _builder() -> FloatBuilder:
    return FloatBuilder(np.random.default_rng(0))


def test_on_random_graphs() -> None:
    with np.errstate(all="ignore"):
        for seed in range(400):
            graph = random_float_graph(seed, 1 + seed % 14, CONTINUOUS)
            for step in NORMALIZE:
                graph, _ = run_float_pass(step, graph, seeds=(0,))


@requires_shared
@pytest.mark.parametrize(
    "name", ["alibaba_kws", "alibaba_ad", "mnist8", "ultraface_slim320", "kj_kws_qdq", "kj_resnet8_qdq"]
)
def test_real_nets_keep_no_transpose(name: str) -> None:
    graph = import_onnx((MODELS / f"{name}.onnx").read_bytes(), f"{name}.onnx")
    after, _ = run_passes(graph, NORMALIZE)
    assert remaining_transposes(after) == []
    require_same_reals(graph, after, tolerance=1e-3)


def test_constants_are_computed() -> None:
    b = _builder()
    y = b.node("mul", b.input(1, 4), b.node("neg", b.node("add", b.reals(4), b.reals(1, 4))))
    after, changes = run_float_pass(Pass("fold", fold_float_constants), b.graph(y))
    assert op_list(after) == ["mul"]
    assert len(changes) == 2


def test_integers_behind_a_dequantize_survive_moves() -> None:
    b = _builder()
    integers = b.constant(np.arange(-12, 12, dtype=np.int8).reshape(2, 12), Quant((0.5, 0.25), (0, 0), 0))
    moved = b.transpose(b.reshape(b.node("dequantize", integers), 1, 2, 12), (0, 2, 1))
    after, _ = run_float_pass(Pass("fold", fold_float_constants), b.graph(b.node("add", b.input(1, 12, 2), moved)))
    assert op_list(after) == ["dequantize", "add"]
    type_ = after.types[after.nodes[0].inputs[0]]
    assert (type_.shape, type_.quant) == ((1, 12, 2), Quant((0.5, 0.25), (0, 0), 2))


def test_a_reshape_that_tears_scales_from_channels_stays() -> None:
    b = _builder()
    integers = b.constant(np.arange(-12, 12, dtype=np.int8).reshape(2, 12), Quant((0.5, 0.25), (0, 0), 0))
    graph = b.graph(b.node("add", b.input(24), b.reshape(b.node("dequantize", integers), 24)))
    assert run_float_pass(Pass("fold", fold_float_constants), graph) == (graph, [])


def test_constants_are_quantized_as_onnx_does() -> None:
    b = _builder()
    quantized = b.node("quantize", b.constant(np.array([0.1, 0.26, -9], np.float32)), dtype=DType.S8, quant=_QUANT)
    graph = b.graph(b.node("add", b.input(3), b.node("dequantize", quantized)))
    after, _ = Pass("fold", fold_float_constants).run(graph)
    assert [array.tolist() for array in after.constants.values()] == [[3, 4, -33]]


_QUANT = Quant.per_tensor(0.25, 3)


def test_reshapes_sink() -> None:
    b = _builder()
    x = b.reshape(b.node("conv2d", b.input(1, 1, 8, 3), b.reals(4, 1, 3, 3)), 1, 6, 4)
    y = b.node("relu", b.node("add", b.node("mul", b.reals(1, 1, 4), x), b.constant(np.ones(1, np.float32))))
    y = b.node("dequantize", b.node("quantize", y, dtype=DType.S8, quant=_QUANT))
    other = b.reshape(b.node("neg", b.input(1, 1, 6, 4)), 1, 6, 4)
    after, _ = run_float_pass(Pass("sink", sink_reshapes), b.graph(b.node("sub", other, y)))
    assert op_list(after)[-2:] == ["sub", "reshape"]
    assert op_list(after).count("reshape") == 1


def test_reshapes_do_not_sink_where_channels_change() -> None:
    b = _builder()
    x = b.reshape(b.input(1, 6, 4), 1, 24)
    graph = b.graph(b.node("mul", x, b.reals(24)))
    assert run_float_pass(Pass("sink", sink_reshapes), graph) == (graph, [])


def test_a_pool_of_the_whole_image_is_a_mean() -> None:
    b = _builder()
    after, _ = run_float_pass(
        Pass("simplify", simplify_floats), b.graph(b.node("avg_pool2d", b.input(1, 4, 6, 3), kernel=(4, 6)))
    )
    assert op_list(after) == ["mean"]


def test_what_is_computed_twice_is_computed_once() -> None:
    b = _builder()
    x = b.input(1, 4)
    y = b.node("add", b.node("neg", b.node("abs", x)), b.node("neg", b.node("abs", x)))
    after, changes = run_float_pass(Pass("simplify", simplify_floats), b.graph(y))
    assert op_list(after) == ["abs", "neg", "add"]
    assert len(changes) == 2


@pytest.mark.parametrize(("value", "ops"), [(0.0, ["conv2d"]), (0.5, ["pad", "conv2d"])])
def test_a_border_of_zeros_is_padding(value: float, ops: list[str]) -> None:
    b = _builder()
    border = b.constant(np.array(value, np.float32))
    x = b.node("pad", b.input(1, 4, 6, 3), border, before=(0, 1, 2, 0), after=(0, 1, 0, 0))
    step = Pass("fold padding", fold_padding)
    after, _ = run_float_pass(step, b.graph(b.node("conv2d", x, b.reals(4, 3, 3, 3))))
    assert op_list(after) == ops


def test_each_reader_owns_its_constants() -> None:
    b = _builder()
    shared = b.reals(4)
    y = b.node("mul", b.node("add", b.input(1, 4), shared), shared)
    after, changes = run_float_pass(Pass("own", own_constants), b.graph(y))
    assert len(after.constants) == 2
    assert len(changes) == 1
    readers = [v for node in after.nodes for v in node.inputs if v in after.constants]
    assert len(set(readers)) == 2
