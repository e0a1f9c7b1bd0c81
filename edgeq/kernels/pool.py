"""Kernels for pools."""

from collections.abc import Callable, Mapping

from edgeq.kernels import work
from edgeq.kernels.kernel import Kernel
from edgeq.kernels.overlap import Overlap, channelwise, pixelwise
from edgeq.ops.op import Params
from edgeq.ops.pool import PoolParams, ScaledPoolParams


def _kernel(name: str, op: str, params: type[Params], dtype: str, overlap: Overlap) -> Kernel:
    return Kernel(
        name=f"edgeq_{name}_{dtype}",
        family="pool",
        ops=(op,),
        params=params,
        inputs=(dtype,),
        outputs=(dtype,),
        overlap=overlap,
        units=work.pool,
    )


def _few_channels(params: PoolParams) -> str | None:
    return None if params.channels >= 4 else f"{params.channels} channels; accepted: from 4 on"


def _dsp_units(params: PoolParams) -> Mapping[str, int]:
    """What the time of a kernel depends on that takes four channels at a time."""
    rows, columns = (int((spans.end - spans.begin).sum()) for spans in (params.windows.rows, params.windows.cols))
    quads = params.batches * -(-params.channels // 4)
    lines = params.out_w if params.kernel_w < params.in_w else 1
    return {
        "call": 1,
        "window": params.batches * params.out_h * params.out_w,
        "quad": quads * params.out_h * params.out_w,
        "line": quads * rows * lines,
        "pixel": quads * rows * columns,
    }


def _large_windows(params: PoolParams) -> str | None:
    size = params.kernel_h * params.kernel_w
    return None if size < 256 else f"windows of {size} pixels; accepted: up to 255, whose sums fit int16"


def _mve_units(lanes: int) -> Callable[[PoolParams], Mapping[str, int]]:
    """What the time of a kernel depends on that takes so many channels at a time."""

    def units(params: PoolParams) -> Mapping[str, int]:
        rows, columns = (int((spans.end - spans.begin).sum()) for spans in (params.windows.rows, params.windows.cols))
        vectors = params.batches * -(-params.channels // lanes)
        windows = params.batches * params.out_h * params.out_w
        return {
            "call": 1,
            "window": windows,
            "output": windows * params.channels,
            "vector": vectors * params.out_h * params.out_w,
            "line": vectors * rows * params.out_w,
            "pixel": vectors * rows * columns,
        }

    return units


_DSP = tuple(
    Kernel(
        name=f"edgeq_{op}_s8__dsp",
        family="pool",
        isa="dsp",
        ops=(op,),
        params=PoolParams,
        refuses=_few_channels,
        inputs=("s8",),
        outputs=("s8",),
        overlap=channelwise("s8", "s8"),
        units=_dsp_units,
    )
    for op in ("avg_pool2d", "max_pool2d")
)

_PORTABLE = tuple(
    _kernel(name, op, params, dtype, overlap)
    for dtype in ("s8", "s16")
    for name, op, params, overlap in (
        ("avg_pool2d", "avg_pool2d", PoolParams, channelwise(dtype, dtype)),
        ("avg_pool2d_scaled", "avg_pool2d", ScaledPoolParams, channelwise(dtype, dtype)),
        # The largest so far is in the output.
        ("max_pool2d", "max_pool2d", PoolParams, pixelwise(dtype, dtype, reads_last=True)),
    )
)

_MVE = tuple(
    Kernel(
        name=f"edgeq_{op}_s8__mve",
        family="pool",
        isa="mve",
        ops=(op,),
        params=PoolParams,
        refuses=refuses,
        inputs=("s8",),
        outputs=("s8",),
        overlap=channelwise("s8", "s8", lanes),
        units=_mve_units(lanes),
    )
    for op, lanes, refuses in (("avg_pool2d", 8, _large_windows), ("max_pool2d", 16, lambda _: None))
)

KERNELS = (*_PORTABLE, *_DSP, *_MVE)
