"""What `slice`, `transpose` and `broadcast` have in common: their output is their input, read in another order.

Output element [i0, i1, ...] is input element `offset + i0 * stride0 + i1 * stride1 + ...`. A slice moves the offset
and scales the strides, a transpose permutes the strides, a broadcast has strides of 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from edgeq.errors import Refusal
from edgeq.ir import Shape
from edgeq.ops.op import I32, Array, Params, S32Data

MAX_RANK = 8
"""Nested loops that the kernels have room for: `EDGEQ_MAX_RANK` in runtime_c/src/box.h."""


@dataclass(frozen=True)
class StridedCopyParams(Params):
    """Runs of `run_bytes` bytes, `extents` of them, one after the other in the output.

    Run [i0, i1, ...] begins `offset + i0 * strides[0] + i1 * strides[1] + ...` bytes into the input.
    """

    struct: ClassVar[str] = "strided_copy"

    rank: I32
    run_bytes: I32
    offset: I32
    extents: S32Data
    strides: S32Data


@dataclass(frozen=True)
class Runs:
    """A box of elements as few loops over contiguous runs: at least one loop, its extent possibly 1."""

    extents: tuple[int, ...]
    strides: tuple[int, ...]
    bytes: int


def element_strides(shape: Shape) -> tuple[int, ...]:
    """How many elements apart neighbours along each dimension are, in a dense tensor."""
    strides = [1]
    for size in reversed(shape[1:]):
        strides.insert(0, strides[0] * size)
    return tuple(strides[: len(shape)])


def collapse(shape: Shape, strides: Sequence[int], element_bytes: int) -> Runs:
    """Merge dimensions whose elements follow one another as those of a single dimension would.

    Args:
        shape: how many elements along each dimension.
        strides: how many elements apart those are, in the tensor that is strided.
        element_bytes: size of one element.

    Raises:
        Refusal: where that takes more loops than the kernels have.
    """
    dims = [(n, s * element_bytes) for n, s in zip(shape, strides, strict=True) if n > 1]
    run = element_bytes
    while dims and dims[-1][1] == run:
        run *= dims.pop()[0]
    merged: list[tuple[int, int]] = []
    for extent, stride in reversed(dims):
        if merged and stride == merged[0][0] * merged[0][1]:
            merged[0] = (extent * merged[0][0], merged[0][1])
        else:
            merged.insert(0, (extent, stride))
    if len(merged) > MAX_RANK:
        raise Refusal(f"moves shape {list(shape)} in {len(merged)} nested loops; accepted: up to {MAX_RANK}")
    extents, byte_strides = zip(*(merged or [(1, run)]), strict=True)
    return Runs(extents, byte_strides, run)


def strided_copy(shape: Shape, strides: Sequence[int], offset: int, element_bytes: int) -> StridedCopyParams:
    """Params of a copy that fills a dense output of `shape`; strides and offset count elements of the input."""
    runs = collapse(shape, strides, element_bytes)
    return StridedCopyParams(
        rank=len(runs.extents),
        run_bytes=runs.bytes,
        offset=offset * element_bytes,
        extents=np.array(runs.extents, np.int32),
        strides=np.array(runs.strides, np.int32),
    )


def eval_int(params: StridedCopyParams, inputs: Sequence[Any]) -> tuple[Array, ...]:
    """The copy, on elements of any type."""
    x = inputs[0]
    octets = np.ascontiguousarray(x).reshape(-1).view(np.uint8)
    runs = np.lib.stride_tricks.as_strided(
        octets[params.offset :], (*params.extents, params.run_bytes), (*params.strides, 1), writeable=False
    )
    return (np.ascontiguousarray(runs).reshape(-1).view(x.dtype),)


def aliases(params: StridedCopyParams) -> tuple[int, ...] | None:
    """A single run is a stretch of the input: nothing needs to move."""
    return (-params.offset,) if params.rank == 1 and params.extents[0] == 1 else None
