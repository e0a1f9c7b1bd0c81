"""Kernels with two operands, element by element; the output may take the place of either."""

from edgeq.kernels.kernel import Kernel
from edgeq.ops.binary import BinaryParams
from edgeq.ops.elementwise import AddParams, MulParams, PreluParams
from edgeq.ops.op import Params


def _kernel(op: str, params: type[Params]) -> Kernel:
    return Kernel(
        name=f"edgeq_{op}_s8",
        family="elementwise",
        ops=(op,),
        params=params,
        inputs=("s8", "s8"),
        outputs=("s8",),
        inplace=(0, 1),
    )


KERNELS = (
    _kernel("add", AddParams),
    _kernel("sub", AddParams),
    _kernel("squared_difference", AddParams),
    _kernel("mul", MulParams),
    _kernel("maximum", BinaryParams),
    _kernel("minimum", BinaryParams),
    _kernel("prelu", PreluParams),
)
