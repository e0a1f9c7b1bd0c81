"""What a layout of one operand of an op means for its other operands: one rule per kind of op.

A rule is asked: with this layout at this place (an input's index, or None for the output), how can the op work? It
answers with the layouts at all places and the attributes that go with them. Without a rule, or where a rule has no
answer, an op works on values as they are.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from edgeq.ir import Shape, TensorType
from edgeq.ops.arg_max import ArgMaxAttrs
from edgeq.ops.batch_matmul import BatchMatmulAttrs
from edgeq.ops.binary import BinaryAttrs
from edgeq.ops.broadcast import BroadcastAttrs
from edgeq.ops.concat import ConcatAttrs
from edgeq.ops.dense import DenseAttrs
from edgeq.ops.elementwise import ArithmeticAttrs
from edgeq.ops.gather import GatherAttrs
from edgeq.ops.l2_normalize import L2NormalizeAttrs
from edgeq.ops.lookup import UnaryAttrs
from edgeq.ops.mirror_pad import MirrorPadAttrs
from edgeq.ops.pad import PadAttrs
from edgeq.ops.quantize import DequantizeAttrs, QuantizeAttrs
from edgeq.ops.reduce import ReduceAttrs
from edgeq.ops.requantize import RequantizeAttrs
from edgeq.ops.reshape import ReshapeAttrs
from edgeq.ops.slice import SliceAttrs
from edgeq.ops.softmax import LogSoftmaxAttrs, SoftmaxAttrs
from edgeq.ops.transpose import TransposeAttrs
from edgeq.passes.layout.order import Layout, completed
from edgeq.passes.layout.reshapes import backward, forward


@dataclass(frozen=True)
class Site:
    """What a rule may look at.

    Attributes:
        attrs: of the op.
        inputs: types of the inputs, None for absent ones.
        output: type of the output.
        free: which inputs are made of constants whose columns may be in any order.
    """

    attrs: Any
    inputs: tuple[TensorType | None, ...]
    output: TensorType
    free: tuple[bool, ...]

    def shape(self, index: int) -> Shape:
        """The shape of an input that is there."""
        type_ = self.inputs[index]
        assert type_ is not None
        return type_.shape


@dataclass(frozen=True)
class Choice:
    """How an op works.

    Attributes:
        output: layout of its output.
        inputs: layout that it wants each input in; None for absent ones.
        attrs: its attributes then.
        shapes: for each input the shape that what is stored has to be reshaped to first, or None.
    """

    output: Layout
    inputs: tuple[Layout | None, ...]
    attrs: Any
    shapes: tuple[Shape | None, ...] = ()


Place = int | None
"""Index of an input, or None for the output."""

Rule = Callable[[Site, Place, Layout], Choice | None]


def choose(site: Site, place: Place, layout: Layout) -> Choice | None:
    """How an op works with this layout at this place; None where it cannot."""
    rule = next((_RULES[c] for c in type(site.attrs).__mro__ if c in _RULES), None)
    choice = rule(site, place, layout) if rule else None
    if choice is None or choice.output.type(site.output) is None:
        return None
    pairs = zip(choice.inputs, site.inputs, strict=True)
    if any(wanted and type_ and wanted.type(type_) is None for wanted, type_ in pairs):
        return None
    return choice


def unchanged(site: Site) -> Choice:
    """How an op works on values as they are."""
    inputs = tuple(Layout.plain(len(t.shape)) if t else None for t in site.inputs)
    if isinstance(site.attrs, TransposeAttrs):
        inputs = (Layout(site.attrs.perm),)
    return Choice(Layout.plain(len(site.output.shape)), inputs, site.attrs)


def _others_plain(site: Site, first: Layout, output: Layout, attrs: Any) -> Choice:
    """The first input in a layout, the others as they are."""
    others = tuple(Layout.plain(len(t.shape)) if t else None for t in site.inputs[1:])
    return Choice(output, (first, *others), attrs)


def _elementwise(site: Site, place: Place, layout: Layout) -> Choice | None:
    return _others_plain(site, layout, layout, site.attrs) if place in (None, 0) else None


def _dequantize(site: Site, place: Place, layout: Layout) -> Choice | None:
    """Factors of groups of constants stay with these."""
    return _elementwise(site, place, layout) if len(site.inputs) == 1 else None


def _broadcasting(site: Site, place: Place, layout: Layout) -> Choice | None:
    """All operands in the order of the output, those of lower rank in what is left of that order."""
    rank = len(site.output.shape)
    if place is not None:
        if site.inputs[place] is None or site.shape(place) != site.output.shape[-len(site.shape(place)) :]:
            return None
        if _size(site.shape(place)) != site.output.size:
            return None
        new = rank - len(layout.perm)
        layout = Layout((*range(new), *(p + new for p in layout.perm)), layout.columns)
    wanted: list[Layout | None] = []
    shapes: list[Shape | None] = []
    for type_ in site.inputs:
        shape = type_.shape if type_ else ()
        new = rank - len(shape)
        own = tuple(p - new for p in layout.perm if p >= new)
        repeated = not shape or shape[-1] == 1
        wanted.append(Layout(own, None if repeated else layout.columns) if type_ else None)
        leads = all(p < new for p in layout.perm[:new])
        padded = tuple(1 if p < new else shape[p - new] for p in layout.perm)
        shapes.append(None if leads or _size(shape) == 1 else padded)
    attrs = site.attrs
    if isinstance(attrs, BroadcastAttrs):
        attrs = BroadcastAttrs(layout.shape(attrs.shape))
    return Choice(layout, tuple(wanted), attrs, tuple(shapes))


def _size(shape: Shape) -> int:
    size = 1
    for n in shape:
        size *= n
    return size


def _concat(site: Site, _: Place, layout: Layout) -> Choice | None:
    if layout.columns:
        return None
    attrs = ConcatAttrs(layout.perm.index(site.attrs.axis))
    return Choice(layout, (layout,) * len(site.inputs), attrs)


def _per_dimension(site: Site, place: Place, layout: Layout) -> Choice | None:
    """Pads and slices, whose attributes are shapes: a number per dimension."""
    if layout.columns or place not in (None, 0):
        return None
    fields = {name: value for name, value in vars(site.attrs).items() if isinstance(value, tuple)}
    attrs = replace(site.attrs, **{name: layout.shape(value) for name, value in fields.items()})
    return _others_plain(site, layout, layout, attrs)


def _reduce(site: Site, place: Place, layout: Layout) -> Choice | None:
    axes, rank = site.attrs.axes, len(site.shape(0))
    if layout.columns:
        return None
    if site.attrs.keep_dims:
        return Choice(layout, (layout,), replace(site.attrs, axes=layout.place(axes)))
    inner, outer = _without(axes, rank, place, layout)
    return Choice(outer, (inner,), replace(site.attrs, axes=inner.place(axes)))


def _without(axes: tuple[int, ...], rank: int, place: Place, layout: Layout) -> tuple[Layout, Layout]:
    """Layouts of a value, and of what is left of it without some of its dimensions; one of the two is given."""
    kept = [d for d in range(rank) if d not in axes]
    if place is None:
        return Layout(completed(tuple(kept[p] for p in layout.perm), rank)), layout
    return layout, Layout(tuple(kept.index(p) for p in layout.perm if p in kept))


def _arg_max(site: Site, place: Place, layout: Layout) -> Choice | None:
    if layout.columns:
        return None
    inner, outer = _without((site.attrs.axis,), len(site.shape(0)), place, layout)
    return Choice(outer, (inner,), ArgMaxAttrs(inner.perm.index(site.attrs.axis)))


def _gather(site: Site, place: Place, layout: Layout) -> Choice | None:
    axis, rank = site.attrs.axis, len(site.shape(0))
    if layout.columns or place == 1 or site.attrs.batch_dims or len(site.shape(1)) > 1:
        return None
    scalar = not site.shape(1)
    inner, outer = _without((axis,), rank, place, layout) if scalar else (layout, layout)
    return _others_plain(site, inner, outer, GatherAttrs(inner.perm.index(axis)))


def _last_stays(site: Site, place: Place, layout: Layout) -> Choice | None:
    """Ops on rows along the last dimension."""
    if layout.columns or place not in (None, 0) or layout.perm[-1] != len(layout.perm) - 1:
        return None
    return _others_plain(site, layout, layout, site.attrs)


def _dense(site: Site, place: Place, layout: Layout) -> Choice | None:
    """Rows in any order; the order within a row is that of the weights' columns."""
    if place not in (None, 0) or layout.perm[-1] != len(layout.perm) - 1:
        return None
    if layout.columns and (place is None or not site.free[1]):
        return None
    choice = _others_plain(site, layout, Layout(layout.perm), site.attrs)
    weights = Layout((0, 1), layout.columns)
    return replace(choice, inputs=(layout, weights, *choice.inputs[2:]))


def _batch_matmul(site: Site, _: Place, layout: Layout) -> Choice | None:
    """The order of the batches may change; a constant matrix of rank 2 is the same for all of them."""
    rank = len(layout.perm)
    if layout.columns or layout.perm[-2:] != (rank - 2, rank - 1) or rank != len(site.output.shape):
        return None
    ranks = [len(site.shape(i)) for i in (0, 1)]
    if any(r not in (2, rank) for r in ranks):
        return None
    return Choice(layout, tuple(layout if r == rank else Layout.plain(2) for r in ranks), site.attrs)


def _transpose(site: Site, place: Place, layout: Layout) -> Choice | None:
    perm = site.attrs.perm
    if layout.columns:
        return None
    if place is None:
        return Choice(layout, (Layout(tuple(perm[p] for p in layout.perm)),), site.attrs)
    return Choice(Layout(tuple(perm.index(p) for p in layout.perm)), (layout,), site.attrs)


def _reshape(site: Site, place: Place, layout: Layout) -> Choice | None:
    before, after = site.shape(0), site.output.shape
    inner = backward(before, after, layout) if place is None else layout
    outer = layout if place is None else forward(before, after, layout)
    if inner is None or outer is None:
        return None
    return Choice(outer, (inner,), ReshapeAttrs(outer.shape(after)))


_RULES: dict[type, Rule] = {
    ArgMaxAttrs: _arg_max,
    ArithmeticAttrs: _broadcasting,
    BatchMatmulAttrs: _batch_matmul,
    BinaryAttrs: _broadcasting,
    BroadcastAttrs: _broadcasting,
    ConcatAttrs: _concat,
    DenseAttrs: _dense,
    DequantizeAttrs: _dequantize,
    GatherAttrs: _gather,
    L2NormalizeAttrs: _last_stays,
    LogSoftmaxAttrs: _last_stays,
    MirrorPadAttrs: _per_dimension,
    PadAttrs: _per_dimension,
    QuantizeAttrs: _elementwise,
    ReduceAttrs: _reduce,
    RequantizeAttrs: _elementwise,
    ReshapeAttrs: _reshape,
    SliceAttrs: _per_dimension,
    SoftmaxAttrs: _last_stays,
    TransposeAttrs: _transpose,
    UnaryAttrs: _elementwise,
}
"""By the class of the op's attributes, or a class that it is made from."""
