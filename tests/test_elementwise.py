"""Two operands: as few loops as possible, in the memory of either, and a sentence for what cannot be combined."""

import re
from typing import Any

import kernel_library
import numpy as np
import oracle
import pytest
from tflite_writer import TfliteWriter

from edgeq.errors import EdgeqError
from edgeq.evaluate import evaluate
from edgeq.importers import import_model
from edgeq.ir import Graph
from edgeq.ir.text import parse_graph
from edgeq.ops import OPS
from edgeq.ops.binary import loop_nest
from edgeq.program import Program, build_program


@pytest.mark.parametrize(
    ("a", "b", "loops"),
    [
        ((2, 3, 4), (2, 3, 4), [(24, 1, 1)]),
        ((2, 3, 4), (1, 1), [(24, 1, 0)]),
        ((), (2, 3, 4), [(24, 0, 1)]),
        ((1, 7, 7, 8), (8,), [(8, 1, 1), (49, 8, 0)]),
        ((1, 7, 7, 8), (7, 7, 1), [(8, 1, 0), (49, 8, 1)]),
        ((2, 3, 1), (1, 4), [(4, 0, 1), (6, 1, 0)]),
        ((5, 1), (1, 6), [(6, 0, 1), (5, 1, 0)]),
        ((2, 1, 3, 1), (2, 5, 3, 1), [(3, 1, 1), (5, 0, 3), (2, 3, 15)]),
        ((1, 1), (), []),
    ],
)
def test_dimensions_that_go_on_evenly_share_a_loop(a: Any, b: Any, loops: Any) -> None:
    assert loop_nest(a, b) == loops


def _graph(*lines: str) -> Graph:
    text = ["graph net", *lines[:-1], f"output %{lines[-1]}"]
    return parse_graph("\n".join(text), {op.name: op.attrs for op in OPS.values()})


def _same_as_evaluated(graph: Graph) -> Program:
    """The program's plan, after C on that plan has given what the evaluation gives."""
    rng = np.random.default_rng(0)
    inputs = [rng.integers(-128, 128, graph.types[v].shape).astype(np.int8) for v in graph.inputs]
    values = evaluate(graph, inputs)
    program = build_program(graph, "net")
    for found, output in zip(kernel_library.run(program, inputs), graph.outputs, strict=True):
        np.testing.assert_array_equal(found, values[output])
    return program


_X = "input  %x: s8[2,4] @0.5+3"


@pytest.mark.parametrize(
    "graph",
    [
        _graph(_X, '%z: s8[2,4] @0.25-1 = add(%x, %x) {"activation": "none"}', "z"),
        _graph(_X, "const %c: s8[4] @0.1+0 = AQL9BA==", "%z: s8[2,4] @0.25-1 = prelu(%x, %c)", "z"),
        _graph(_X, "const %c: s8[1] @0.1+0 = BQ==", '%z: s8[2,4] @0.25-1 = sub(%c, %x) {"activation": "none"}', "z"),
        _graph(_X, "%z: s8[2,4] @0.0078125+0 = tanh(%x)", "z"),
    ],
)
def test_output_takes_the_place_of_an_operand(graph: Graph) -> None:
    program = _same_as_evaluated(graph)
    assert program.plan.size == 8
    assert program.plan.offsets["z"] == program.plan.offsets["x"]


def test_output_takes_the_place_of_the_operand_that_is_not_broadcast() -> None:
    scalar = "input  %s: s8[1,1] @0.1-7"
    program = _same_as_evaluated(_graph(scalar, _X, '%z: s8[2,4] @0.2-1 = mul(%s, %x) {"activation": "relu"}', "z"))
    assert program.plan.offsets["z"] == program.plan.offsets["x"]


@pytest.mark.parametrize("operands", ["%x, %row", "%row, %x"])
def test_output_spares_an_operand_that_is_part_of_the_other(operands: str) -> None:
    graph = _graph(
        _X,
        "input  %wide: s8[64] @0.5+3",  # the arena has to hold it, so that copying the row gains nothing
        '%largest: s8[1] @0.5+3 = reduce_max(%wide) {"axes": [0], "keep_dims": true}',
        '%row: s8[1,4] @0.5+3 = slice(%x) {"begin": [0, 0], "size": [1, 4], "stride": [1, 1]}',
        f'%y: s8[2,4] @0.7+3 = add({operands}) {{"activation": "none"}}',
        '%z: s8[2,4] @0.9+3 = add(%y, %largest) {"activation": "none"}',
        "z",
    )
    program = _same_as_evaluated(graph)
    assert program.plan.elided[1], "the row is a view"


_OPTIONS = {"ADD": "AddOptions", "SUB": "SubOptions", "MUL": "MulOptions"}


def _model(name: str, shapes: list[Any], quants: list[dict[str, Any]], dtype: Any = np.int8, **fields: Any) -> bytes:
    """An operator whose last shape and quantization are those of the output."""
    m = TfliteWriter()
    tensors = [m.tensor(shape, dtype, **quant) for shape, quant in zip(shapes, quants, strict=True)]
    m.operator(name, tensors[:-1], tensors[-1:], _OPTIONS.get(name), **fields)
    return m.build(tensors[:-1], tensors[-1:])


_Q: dict[str, Any] = {"scale": 0.5, "zero_point": 3}
_PER_CHANNEL = {"scale": [0.5, 0.25], "zero_point": 0, "axis": 0}


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (_model("ADD", [(2, 3), (2,), (2, 3)], [_Q] * 3), "shapes [2, 3] and [2]; accepted: trailing dimensions"),
        (_model("ADD", [(2, 3), (2, 3), (3, 3)], [_Q] * 3), "computes the shape [2, 3], the file declares [3, 3]"),
        (_model("MUL", [(2,), (2,)], [_Q] * 2), "1 operands; accepted: 2"),
        (_model("SUB", [(2,)] * 4, [_Q] * 4), "3 operands; accepted: 2"),
        (_model("ABS", [(2,)] * 3, [_Q] * 3), "2 inputs; accepted: one"),
        (_model("ADD", [(2,)] * 3, [_Q] * 3, fusedActivationFunction=4), "fused activation 4; accepted"),
        (_model("MUL", [(2,)] * 3, [{"scale": 1, "zero_point": 1}] * 3, np.int16), "int16 with a zero point"),
        (_model("MUL", [(2,)] * 3, [{}] * 3, np.int32), "the output is s32; accepted: s8 or s16"),
        (_model("PRELU", [(2,)] * 3, [{}] * 3, np.float32), "the output is f32; accepted: s8 or s16"),
        (_model("ADD", [(2,)] * 3, [_Q, {}, _Q]), "the second operand s8[2] is not quantized"),
        (_model("ADD", [(2,)] * 3, [_Q, _PER_CHANNEL, _Q]), "accepted: one scale and zero point for a port"),
        (_model("ADD", [(2,)] * 3, [_Q, _Q, {"scale": 1e-7}]), "accepted: an output scale above 2**-19"),
        (_model("SUB", [(2,)] * 3, [_Q, {"scale": 3e38}, _Q]), "accepted: an output scale above 2**-19"),
        (_model("MAXIMUM", [(2,)] * 3, [_Q, {"scale": 0.4, "zero_point": 3}, _Q]), "must share scale and zero point"),
        (_model("MINIMUM", [(2,)] * 3, [_Q, _Q, {"scale": 0.5}]), "must share scale and zero point"),
    ],
)
def test_what_cannot_be_combined_is_refused(model: bytes, sentence: str) -> None:
    with pytest.raises(EdgeqError, match=re.escape(sentence)):
        build_program(import_model(model, "model.tflite"), "net")


@pytest.mark.parametrize("name", ["ADD", "SUB", "MUL", "PRELU"])
def test_sums_and_products_close_to_halves(name: str) -> None:
    """The steps of one operand fall on halves of output steps, but for what the precision of a multiplier decides."""
    rng = np.random.default_rng(7)
    m = TfliteWriter()
    inputs, outputs = [], []
    for _ in range(300):
        scale, other_scale = np.float32(rng.uniform(0.3, 1, 2))
        n = rng.integers(128, 256)
        neutral = 1 if name in ("MUL", "PRELU") else 0
        scaled = name == "MUL" or (name == "PRELU" and rng.integers(2))
        step = float(scale) * (float(other_scale) if scaled else 1)
        quant = {"scale": step * 2 * n / (2 * rng.integers(n // 2, n) + 1), "zero_point": int(rng.integers(-128, 128))}
        inputs.append(m.tensor((256,), scale=scale, zero_point=int(rng.choice([-128, 127]))))
        other = m.constant(np.array([neutral], np.int8), scale=other_scale)
        outputs.append(m.tensor((256,), **quant))
        operands = [inputs[-1], other] if name == "PRELU" or rng.integers(2) else [other, inputs[-1]]
        m.operator(name, operands, outputs[-1:], _OPTIONS.get(name))
    data = m.build(inputs, outputs)
    values = [np.arange(-128, 128).astype(np.int8)] * len(inputs)
    graph = import_model(data, "halves.tflite")
    ours = evaluate(graph, values)
    for value, theirs in zip(graph.outputs, oracle.run_tflm(data, values), strict=True):
        np.testing.assert_array_equal(ours[value], theirs, err_msg=str(graph.types[value]))


@pytest.mark.parametrize("name", ["ADD", "SUB", "MUL", "PRELU"])
@pytest.mark.parametrize("scales", [(1e-44, 3e38, 1.0), (3e38, 3e38, 1e-44), (1e-44, 1e-44, 3e38), (1.0, 1e-44, 1.0)])
def test_absurd_scales_end_in_bytes_or_a_sentence(name: str, scales: tuple[float, ...]) -> None:
    model = _model(name, [(2, 2)] * 3, [{"scale": s} for s in scales])
    graph = import_model(model, "model.tflite")
    try:
        values = evaluate(graph, [np.array([[-128, 127], [0, 5]], np.int8)] * 2)
    except EdgeqError:
        return
    assert values[graph.outputs[0]].dtype == np.int8
