"""Converters for softmax and its logarithm."""

import tflite

from edgeq.importers.tflite.context import Converter, OpContext
from edgeq.ops.softmax import LogSoftmaxAttrs, SoftmaxAttrs


def _softmax(op: OpContext) -> None:
    op.emit("softmax", [op.input(0)], SoftmaxAttrs(float(op.options(tflite.SoftmaxOptions).Beta())))


def _log_softmax(op: OpContext) -> None:
    op.emit("log_softmax", [op.input(0)], LogSoftmaxAttrs())


CONVERTERS = {
    "LOG_SOFTMAX": Converter(_log_softmax, ("log_softmax",), "rows up to 4095; output scale 1/16, zero point 127"),
    "SOFTMAX": Converter(
        _softmax,
        ("softmax",),
        "int8 in rows up to 4095 to int8 (scale 1/256, zero point -128) or int16 (scale 1/65536, zero point -32768); "
        "int16 to int16 (scale 1/32768)",
    ),
}
