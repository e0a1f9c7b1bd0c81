"""Kernels between floats and integers: the only ones that compute with floats."""

from edgeq.kernels.kernel import Kernel
from edgeq.ops.quantize import DequantizeParams, QuantizeParams

KERNELS = (
    Kernel(
        name="edgeq_quantize_f32_s8",
        family="quantize",
        ops=("quantize",),
        params=QuantizeParams,
        inputs=("f32",),
        outputs=("s8",),
    ),
    Kernel(
        name="edgeq_dequantize_s8_f32",
        family="quantize",
        ops=("dequantize",),
        params=DequantizeParams,
        inputs=("s8",),
        outputs=("f32",),
    ),
)
