"""Weighted ops from int8 to int16 and back, which TFLite does not have: C = evaluation = the reals, to a step."""

from dataclasses import replace
from typing import Any

import flatbuffers
import kernel_library
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from cases import CASES
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from rewriting import const, graph_of, random_inputs
from shared import DATASETS

from edgeq.errors import EdgeqError
from edgeq.evaluate import evaluate, evaluate_float
from edgeq.fixedpoint import Rounding
from edgeq.importers import import_model
from edgeq.ir import DType, Graph, Quant
from edgeq.ir.tensor import dequantize
from edgeq.passes import pipeline, run_passes
from edgeq.program import build_program

_WEIGHTED = ("BATCH_MATMUL", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")
_OTHER = {DType.S8: (DType.S16, 1 / 256), DType.S16: (DType.S8, 256)}
_LARGEST_ERROR = {Rounding.SINGLE: 0.55, Rounding.DOUBLE: 0.8, Rounding.FLOAT32: 0.55}
"""Steps of the output: where the sums are scaled down by 2 or more, the first of two roundings costs a quarter."""
_GOLDEN = DATASETS / "seanet_16x8_ops.npz"


def _with_other_output(graph: Graph) -> Graph:
    """The output in the other type, whose steps are finer or coarser by as much as its range has more or fewer."""
    (name,) = graph.outputs
    type_ = graph.types[name]
    dtype, factor = _OTHER[type_.dtype]
    zero_point = 5 if dtype is DType.S8 else 0
    other = replace(type_, dtype=dtype, quant=Quant.per_tensor(type_.scale * factor, zero_point))
    return graph.with_(types={**graph.types, name: other})


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("name", _WEIGHTED)
@settings(max_examples=30, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_outputs_of_the_other_width(name: str, rounding: Rounding, data: st.DataObject) -> None:
    case = data.draw(CASES[name])
    imported = import_model(case.model, f"{name}.tflite")
    assume(imported.nodes[-1].op != "reshape")  # a view, which has one type
    graph = _with_other_output(imported).with_(rounding=rounding)
    (output,) = graph.outputs
    found = evaluate(graph, case.inputs)[output]
    np.testing.assert_array_equal(kernel_library.run(build_program(graph, "net"), case.inputs)[0], found)

    type_ = graph.types[output]
    types = [graph.types[v] for v in graph.inputs]
    inputs = [dequantize(x, t) for x, t in zip(case.inputs, types, strict=True)]
    reals = evaluate_float(graph, inputs)[output]
    low, high = ((q - type_.zero_point) * type_.scale for q in type_.dtype.range)
    error = np.abs(dequantize(found, type_) - np.clip(reals, low, high)) / type_.scale
    assert error.max(initial=0) <= _LARGEST_ERROR[rounding], f"off by {error.max()} steps"


def _with_constant(data: bytes, tensor: int, array: Any) -> bytes:
    """The model with one of its inputs made a constant."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(array.tobytes(), np.uint8)
    model.buffers.append(buffer)
    model.subgraphs[0].tensors[tensor].buffer = len(model.buffers) - 1
    model.subgraphs[0].inputs = np.array([i for i in model.subgraphs[0].inputs if i != tensor], np.int32)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.mark.skipif(not _GOLDEN.is_file(), reason=f"{_GOLDEN.name} is not beside this clone; set EDGEQ_SHARED")
@pytest.mark.parametrize("family", ["conv", "transpose_conv"])
def test_layers_of_a_16x8_model_equal_their_golden_outputs(family: str) -> None:
    files = np.load(_GOLDEN)
    names = [key.removesuffix(".tflite") for key in files if key.startswith(family) and key.endswith(".tflite")]
    assert names
    for name in names:
        data = files[f"{name}.tflite"].tobytes()
        if f"{name}.input0_int32" in files:  # the output shape of a transposed convolution
            data = _with_constant(data, 0, files[f"{name}.input0_int32"])
        graph = import_model(data, f"{name}.tflite")
        x = next(files[key] for key in files if key.startswith(f"{name}.input") and key.endswith("int16"))
        inputs = [x.reshape(graph.types[graph.inputs[0]].shape)]
        wanted = files[f"{name}.golden_int16"]
        found = evaluate(graph, inputs)[graph.outputs[0]]
        np.testing.assert_array_equal(found.reshape(-1), wanted, err_msg=name)
        from_c = kernel_library.run(build_program(graph, "net"), inputs)[0]
        np.testing.assert_array_equal(from_c.reshape(-1), wanted, err_msg=name)


def test_known_channels_of_int16_go_into_an_int64_bias() -> None:
    """The middle layer's second channel is its bias, but for the border that the padding makes."""
    graph = graph_of(f"""graph net
input %x: s16[1,3,3,1] @0.001+0
{const("w", "s8[2,1,1,1] @0{0.5+0,0.5+0}", [[[[3]]], [[[0]]]])}
{const("b", "s64[2] @0{0.0005+0,0.0005+0}", [5, 2**34])}
{const("v", "s8[1,3,3,2] @0{0.5+0}", 100)}
{const("c", "s64[1] @0{0.0005+0}", [7])}
%y: s16[1,3,3,2] @1000+0 = conv2d(%x, %w, %b)
%z: s16[1,3,3,1] @500000+0 = conv2d(%y, %v, %c) {{"padding": [1, 1, 1, 1]}}
output %z
""")
    smaller, _ = run_passes(graph, pipeline(float_ports=False))
    assert smaller.types[smaller.nodes[0].outputs[0]].shape == (1, 3, 3, 1)
    bias = smaller.constants[smaller.nodes[1].inputs[2]]
    assert bias.dtype == np.int64
    assert bias.ndim == 3
    for seed in range(3):
        inputs = random_inputs(graph, seed)
        expected = evaluate(graph, inputs)["z"]
        assert expected.any()
        np.testing.assert_array_equal(evaluate(smaller, inputs)[smaller.outputs[0]], expected)
        np.testing.assert_array_equal(kernel_library.run(build_program(smaller, "net"), inputs)[0], expected)


def _dense(x: str = "s16[1,2] @0.5+0", w: str = "s8[1,2] @0.5+0", b: str = "s64[1]", y: str = "s16[1,1] @0.5+0") -> str:
    bias = const("b", b, 2**20)
    return f"graph net\ninput %x: {x}\n{const('w', w, 1)}\n{bias}\n%y: {y} = dense(%x, %w, %b)\noutput %y\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (_dense(x="s16[1,2] @0.5+3"), "input is int16 with zero point 3; accepted: 0"),
        (_dense(y="s16[1,1] @0.5-3"), "output is int16 with zero point -3; accepted: 0"),
        (_dense(b="s32[1]"), "the bias is int32; accepted with int16 activations: int64"),
        (_dense(y="s16[1,1] @0.0001+0"), "is below 1/128 of the sums'"),
        (_dense(x="s32[1,2] @0.5+0"), "input is s32; accepted: s8 or s16"),
    ],
)
def test_refusals(text: str, reason: str) -> None:
    graph = graph_of(text)
    with pytest.raises(EdgeqError, match=reason.replace("/", "\\/")):
        evaluate(graph, random_inputs(graph, 0))


def test_sums_beyond_what_the_multipliers_take_are_refused() -> None:
    graph = graph_of(_dense())
    largest = graph.with_(constants={**graph.constants, "b": np.array([2**47 - 1 - 2 * 2**15])})
    assert evaluate(largest, random_inputs(graph, 0))["y"].shape == (1, 1)
    beyond = graph.with_(constants={**graph.constants, "b": np.array([-(2**47) + 2 * 2**15])})
    with pytest.raises(EdgeqError, match="sums can grow to 140737488355328; accepted: up to 140737488355327"):
        evaluate(beyond, random_inputs(graph, 0))
