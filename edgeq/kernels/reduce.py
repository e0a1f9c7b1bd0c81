"""Kernels that reduce along axes."""

from collections.abc import Mapping

from edgeq.kernels.kernel import Kernel
from edgeq.kernels.overlap import reduced
from edgeq.ops.op import Params
from edgeq.ops.reduce import ReduceMaxParams, SumParams


def _kernel(stem: str, ops: tuple[str, ...], params: type[Params], dtype: str) -> Kernel:
    return Kernel(
        name=f"edgeq_{stem}_{dtype}",
        family="reduce",
        ops=ops,
        params=params,
        inputs=(dtype,),
        outputs=(dtype,),
        inplace=(0,),
        overlap=reduced(dtype),
    )


def _not_side_by_side(params: SumParams) -> str | None:
    if params.kept_stride_2 == 1 and params.kept_2 >= 4:
        return None
    return f"{params.kept_2} sums with a stride of {params.kept_stride_2}; accepted: from 4 on, side by side"


def _units(params: SumParams) -> Mapping[str, int]:
    """What the time of the kernel depends on that takes four sums at a time."""
    quads = params.kept_0 * params.kept_1 * -(-params.kept_2 // 4)
    runs = quads * params.reduced_0 * params.reduced_1
    return {"call": 1, "quad": quads, "run": runs, "element": runs * params.reduced_2}


_SUM_DSP = Kernel(
    name="edgeq_sum_s8__dsp",
    family="reduce",
    isa="dsp",
    ops=("mean", "sum"),
    params=SumParams,
    refuses=_not_side_by_side,
    inputs=("s8",),
    outputs=("s8",),
    inplace=(0,),
    overlap=reduced("s8"),
    units=_units,
)

KERNELS = (
    *(_kernel("reduce_max", ("reduce_max", "reduce_min"), ReduceMaxParams, dtype) for dtype in ("s8", "s16")),
    *(_kernel("sum", ("mean", "sum"), SumParams, dtype) for dtype in ("s8", "s16")),
    _SUM_DSP,
)
