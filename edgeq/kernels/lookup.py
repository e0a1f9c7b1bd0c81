"""The kernel for every function of one byte."""

from edgeq.kernels.kernel import Kernel
from edgeq.ops.lookup import LookupParams
from edgeq.ops.unary import UNARY

KERNELS = (
    Kernel(
        name="edgeq_lookup_s8",
        family="lookup",
        ops=tuple(op.name for op in UNARY),
        params=LookupParams,
        inputs=("s8",),
        outputs=("s8",),
        inplace=(0,),
    ),
)
