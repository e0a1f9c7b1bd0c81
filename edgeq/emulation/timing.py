"""How many cycles instructions take on a core: a table per family in targets/timing, and the rules that read it.

The rules are those of Arm's technical reference manuals; what a core does not do costs it nothing, as its table has the
same figure for the special case as for the plain one.
"""

from collections.abc import Mapping

from edgeq.emulation.instruction import Instruction, Kind
from edgeq.targets import Timing

_MEMORY = frozenset({Kind.LOAD, Kind.STORE, Kind.STORE_REGISTER, Kind.MULTIPLE, Kind.LOAD_PC})
_VECTORS = frozenset({Kind.VECTOR, Kind.VECTOR_MEMORY})
_MULTIPLIES = frozenset({Kind.MULTIPLY, Kind.MULTIPLY_ADD, Kind.MULTIPLY_LONG, Kind.MULTIPLY_ADD_LONG})
_ALONE = frozenset({Kind.DIVIDE, Kind.MULTIPLE, Kind.LOAD_PC, Kind.TABLE_BRANCH, Kind.BARRIER, Kind.IT})


def price(instruction: Instruction, before: Instruction | None, timing: Timing) -> int:
    """Cycles of one instruction behind another; a conditional branch counts as not taken.

    Args:
        instruction: what is executed.
        before: what was executed before it; None: not known.
        timing: of the core.
    """
    cycles = timing.cycles
    kind = instruction.kind
    stall = cycles["address_stall"] if _waits_for_address(instruction, before) else 0
    if before is not None and before.kind is Kind.LOAD and before.results & (instruction.reads | instruction.base):
        stall += cycles["load_use"]
    if kind is Kind.MULTIPLE:
        jump = cycles["multiple_pc"] if instruction.jumps else 0
        return cycles["multiple"] + instruction.count * cycles["multiple_each"] + jump + stall
    if kind is Kind.BRANCH_CONDITIONAL:
        return cycles["branch_not_taken"]
    return _special(instruction, before, cycles) + stall


def jump_price(instruction: Instruction, target: int, timing: Timing) -> int:
    """Cycles that a block's last instruction takes beyond its price because `target` follows it."""
    if instruction.kind is Kind.BRANCH_CONDITIONAL and target != instruction.end:
        return timing.cycles["branch_taken"] - timing.cycles["branch_not_taken"]
    return 0


def pairs(instruction: Instruction, before: Instruction | None) -> bool:
    """Whether a core that issues two instructions at once could issue these two: an approximation.

    They do not depend on each other, and no two of them multiply, access memory or jump.
    """
    if before is None or before.kind.ends_block or before.address + before.size != instruction.address:
        return False
    kinds = (before.kind, instruction.kind)
    if any(k in _ALONE or k in _VECTORS for k in kinds):
        return False
    if any(all(k in group for k in kinds) for group in (_MEMORY, _MULTIPLIES)):
        return False
    return not before.results & (instruction.reads | instruction.base | instruction.results)


def _special(instruction: Instruction, before: Instruction | None, cycles: Mapping[str, int]) -> int:
    """The price by kind, where the instruction before may matter."""
    kind = instruction.kind
    after_load = before is not None and before.kind is Kind.LOAD and not before.results & instruction.base
    if kind is Kind.LOAD and after_load:
        return cycles["load_after_load"]
    if kind is Kind.STORE_REGISTER and after_load:
        return cycles["store_register_after_load"]
    if kind is Kind.IT and before is not None and before.size == 2:
        return cycles["it_after_narrow"]
    if kind in _VECTORS and before is not None and before.kind in _VECTORS and before.kind is not kind:
        return cycles["vector_overlapped"]
    return cycles[kind.value]


def _waits_for_address(instruction: Instruction, before: Instruction | None) -> bool:
    if before is None or before.kind in _MEMORY or instruction.kind not in _MEMORY:
        return False
    return bool(before.results & instruction.base)
