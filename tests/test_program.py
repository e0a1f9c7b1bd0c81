"""From graph to program: what the planner, the lowering and the kernel table make together."""

import kernel_library
import numpy as np
import pytest
from tflite_writer import TfliteWriter

import edgeq
from edgeq.errors import UnsupportedModelError
from edgeq.importers import import_model
from edgeq.program import build_program


def _with_constant_output() -> bytes:
    m = TfliteWriter()
    x = m.tensor((1, 4), scale=0.5)
    y = m.tensor((1, 4), scale=0.5)
    m.operator("MAXIMUM", [x, x], [y])
    return m.build([x], [y, m.constant(np.array([[3, 1, 4]], np.int32), name="table")])


def test_a_constant_output_is_copied_into_the_arena() -> None:
    graph = import_model(_with_constant_output(), "net.tflite")
    x = np.array([[1, -2, 3, -4]], np.int8)
    found = kernel_library.run(build_program(graph, "net"), [x])
    np.testing.assert_array_equal(found[0], x)
    np.testing.assert_array_equal(found[1], [[3, 1, 4]])


def test_generated_code_stores_a_constant_output() -> None:
    model = edgeq.compile(_with_constant_output())
    np.testing.assert_array_equal(model.host.run([np.zeros((1, 4), np.int8)])[1], [[3, 1, 4]])
    assert model.program.outputs[1].name == "table"
    assert model.host.self_test()


def test_all_refused_nodes_are_listed_those_with_one_reason_together() -> None:
    m = TfliteWriter()
    values = [m.tensor((1, 4), np.int32, scale=0.5) for _ in range(4)]
    m.operator("ADD", values[:2], [values[2]], "AddOptions")
    m.operator("ADD", [values[2], values[0]], [values[3]], "AddOptions")
    data = m.build(values[:2], [values[3]])
    with pytest.raises(UnsupportedModelError) as caught:
        edgeq.compile(data)
    assert len(caught.value.refusals) == 2
    lines = str(caught.value).splitlines()
    assert lines[0] == "model: 2 nodes are not supported:"
    assert lines[1].startswith("  - 2 nodes: the output is s32; accepted: s8 or s16")
    assert lines[2:] == ['      ADD #0 "tensor2"', '      ADD #1 "tensor3"']


def test_what_stands_behind_an_unknown_operator_is_looked_at_too() -> None:
    m = TfliteWriter()
    x, y, z = (m.tensor((1, 4), dtype, scale=0.5) for dtype in (np.int8, np.int32, np.int32))
    m.operator("SVDF", [x], [y])
    m.operator("ADD", [y, y], [z], "AddOptions")
    with pytest.raises(UnsupportedModelError) as caught:
        edgeq.compile(m.build([x], [z]))
    assert [refusal.split(":")[0] for refusal in caught.value.refusals] == ['SVDF #0 "tensor1"', 'ADD #1 "tensor2"']
