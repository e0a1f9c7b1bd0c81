"""Files that are broken in one known place: the message names the place and what would be accepted."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tflite
from tflite_writer import TfliteWriter

from edgeq.errors import EdgeqError
from edgeq.importers import import_model
from edgeq.importers.tflite.builder import Builder
from edgeq.importers.tflite.context import OpContext
from edgeq.importers.tflite.file import Operator, TfliteFile


def _model(damage: Callable[[TfliteWriter], None] = lambda _: None, outputs: tuple[int, ...] = (2,)) -> bytes:
    """relu(x) + a constant, damaged before it is written: tensors x 0, relu 1, sum 2, constant 3."""
    m = TfliteWriter()
    x, relu, total = (m.tensor((1, 4), scale=0.5) for _ in range(3))
    m.operator("RELU", [x], [relu])
    m.operator("ADD", [relu, m.constant(np.ones((1, 4), np.int8), scale=0.5)], [total], "AddOptions")
    damage(m)
    return m.build([x], list(outputs))


def _set(records: str, index: int, field: str, value: Any) -> Callable[[TfliteWriter], None]:
    """A damage: one field of one record gets another value; of its quantization, if that has the field."""

    def damage(m: TfliteWriter) -> None:
        record = getattr(m, records)[index]
        quantization = getattr(record, "quantization", None)
        setattr(quantization if hasattr(quantization, field) else record, field, value)

    return damage


def test_the_undamaged_model_is_taken() -> None:
    assert len(import_model(_model(), "net.tflite").nodes) == 2


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_set("tensors", 3, "buffer", 99), 'tensor 3 "tensor3" refers to buffer 99 of 2'),
        (_set("tensors", 3, "shape", np.array([1, 5], np.int32)), 'tensor 3 "tensor3" needs 5 bytes of data'),
        (_set("tensors", 0, "shape", np.array([1 << 30, 1 << 30], np.int32)), 'tensor 0 "tensor0" has shape'),
        (_set("tensors", 0, "shape", np.array([1, -4], np.int32)), "accepted: positive dimensions"),
        (_set("tensors", 0, "scale", np.array([np.nan], np.float32)), "no positive finite number"),
        (_set("tensors", 0, "zeroPoint", np.array([300], np.int64)), "zero point outside -128..127"),
        (_set("operators", 0, "inputs", np.array([7], np.int32)), "inputs of RELU #0 are"),
        (_set("operators", 0, "opcodeIndex", 9), "operator 0 has code 9 of 2"),
        (_set("operators", 0, "inputs", np.array([2], np.int32)), "before anything has computed it"),
        (_set("operators", 1, "outputs", np.array([1], np.int32)), "which is defined already"),
    ],
)
def test_damage_is_named(damage: Callable[[TfliteWriter], None], message: str) -> None:
    with pytest.raises(EdgeqError, match=r"net\.tflite") as caught:
        import_model(_model(damage), "net.tflite")
    assert message in str(caught.value)


def test_an_output_that_nothing_computes() -> None:
    with pytest.raises(EdgeqError, match="before anything has computed it"):
        import_model(_model(lambda m: m.operators.pop()), "net.tflite")


@pytest.mark.parametrize("size", [0, 4, 8, 20, 200, 600])
def test_truncated(size: int) -> None:
    with pytest.raises(EdgeqError, match=r"net\.tflite"):
        import_model(_model()[:size], "net.tflite")


def test_options_beyond_what_an_offset_can_say() -> None:
    operator = Operator(0, "SOFTMAX", (), (), SimpleNamespace(Bytes=b"", Pos=1 << 33))
    context = OpContext(Builder(TfliteFile("net.tflite", (), (operator,), (), ())), operator)
    with pytest.raises(EdgeqError, match="options of SOFTMAX #0 points outside the file"):
        context.options(tflite.SoftmaxOptions)
