"""How far an output has to begin before a dying input to share memory with it: from a kernel's order of accesses.

A kernel computes its output front to back in units: it reads what a unit is made of, then writes the unit. When it
writes unit k, what the units behind k are made of has still to be read. With the output `d` bytes in front of the
input, byte w of the output is byte w - d of the input, so that nothing is overwritten too early if

    d >= (end of unit k in the output) - (first byte of the input that a unit behind k is made of)    for every k.

The smallest such d is exact: one byte less, and a byte is overwritten before its last read. A kernel that writes a part
of a unit before it has read all of it (an accumulator in the output, `memcpy`) has to be counted with `reads_last`: k
itself is then among the units that have still to be read.

The functions are for `Kernel.overlap`: from `before` and `after`, the element types of input and output as in the row,
they make a function of the kernel's Params. Those about windows know the fields of `ConvGeometry` by name: batches,
in_h, in_w, out_h, out_w, kernel_h, kernel_w, stride_h, stride_w, pad_top, pad_left, and in_c and out_c, or channels;
where they are missing, dilation_h, dilation_w and groups are 1.

No kernel declares its pointers `restrict`, and one of the two types must be a character type of C, or both the same: a
compiler may move accesses of other types past each other.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from edgeq.ir import DType
from edgeq.ops.op import Array

Overlap = Callable[[Any], int]
"""Params to the least distance in bytes; negative where the output may begin behind the input."""

NOTHING = 2**40
"""The place in the input of what is read by a unit that reads nothing: behind everything."""


def least_distance(reads: Array, ends: Array, input_bytes: int, *, reads_last: bool = False) -> int:
    """The smallest distance at which no byte of the input is overwritten before its last read.

    Args:
        reads: for each unit, in order, the first byte of the input that it is made of.
        ends: for each unit, where it ends in the output, bytes. Bytes before that may be written in any order.
        input_bytes: size of the input. An output that begins behind it shares nothing.
        reads_last: a unit is read until it is written whole.
    """
    reads, ends = np.ravel(reads), np.maximum.accumulate(np.ravel(ends))
    still_read = np.minimum.accumulate(reads[::-1])[::-1]
    if not reads_last:
        still_read, ends = still_read[1:], ends[:-1]
    return int(np.max(ends - still_read, initial=-input_bytes))


def _one_by_one(reads: Array, elements: int, before: str, after: str) -> int:
    """The same where a unit is one element of the output; `reads` and `elements` count elements of the input."""
    size = DType(before).bytes
    ends = np.arange(1, reads.size + 1) * DType(after).bytes
    return least_distance(np.ravel(reads) * size, ends, elements * size)


def apart(_: Any) -> None:
    """For kernels whose output shares no memory with the input."""


def pixelwise(before: str, after: str, pixels: int = 1, *, reads_last: bool = False) -> Overlap:
    """For kernels that make all channels of some neighbours in a row from whole windows, then go on.

    Args:
        before: element type of the input.
        after: element type of the output.
        pixels: of one output row, read before the first of them is written; at the end of a row there may be fewer.
        reads_last: a pixel is read until it is written whole.
    """

    def distance(p: Any) -> int:
        (in_c, out_c), starts = _channels(p), range(0, p.out_w, pixels)
        firsts = first_pixels(p).reshape(-1, p.out_w)
        reads = np.minimum.reduceat(firsts, starts, axis=1) * (in_c * DType(before).bytes)
        ends = np.maximum.reduceat(_counted(firsts), starts, axis=1) * (out_c * DType(after).bytes)
        return least_distance(reads, ends, _image_elements(p) * DType(before).bytes, reads_last=reads_last)

    return distance


def in_runs(before: str, after: str, pixels: int) -> Overlap:
    """For kernels that read the windows of so many pixels in a row, through rows and images, before they write them."""

    def distance(p: Any) -> int:
        (in_c, out_c), firsts = _channels(p), first_pixels(p).ravel()
        starts = range(0, firsts.size, pixels)
        reads = np.minimum.reduceat(firsts, starts) * (in_c * DType(before).bytes)
        ends = np.maximum.reduceat(_counted(firsts), starts) * (out_c * DType(after).bytes)
        return least_distance(reads, ends, _image_elements(p) * DType(before).bytes)

    return distance


def rowwise(before: str, after: str, rows: int = 1) -> Overlap:
    """For kernels that read all that so many rows of an image are made of before they write the first of them."""

    def distance(p: Any) -> int:
        (in_c, out_c), starts = _channels(p), range(0, p.out_h, rows)
        firsts = first_pixels(p).min(axis=2)
        reads = np.minimum.reduceat(firsts, starts, axis=1) * (in_c * DType(before).bytes)
        ends = np.maximum.reduceat(_counted(firsts), starts, axis=1) * (p.out_w * out_c * DType(after).bytes)
        return least_distance(reads, ends, _image_elements(p) * DType(before).bytes)

    return distance


def filterwise(before: str, after: str) -> Overlap:
    """For kernels that make an output pixel channel by channel, each from all input channels of its group."""

    def distance(p: Any) -> int:
        groups = getattr(p, "groups", 1)
        first = np.arange(p.out_c) // (p.out_c // groups) * (p.in_c // groups)
        return _one_by_one(first_pixels(p)[..., None] * p.in_c + first, _image_elements(p), before, after)

    return distance


def channelwise(before: str, after: str, channels: int = 1) -> Overlap:
    """For kernels that make an output pixel channel by channel, each from one channel of the input.

    Args:
        before: element type of the input.
        after: element type of the output.
        channels: that are read before the first of them is written; at the end there may be fewer.
    """

    def distance(p: Any) -> int:
        in_c, out_c = _channels(p)
        starts = np.arange(0, out_c, channels)
        pixels = first_pixels(p)
        reads = pixels[..., None] * in_c + starts // (out_c // in_c)
        ends = (_counted(pixels)[..., None] - 1) * out_c + np.minimum(starts + channels, out_c)
        size = DType(before).bytes
        return least_distance(reads * size, ends * DType(after).bytes, _image_elements(p) * size)

    return distance


def transposed(before: str, after: str) -> Overlap:
    """For transposed convolutions that make an output pixel channel by channel from the pixels that reach it."""

    def distance(p: Any) -> int:
        rows = _first_reaching(p.out_h, p.stride_h, p.pad_top, p.kernel_h, p.in_h)
        cols = _first_reaching(p.out_w, p.stride_w, p.pad_left, p.kernel_w, p.in_w)
        return _one_by_one(np.repeat(_pixels(rows, cols, p), p.out_c) * p.in_c, _image_elements(p), before, after)

    return distance


def interpolated(dtype: str) -> Overlap:
    """For bilinear resizing, channel by channel; by the fields of `ResizeBilinearParams`."""

    def distance(p: Any) -> int:
        pixels = _pixels(p.rows.astype(np.int64), p.columns.astype(np.int64), p)
        reads = np.add.outer(pixels * p.channels, np.arange(p.channels))
        return _one_by_one(reads, _image_elements(p), dtype, dtype)

    return distance


def repeated(p: Any) -> int:
    """For resizing to the nearest pixel, which is copied; a row that repeats is not read again."""
    pixels = _pixels(p.rows.astype(np.int64), p.columns.astype(np.int64), p)
    pixels[:, np.flatnonzero(np.diff(p.rows) == 0) + 1] = NOTHING
    input_bytes = p.batches * p.in_h * p.in_w * p.pixel_bytes
    return least_distance(pixels * p.pixel_bytes, _counted(pixels) * p.pixel_bytes, input_bytes, reads_last=True)


def elementwise(before: str, after: str, count: Callable[[Any], int] = lambda p: int(p.count)) -> Overlap:
    """For kernels of which element i of the output is the last that needs element i of the input or one before it."""
    return lambda p: _one_by_one(np.arange(count(p)), count(p), before, after)


def rows_of_depth(p: Any) -> int:
    """The elements of what is normalized row by row, for `elementwise`."""
    return int(p.rows * p.depth)


def broadcast(dtype: str) -> Overlap:
    """For kernels with two operands, element by element; by the fields of `BinaryParams`, or with steps of 1."""

    def distance(p: Any) -> int:
        loops = [] if p.loops is None else np.reshape(p.loops, (-1, 3))[: p.depth].tolist()
        extents, strides = [times for times, _, _ in loops], [advance for _, advance, _ in loops]
        reads = _box([*extents, p.run], [*strides, getattr(p, "input1_step", 1)])
        return _one_by_one(reads, int(reads.max()) + 1, dtype, dtype)

    return distance


def reduced(dtype: str) -> Overlap:
    """For kernels that reduce axes, one output after the other; by the fields of `SumParams`."""

    def distance(p: Any) -> int:
        reads = _box((p.kept_0, p.kept_1, p.kept_2), (p.kept_stride_0, p.kept_stride_1, p.kept_stride_2))
        return _one_by_one(reads, reads.size * p.reduced_0 * p.reduced_1 * p.reduced_2, dtype, dtype)

    return distance


def dense_rows(before: str, after: str) -> Overlap:
    """For dense layers, output by output, each from the whole of its row of the input."""

    def distance(p: Any) -> int:
        reads = np.repeat(np.arange(p.batches) * p.in_features, p.out_features)
        return _one_by_one(reads, p.batches * p.in_features, before, after)

    return distance


def products(before: str, after: str) -> Overlap:
    """For products of matrices, element by element; it is the first operand whose memory is taken over."""

    def distance(p: Any) -> int:
        extents = (p.batch0, p.batch1, p.batch2, p.rows, p.cols)
        reads = _box(extents, (p.lhs_step0, p.lhs_step1, p.lhs_step2, p.lhs_row_step, 0))
        return _one_by_one(reads, int(reads.max()) + (p.depth - 1) * p.lhs_depth_step + 1, before, after)

    return distance


def gathered_runs(p: Any) -> int:
    """For copies of runs, one after the other in the output; by the fields of `StridedCopyParams`."""
    reads = p.offset + _box(p.extents[: p.rank].tolist(), p.strides[: p.rank].tolist())
    ends, input_bytes = _counted(reads) * p.run_bytes, int(reads.max()) + p.run_bytes
    return least_distance(reads, ends, input_bytes, reads_last=p.run_bytes > 1)


def scattered_runs(p: Any) -> int:
    """For copies of runs, one after the other in the input, with borders between them; by the fields of `PadParams`."""
    places = p.offset + _box(p.extents[: p.rank].tolist(), p.strides[: p.rank].tolist())
    reads = np.arange(places.size) * p.run_bytes
    return least_distance(reads, places + p.run_bytes, places.size * p.run_bytes, reads_last=True)


def _channels(p: Any) -> tuple[int, int]:
    """Of the input and of the output."""
    return (p.channels, p.channels) if hasattr(p, "channels") else (p.in_c, p.out_c)


def _image_elements(p: Any) -> int:
    """Of the input."""
    return math.prod((p.batches, p.in_h, p.in_w, _channels(p)[0]))


def first_pixels(p: Any) -> Array:
    """The first input pixel, counted through all images, of each output pixel's window: `[batches, out_h, out_w]`."""
    dilation_h, dilation_w = getattr(p, "dilation_h", 1), getattr(p, "dilation_w", 1)
    rows = _first_taps(p.out_h, p.stride_h, p.pad_top, p.kernel_h, dilation_h, p.in_h)
    cols = _first_taps(p.out_w, p.stride_w, p.pad_left, p.kernel_w, dilation_w, p.in_w)
    return _pixels(rows, cols, p)


def _pixels(rows: Array, cols: Array, p: Any) -> Array:
    """Pixels counted through all images, from rows and columns of an image; nothing where either is nothing."""
    images = np.arange(p.batches)[:, None, None] * (p.in_h * p.in_w)
    nothing = (rows == NOTHING)[:, None] | (cols == NOTHING)
    return np.where(nothing, NOTHING, images + rows[:, None] * p.in_w + cols)


def _first_taps(out: int, stride: int, pad: int, kernel: int, dilation: int, size: int) -> Array:
    """For each output position along an axis the first input position under its window that is on the image."""
    origins = np.arange(out) * stride - pad
    skipped = np.maximum(0, -(origins // dilation))
    firsts = origins + skipped * dilation
    return np.where((skipped < kernel) & (firsts < size), firsts, NOTHING)


def _first_reaching(out: int, stride: int, pad: int, kernel: int, size: int) -> Array:
    """For each output position along an axis the first input position whose kernel reaches it."""
    padded = np.arange(out) + pad
    firsts = np.maximum(0, -((kernel - 1 - padded) // stride))
    return np.where((firsts * stride <= padded) & (firsts < size), firsts, NOTHING)


def _counted(units: Array) -> Array:
    """1, 2, 3... in the shape of the units."""
    return np.arange(1, units.size + 1).reshape(units.shape)


def _box(extents: Any, strides: Any) -> Array:
    """The places of a box's elements, the last dimension fastest."""
    places = np.zeros(1, np.int64)
    for extent, stride in zip(extents, strides, strict=True):
        places = np.add.outer(places, np.arange(extent) * stride).ravel()
    return places
