"""What convolutions and pools say of their windows: sizes, steps and borders, with the names that ONNX gives them."""

from dataclasses import dataclass

from edgeq.errors import Refusal
from edgeq.importers.onnx.builder import OpContext
from edgeq.ir import Shape
from edgeq.ops.windows import Padding, Pair, output_size

_LARGEST_STEP = 1 << 23
"""Elements, or rows of them: as many as an image has."""


@dataclass(frozen=True)
class Window:
    """A window over an image.

    Attributes:
        kernel: its rows and columns.
        stride: between windows.
        dilation: between the elements of a window.
        before: rows above and columns left of the image.
        after: rows below and columns right of it, as the file says.
        behind: as far as the last windows reach: more than `after` where sizes are rounded up.
    """

    kernel: Pair
    stride: Pair
    dilation: Pair
    before: Pair
    after: Pair
    behind: Pair

    @property
    def padding(self) -> Padding:
        """`before` and `behind`."""
        return self.before[0], self.behind[0], self.before[1], self.behind[1]


def read_window(op: OpContext, size: Shape, kernel: Shape) -> Window:
    """The window of a node over an input whose image has this size; one dimension is the width of a single row.

    Raises:
        Refusal: where an attribute does not fit.
    """
    rank = len(size)
    if len(kernel) != rank or min(kernel, default=1) < 1:
        raise Refusal(f"a window of {list(kernel)} over {list(size)}; accepted: a size of 1 and more per dimension")
    stride = steps(op, "strides", rank)
    dilation = steps(op, "dilations", rank)
    before, after = pads(op, size, kernel, stride, dilation)
    ceil = op.int_attr("ceil_mode", 0) != 0
    geometry = zip(size, kernel, stride, dilation, before, after, strict=True)
    behind = tuple(_behind(*numbers, ceil=ceil) for numbers in geometry)
    steps_ = as_pair(kernel, 1), as_pair(stride, 1), as_pair(dilation, 1)
    return Window(*steps_, as_pair(before, 0), as_pair(after, 0), as_pair(behind, 0))


def as_pair(values: Shape, fill: int) -> Pair:
    """Rows and columns; of a line there is one row."""
    rows, cols = (*(fill,) * (2 - len(values)), *values)
    return rows, cols


def _behind(size: int, kernel: int, stride: int, dilation: int, before: int, after: int, *, ceil: bool) -> int:
    """How far the last window reaches beyond the image.

    Where counts are rounded up, a further window counts if it begins before the end of the image.
    """
    count = output_size(size, kernel, stride, dilation, before + after)
    reach = (kernel - 1) * dilation + 1
    if ceil and size + before + after >= reach:
        count = -(-(size + before + after - reach) // stride) + 1
        if (count - 1) * stride >= size + before:
            count -= 1
    return max(0, (count - 1) * stride + reach - size - before) if count > 0 else after


def steps(op: OpContext, name: str, rank: int) -> Shape:
    """An attribute of one positive number per dimension; 1 where it is missing."""
    values = op.ints_attr(name, (1,) * rank)
    if len(values) != rank or not all(1 <= v <= _LARGEST_STEP for v in values):
        raise Refusal(f"{name} {list(values)}; accepted: {rank} numbers of 1 to {_LARGEST_STEP}")
    return values


def pads(op: OpContext, size: Shape, kernel: Shape, stride: Shape, dilation: Shape) -> tuple[Shape, Shape]:
    """Elements before and after each dimension."""
    scheme = op.string_attr("auto_pad", "NOTSET") or "NOTSET"
    rank = len(size)
    if scheme == "VALID":
        return (0,) * rank, (0,) * rank
    if scheme == "NOTSET":
        return explicit_pads(op, rank)
    totals = [
        max(0, (-(-n // s) - 1) * s + (k - 1) * d + 1 - n)
        for n, k, s, d in zip(size, kernel, stride, dilation, strict=True)
    ]
    return same_pads(scheme, tuple(totals))


def explicit_pads(op: OpContext, rank: int) -> tuple[Shape, Shape]:
    """What the attribute `pads` says; nothing where it is missing."""
    values = op.ints_attr("pads", (0,) * (2 * rank))
    if len(values) != 2 * rank or min(values, default=0) < 0:
        raise Refusal(f"pads {list(values)}; accepted: {2 * rank} numbers of 0 and more")
    return values[:rank], values[rank:]


def same_pads(scheme: str, totals: Shape) -> tuple[Shape, Shape]:
    """Halves of each total; where it is odd, the larger half comes last (SAME_UPPER) or first (SAME_LOWER)."""
    if scheme not in ("SAME_UPPER", "SAME_LOWER"):
        raise Refusal(f"auto_pad {scheme}; accepted: NOTSET, SAME_UPPER, SAME_LOWER, VALID")
    smaller, larger = tuple(t // 2 for t in totals), tuple(t - t // 2 for t in totals)
    return (smaller, larger) if scheme == "SAME_UPPER" else (larger, smaller)
