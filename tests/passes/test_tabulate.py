import numpy as np
import oracle
import pytest
from rewriting import graph_of, op_list
from tflite_writer import TfliteWriter

import edgeq
from edgeq.ir import Graph
from edgeq.ir.verify import verify
from edgeq.ops import OPS
from edgeq.passes.tabulate import tabulate

_BYTES = np.arange(-128, 128).astype(np.int8)

# The operators that TFLM computes on floats, and which the converter leaves in floats.
_FUNCTIONS = ["CEIL", "COS", "ELU", "FLOOR", "NEG", "ROUND", "SIN", "SQRT", "SQUARE"]


def _tabulated(text: str) -> Graph:
    """The graph after the pass; before it, no one evaluates floats in its midst on integers."""
    after, changes = tabulate(graph_of(text))
    verify(after, OPS)
    assert len(changes) == 1
    assert tabulate(after) == (after, [])
    return after


def test_a_function_between_dequantize_and_quantize_is_a_table() -> None:
    after = _tabulated("""
graph net
input %x: s8[2,3] @0.1+5
%d: f32[2,3] = dequantize(%x)  # DEQUANTIZE #0
%e: f32[2,3] = elu(%d)  # ELU #1 "e"
%y: s8[2,3] @0.2-3 = quantize(%e)  # QUANTIZE #2
output %y
""")
    assert op_list(after) == ["elu"]
    assert after.nodes[0].source == 'ELU #1 "e"'


def test_floats_that_others_read_stay_for_them() -> None:
    after = _tabulated("""
graph net
input %x: s8[2,3] @0.1+5
%d: f32[2,3] = dequantize(%x)
%e: f32[2,3] = neg(%d)
%y: s8[2,3] @0.2-3 = quantize(%e)
output %y
output %e
""")
    assert op_list(after) == ["dequantize", "neg", "neg"]
    assert [node.attrs.in_reals for node in after.nodes[1:]] == [False, True]


_UNTOUCHED = {
    "from a float input": """
input %d: f32[2,3]
%e: f32[2,3] = elu(%d)
%y: s8[2,3] @0.2-3 = quantize(%e)
output %y""",
    "to a float output": """
input %x: s8[2,3] @0.1+5
%d: f32[2,3] = dequantize(%x)
%e: f32[2,3] = elu(%d)
output %e""",
    "of two values": """
input %x: s8[2,3] @0.1+5
%d: f32[2,3] = dequantize(%x)
%e: f32[2,3] = add(%d, %d)
%y: s8[2,3] @0.2-3 = quantize(%e)
output %y""",
    "of a value with scales per channel": """
input %x: s8[2,3] @0{0.1+0,0.2+0}
%d: f32[2,3] = dequantize(%x)
%e: f32[2,3] = elu(%d)
%y: s8[2,3] @0.2-3 = quantize(%e)
output %y""",
}


@pytest.mark.parametrize("text", _UNTOUCHED.values(), ids=_UNTOUCHED)
def test_everything_else_stays(text: str) -> None:
    graph = graph_of(f"graph net\n{text}\n")
    assert tabulate(graph) == (graph, [])


@pytest.mark.parametrize("name", _FUNCTIONS)
def test_the_table_is_what_tflm_computes_in_floats(name: str) -> None:
    """Many operators in one model, each from all bytes."""
    rng = np.random.default_rng(0)
    m = TfliteWriter()
    inputs, outputs = [], []
    for _ in range(60):
        scale, zero = float(2.0 ** rng.uniform(-8, 1)), int(rng.integers(-128, 128))
        x = m.tensor((256,), scale=scale, zero_point=-128 if name == "SQRT" else zero)
        d, e = m.tensor((256,), np.float32), m.tensor((256,), np.float32)
        largest = {"SQUARE": (200 * scale) ** 2, "SQRT": (200 * scale) ** 0.5, "SIN": 1, "COS": 1}.get(
            name, 200 * scale
        )
        y = m.tensor((256,), scale=largest / 255 * rng.uniform(0.5, 2), zero_point=int(rng.integers(-128, 128)))
        m.operator("DEQUANTIZE", [x], [d])
        m.operator(name, [d], [e])
        m.operator("QUANTIZE", [e], [y])
        inputs.append(x)
        outputs.append(y)
    data = m.build(inputs, outputs)
    model = edgeq.compile(data)
    assert {layer.node.op for layer in model.program.layers} == {name.lower()}
    samples = [_BYTES] * len(inputs)
    np.testing.assert_array_equal(np.array(model.run(*samples)), np.array(oracle.run_tflm(data, samples)))
