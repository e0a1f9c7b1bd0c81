"""Kernels between floats and integers: the only ones that compute with floats."""

from edgeq.kernels.kernel import Kernel
from edgeq.ops.op import Params
from edgeq.ops.quantize import DequantizeParams, QuantizeParams


def _kernel(op: str, params: type[Params], before: str, after: str) -> Kernel:
    return Kernel(
        name=f"edgeq_{op}_{before}_{after}",
        family="quantize",
        ops=(op,),
        params=params,
        inputs=(before,),
        outputs=(after,),
    )


KERNELS = (
    *(_kernel("quantize", QuantizeParams, "f32", dtype) for dtype in ("s8", "s16")),
    *(_kernel("dequantize", DequantizeParams, dtype, "f32") for dtype in ("s8", "s16")),
)
