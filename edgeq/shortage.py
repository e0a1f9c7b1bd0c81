"""Why a network does not fit: what makes the peak of its memory, in words."""

import math
from collections.abc import Iterator
from fractions import Fraction

from edgeq.memory import Block
from edgeq.program import Program


def arena_shortage(program: Program, available: int) -> str | None:
    """The sentence that says which tensors and layers make the peak, and what would fit; None where the arena fits.

    Args:
        program: a compiled network.
        available: bytes that the arena may have.
    """
    plan = program.plan
    if plan.size <= available:
        return None
    layer = program.layers[plan.peak]
    parts = [_part(program, block) for block in plan.live_at_peak]
    shared = f"; {plan.shared:,} of these bytes serve two of them" if plan.shared else ""
    found = (
        f"the arena takes {plan.size:,} bytes, {plan.size - available:,} too many: at its peak, layer {layer.index}"
        f" ({layer.node.label}), it holds {'; '.join(parts)}{shared}"
    )
    return f"{found}; accepted: {', or '.join(_remedies(program, available))}"


def _part(program: Program, block: Block) -> str:
    """A block of the peak: its tensors, the layer that makes them, its bytes."""
    if not block.values:
        return f"scratch memory, {block.size:,} bytes"
    value = max(block.values, key=lambda v: program.graph.types[v].bytes)
    origin, maker = program.graph.origins.get(value), program.graph.producers.get(value)
    # Converters join the names of all operators that they fused.
    name = origin.name.partition(";")[0] if origin and origin.name else f"%{value}"
    shape = ",".join(map(str, program.graph.types[value].shape))
    source = f"of {maker.label}" if maker else "the input"
    return f'"{name}" [{shape}], {source}, {block.size:,} bytes'


def _remedies(program: Program, available: int) -> Iterator[str]:
    """What would fit."""
    yield f"up to {available:,} bytes"
    share = _side(program, available)
    if share:
        yield f"images of about {share} % of the height and width"
    peak = program.plan.peak
    last_read = {v: i for i, layer in enumerate(program.layers) for v in layer.node.inputs}
    if program.keeps_inputs and any(last_read.get(v, peak) < peak for v in program.graph.inputs):
        yield "inputs that need not be kept"


def _side(program: Program, available: int) -> int:
    """To how many percent of their sides the images of the peak have to shrink; 0 where that is not enough."""
    plan, types = program.plan, program.graph.types
    live = [block for block in plan.live_at_peak if any(len(types[v].shape) == 4 for v in block.values)]
    images = sum(block.size for block in live) - plan.shared
    others = plan.size - images
    area = Fraction(available - others, images) if images > 0 else Fraction(0)
    return math.isqrt(int(max(area, Fraction(0)) * 10_000))
