"""The kernels for every function of one value."""

from edgeq.kernels.kernel import Kernel
from edgeq.kernels.overlap import elementwise
from edgeq.ops.lines import LinesParams
from edgeq.ops.lookup import LookupParams
from edgeq.ops.lookup_s16 import Lookup16Params
from edgeq.ops.op import Params
from edgeq.ops.unary import UNARY


def _kernel(name: str, params: type[Params], dtype: str) -> Kernel:
    return Kernel(
        name=name,
        family="lookup",
        ops=tuple(op.name for op in UNARY),
        params=params,
        inputs=(dtype,),
        outputs=(dtype,),
        inplace=(0,),
        overlap=elementwise(dtype, dtype),
    )


KERNELS = (
    _kernel("edgeq_lines_s16", LinesParams, "s16"),
    _kernel("edgeq_lookup_s16", Lookup16Params, "s16"),
    _kernel("edgeq_lookup_s8", LookupParams, "s8"),
)
