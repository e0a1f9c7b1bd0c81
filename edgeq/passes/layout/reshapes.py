"""Layouts across a reshape: its dimensions fall into blocks, in which some before hold the elements of some after.

    [1, 12, 8, 8] to [1, 3, 4, 64]:   12 = 3 * 4 and 8 * 8 = 64

A layout goes through where the dimensions of each block stay together in their order.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from edgeq.ir import Shape
from edgeq.passes.layout.order import Columns, Layout, completed


@dataclass(frozen=True)
class _Block:
    """Neighbouring dimensions before, and those with the same elements after; none of size 1."""

    before: tuple[int, ...]
    after: tuple[int, ...]


def _blocks(before: Shape, after: Shape) -> list[_Block]:
    """The smallest blocks, in order."""
    left = [[d for d, n in enumerate(shape) if n > 1] for shape in (before, after)]
    blocks: list[_Block] = []
    while left[0]:
        taken: tuple[list[int], list[int]] = ([left[0].pop(0)], [left[1].pop(0)])
        while (m := math.prod(before[d] for d in taken[0])) != (n := math.prod(after[d] for d in taken[1])):
            side = int(n < m)
            taken[side].append(left[side].pop(0))
        blocks.append(_Block(tuple(taken[0]), tuple(taken[1])))
    return blocks


def forward(before: Shape, after: Shape, layout: Layout) -> Layout | None:
    """The layout of a reshape's output for that of its input; None where there is none."""
    if layout.columns:
        return None
    blocks = _blocks(before, after)
    order = layout.moved(before)
    found = _cut(order, [b.before for b in blocks])
    if found is not None:
        return Layout(completed(tuple(d for i in found for d in blocks[i].after), len(after)))
    return _columns(blocks, order, before, after)


def backward(before: Shape, after: Shape, layout: Layout) -> Layout | None:
    """The layout of a reshape's input for that of its output; None where there is none."""
    blocks = _blocks(before, after)
    found = _cut(layout.moved(after), [b.after for b in blocks])
    if found is None:
        return None
    dimensions = [blocks[i].before for i in found]
    if layout.columns:
        last = blocks[-1]
        factors = tuple(before[d] for d in last.before)
        if last.after != (len(after) - 1,) or layout.columns.factors != factors:
            return None
        dimensions[-1] = tuple(last.before[i] for i in layout.columns.order)
    return Layout(completed(tuple(d for group in dimensions for d in group), len(before)))


def _cut(order: Sequence[int], groups: Sequence[tuple[int, ...]]) -> list[int] | None:
    """The groups in the order in which they follow one another; None where one is torn apart."""
    found: list[int] = []
    place = 0
    while place < len(order):
        index = next((i for i, g in enumerate(groups) if g[0] == order[place]), None)
        if index is None or tuple(order[place : place + len(groups[index])]) != groups[index]:
            return None
        found.append(index)
        place += len(groups[index])
    return found


def _columns(blocks: list[_Block], order: Sequence[int], before: Shape, after: Shape) -> Layout | None:
    """Where only the dimensions that become the last one are in another order, that is an order of columns."""
    *leading, last = blocks
    count = len(order) - len(last.before)
    found = _cut(order[:count], [b.before for b in leading])
    if found is None or last.after != (len(after) - 1,) or sorted(order[count:]) != list(last.before):
        return None
    columns = Columns(tuple(before[d] for d in last.before), tuple(last.before.index(d) for d in order[count:]))
    perm = completed((*(d for i in found for d in leading[i].after), *last.after), len(after))
    return Layout(perm, columns) if perm[-1] == len(after) - 1 else None
