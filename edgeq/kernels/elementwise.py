"""Kernels with two operands, element by element; the output may take the place of either."""

from edgeq.kernels.kernel import Kernel
from edgeq.ops.binary import BinaryParams
from edgeq.ops.elementwise import AddParams, MulParams, PreluParams
from edgeq.ops.op import Params


def _kernel(op: str, params: type[Params], dtype: str) -> Kernel:
    return Kernel(
        name=f"edgeq_{op}_{dtype}",
        family="elementwise",
        ops=(op,),
        params=params,
        inputs=(dtype, dtype),
        outputs=(dtype,),
        inplace=(0, 1),
    )


_PARAMS: dict[str, type[Params]] = {
    "add": AddParams,
    "sub": AddParams,
    "squared_difference": AddParams,
    "mul": MulParams,
    "maximum": BinaryParams,
    "minimum": BinaryParams,
    "prelu": PreluParams,
}

KERNELS = tuple(_kernel(op, params, dtype) for op, params in _PARAMS.items() for dtype in ("s8", "s16"))
