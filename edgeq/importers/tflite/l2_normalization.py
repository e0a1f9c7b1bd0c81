"""Converter for L2 normalisation."""

import tflite

from edgeq.errors import Refusal
from edgeq.importers.tflite.context import Converter, OpContext
from edgeq.ops.l2_normalize import L2NormalizeAttrs


def _l2_normalization(op: OpContext) -> None:
    if op.options(tflite.L2NormOptions).FusedActivationFunction():
        raise Refusal("a fused activation on a normalization; accepted: none")
    op.emit("l2_normalize", op.inputs(), L2NormalizeAttrs())


CONVERTERS = {
    "L2_NORMALIZATION": Converter(_l2_normalization, ("l2_normalize",), "output scale 1/128, zero point 0"),
}
