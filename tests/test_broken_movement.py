"""Movement with senseless axes, sizes, indices and options: refused in a sentence, or else computed alike in C."""

import re
from typing import Any

import flatbuffers
import kernel_library
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from cases import CASES, blocks, movement, padding, slicing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tflite_writer import TfliteWriter

from edgeq import resources
from edgeq.errors import EdgeqError
from edgeq.evaluate import evaluate
from edgeq.importers import import_model
from edgeq.ops.strided_copy import MAX_RANK
from edgeq.program import build_program

_MOVES = sorted({**blocks.CASES, **movement.CASES, **padding.CASES, **slicing.CASES})
_SENSELESS = st.one_of(st.integers(-4, 6), st.sampled_from([-(2**31), -(2**31) + 1, 2**31 - 1, 2**16, -(2**16)]))


@pytest.mark.parametrize("name", _MOVES)
@settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_broken_movement_is_refused_or_runs(name: str, data: st.DataObject) -> None:
    case = data.draw(CASES[name])
    model = _broken(data.draw, case.model)
    try:
        graph = import_model(model, "broken.tflite")
        types = [graph.types[v] for v in graph.inputs]
        inputs = [np.resize(x, t.shape).astype(t.dtype.numpy) for x, t in zip(case.inputs, types, strict=True)]
        values = evaluate(graph, inputs)
        program = build_program(graph, "net")
    except EdgeqError:
        return
    for found, expected in zip(kernel_library.run(program, inputs), graph.outputs, strict=True):
        np.testing.assert_array_equal(found, values[expected])


def _broken(draw: st.DrawFn, model: bytes) -> bytes:
    """The model with an integer of its constants or options changed, or an operand left out."""
    parsed = schema.ModelT.InitFromPackedBuf(model, 0)
    graph = parsed.subgraphs[0]
    operator = graph.operators[0]
    for tensor in graph.tensors:
        tensor.shapeSignature = [-1] * len(tensor.shape) if draw(st.booleans()) else None
        content = parsed.buffers[tensor.buffer].data
        dtype = {schema.TensorType.INT32: np.int32, schema.TensorType.INT64: np.int64}.get(tensor.type)
        if content is not None and dtype is not None and draw(st.booleans()):
            array = np.frombuffer(np.asarray(content, np.uint8).tobytes(), dtype).copy()
            array[draw(st.integers(0, array.size - 1))] = draw(_SENSELESS)
            parsed.buffers[tensor.buffer].data = np.frombuffer(array.tobytes(), np.uint8)
    options = operator.builtinOptions
    for field, value in vars(options).items() if options is not None else ():
        if isinstance(value, int) and not isinstance(value, bool) and draw(st.booleans()):
            setattr(options, field, draw(st.integers(-4, 6)))
    if draw(st.integers(0, 9)) == 0:
        operator.inputs = operator.inputs[: draw(st.integers(0, len(operator.inputs)))]
    builder = flatbuffers.Builder(1024)
    builder.Finish(parsed.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _one(name: str, shape: Any, constants: list[Any], output: Any, *options: str, **fields: Any) -> bytes:
    m = TfliteWriter()
    x = m.tensor(shape, scale=0.5)
    operands = [x, *(m.constant(c) for c in constants)]
    y = m.tensor(output, scale=0.5, signature=[-1] * len(output))
    m.operator(name, operands[::-1] if name == "SPLIT" else operands, [y], *options, **fields)
    return m.build([x], [y])


def _i(*values: int) -> Any:
    return np.array(values, np.int32)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (_one("TRANSPOSE", (2, 3), [_i(0, 0)], (2, 2)), "each dimension once"),
        (_one("TRANSPOSE", (2, 3), [_i(0)], (2,)), "each dimension once"),
        (_one("EXPAND_DIMS", (2, 3), [_i(3)], (2, 3)), "axis 3 of a tensor of rank 3"),
        (_one("EXPAND_DIMS", (2, 3), [_i(0, 1)], (2, 3)), "accepted: one"),
        (_one("SQUEEZE", (2, 1), [], (2,), "SqueezeOptions", squeezeDims=[0]), "dimensions of size 1"),
        (_one("BROADCAST_TO", (2, 3), [_i(2, 4)], (2, 4)), "only dimensions of size 1 change"),
        (_one("TILE", (2, 3), [_i(2)], (2, 3)), "one per dimension"),
        (_one("TILE", (2, 3), [_i(0, 1)], (2, 3)), "1 and more"),
        (_one("TILE", (2,) * 8, [_i(*[2] * 8)], (4,) * 8), "15 nested loops; accepted: up to 8"),
        (_one("GATHER", (2, 3), [_i(2)], (1, 3), "GatherOptions"), r"accepted: 0\.\.1"),
        (_one("GATHER", (2, 3), [_i(-1)], (1, 3), "GatherOptions"), r"accepted: 0\.\.1"),
        (_one("GATHER", (2, 3), [_i(1, 0, 1)], (3,), "GatherOptions", axis=1, batchDims=1), "in common"),
        (_one("PACK", (2,), [], (1, 2), "PackOptions", valuesCount=2), "1 inputs, 2 declared"),
        (_one("SLICE", (2, 3), [_i(0, 0), _i(2, 4)], (2, 4)), r"each of 0\.\.2"),
        (_one("SLICE", (2, 3), [_i(0, 3), _i(2, -1)], (2, 1)), "accepted: at least one"),
        (_one("SPLIT", (3,), [_i(0)], (1,), "SplitOptions", numSplits=2), "equal parts"),
        (_one("SPLIT", (3,), [_i(0)], (1,), "SplitOptions", numSplits=3), "1 outputs for 3 parts"),
        (_one("SPLIT_V", (3,), [_i(-1, -1), _i(0)], (1,)), "sizes that fill it"),
        (_one("UNPACK", (3,), [], (), "UnpackOptions", num=2), "in 2 parts"),
        (_one("STRIDED_SLICE", (3,), [_i(0), _i(3), _i(0)], (3,), "StridedSliceOptions"), "a stride of 0"),
        (_one("STRIDED_SLICE", (3,), [_i(2), _i(1), _i(1)], (1,), "StridedSliceOptions"), "is an empty slice"),
        (
            _one("STRIDED_SLICE", (3,), [_i(3), _i(4), _i(1)], (), "StridedSliceOptions", shrinkAxisMask=1),
            r"accepted: -3\.\.2",
        ),
        (_one("STRIDED_SLICE", (3,), [_i(0, 0), _i(1, 1), _i(1, 1)], (1,), "StridedSliceOptions"), "of rank 1"),
        (_one("REVERSE_V2", (3,), [_i(1)], (3,)), "axis 1 of a tensor of rank 1"),
        (_one("PAD", (3,), [_i(1, 1, 1, 1).reshape(2, 2)], (5,)), "accepted: 1 pairs"),
        (_one("PAD", (3,), [_i(-1, 1).reshape(1, 2)], (3,)), "accepted: 0 and more"),
        (_one("PADV2", (3,), [_i(1, 1).reshape(1, 2), np.zeros(2, np.int8)], (5,)), "accepted: one element"),
        (_one("MIRROR_PAD", (3,), [_i(3, 0).reshape(1, 2)], (6,), "MirrorPadOptions", mode=0), "2 can be mirrored"),
        (_one("MIRROR_PAD", (3,), [_i(4, 0).reshape(1, 2)], (7,), "MirrorPadOptions", mode=1), "3 can be mirrored"),
        (_one("SPACE_TO_DEPTH", (1, 3, 2, 1), [], (1, 1, 1, 4), "SpaceToDepthOptions", blockSize=2), "whole blocks"),
        (_one("DEPTH_TO_SPACE", (1, 2, 2, 3), [], (1, 4, 4, 1), "DepthToSpaceOptions", blockSize=2), "whole blocks"),
        (_one("SPACE_TO_DEPTH", (2, 2), [], (2, 2), "SpaceToDepthOptions", blockSize=2), "batch, height, width"),
        (_one("SPACE_TO_BATCH_ND", (1, 3, 1), [_i(2), _i(0, 0).reshape(1, 2)], (2, 1, 1)), "whole blocks"),
        (_one("BATCH_TO_SPACE_ND", (3, 1, 1), [_i(2), _i(0, 0).reshape(1, 2)], (1, 2, 1)), "whole blocks"),
        (_one("BATCH_TO_SPACE_ND", (2, 1, 1), [_i(2), _i(1, 1).reshape(1, 2)], (1, 1, 1)), "at least one"),
        (_one("BATCH_TO_SPACE_ND", (2, 1, 1), [_i(2, 2, 2), _i(1, 1)], (1, 1, 1)), "sizes behind the batch"),
        (_one("CONCATENATION", (2, 3), [np.zeros((2, 3), np.int32)], (4, 3), "ConcatenationOptions"), "the same type"),
    ],
)
def test_the_refusal_says_what_is_wrong(model: bytes, message: str) -> None:
    with pytest.raises(EdgeqError, match=message):
        build_program(import_model(model, "broken.tflite"), "net")


def test_the_kernels_have_room_for_every_loop() -> None:
    box = (resources.RUNTIME_SOURCES / "box.h").read_text()
    assert re.findall(r"EDGEQ_MAX_RANK = (\d+)", box) == [str(MAX_RANK)]
    assert MAX_RANK >= 8, "the rank of a tensor in a file, which a mirrored border loops over"


def test_run_time_indices_out_of_range_are_clamped() -> None:
    m = TfliteWriter()
    x, indices = m.tensor((4, 2), scale=0.5), m.tensor((5,), np.int32)
    y = m.tensor((5, 2), scale=0.5)
    m.operator("GATHER", [x, indices], [y], "GatherOptions")
    graph = import_model(m.build([x, indices], [y]), "gather.tflite")
    table = np.arange(8, dtype=np.int8).reshape(4, 2)
    picks = _i(-(2**31), -1, 2, 4, 2**31 - 1)
    expected = table[[0, 0, 2, 3, 3]]
    np.testing.assert_array_equal(evaluate(graph, [table, picks])[graph.outputs[0]], expected)
    np.testing.assert_array_equal(kernel_library.run(build_program(graph, "net"), [table, picks])[0], expected)
