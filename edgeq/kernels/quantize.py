"""Kernels between floats and integers: the only ones that compute with floats."""

from edgeq.kernels.kernel import Kernel
from edgeq.kernels.overlap import apart, elementwise
from edgeq.ops.op import Params
from edgeq.ops.quantize import DequantizeParams, QuantizeParams


def _kernel(op: str, params: type[Params], before: str, after: str) -> Kernel:
    """Floats and int16 share no memory: a compiler may move accesses of such types past each other."""
    return Kernel(
        name=f"edgeq_{op}_{before}_{after}",
        family="quantize",
        ops=(op,),
        params=params,
        inputs=(before,),
        outputs=(after,),
        overlap=elementwise(before, after) if "s8" in (before, after) else apart,
    )


KERNELS = (
    *(_kernel("quantize", QuantizeParams, "f32", dtype) for dtype in ("s8", "s16")),
    *(_kernel("dequantize", DequantizeParams, dtype, "f32") for dtype in ("s8", "s16")),
)
