"""What a build is made small or short in, and how that settles which kernels are taken.

speed      the kernel with the fewest cycles, whatever memory it takes
ram        the fastest kernels with which the arena is as small as it can be
balanced   the fastest kernels with which the arena is at most 1/8 larger than it could be, and the constants 1/2
size       the least code and constants
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import Enum

from edgeq.memory import Plan
from edgeq.select import Choice, Option

_ARENA_SHARE, _ARENA_BYTES = 1 / 8, 2048
_CONSTANTS_SHARE, _CONSTANTS_BYTES = 1 / 2, 16384
"""By how much balanced lets a memory grow: by this share of the least, at least by these bytes."""

Planner = Callable[[Sequence[Choice]], Plan]
"""The plan of the memory with these kernels."""


class Goal(Enum):
    """What a build is made small or short in."""

    SPEED = "speed"
    BALANCED = "balanced"
    SIZE = "size"
    RAM = "ram"


def settle(choices: Sequence[Choice], goal: Goal, plan: Planner) -> list[Choice]:
    """The choices of all nodes, of the kernels with the fewest cycles, changed to what a goal asks for."""
    if goal is Goal.SPEED:
        return list(choices)
    if goal is Goal.SIZE:
        return _smallest(choices)
    if goal is Goal.BALANCED:
        choices = _with_few_constants(choices)
    return _within(choices, plan, goal)


def _smallest(choices: Sequence[Choice]) -> list[Choice]:
    """For each set of kernels that choices are between, the one whose code and constants together are the least."""
    flash: Counter[tuple[tuple[str, ...], str]] = Counter()
    for choice in choices:
        for option in choice.options:
            flash[_names(choice), option.kernel.name] += option.constants
    for names, kernel in flash:
        codes = (o.code or 0 for c in choices if _names(c) == names for o in c.options if o.kernel.name == kernel)
        flash[names, kernel] += next(codes)
    return [taking(c, min(c.options, key=lambda o: flash[_names(c), o.kernel.name])) for c in choices]


def _names(choice: Choice) -> tuple[str, ...]:
    return tuple(sorted(option.kernel.name for option in choice.options))


def _with_few_constants(choices: Sequence[Choice]) -> list[Choice]:
    """The choices, with other kernels where a byte of constants saves the fewest cycles, until all are few enough."""
    settled = list(choices)
    least = sum(min(option.constants for option in choice.options) for choice in choices)
    excess = sum(choice.taken.constants for choice in choices) - least
    excess -= int(max(_CONSTANTS_BYTES, least * _CONSTANTS_SHARE))
    while excess > 0:
        shorter = [(i, o) for i, c in enumerate(settled) for o in c.options if o.constants < c.taken.constants]
        index, option = min(shorter, key=lambda found: _cycles_per_byte(settled[found[0]].taken, found[1]))
        excess -= settled[index].taken.constants - option.constants
        settled[index] = taking(settled[index], option)
    return settled


def _cycles_per_byte(taken: Option, other: Option) -> float:
    """What another kernel costs for each byte of constants that it saves; endless where it has no price."""
    if taken.cycles is None or other.cycles is None:
        return math.inf
    return (other.cycles - taken.cycles) / (taken.constants - other.constants)


def _within(choices: Sequence[Choice], plan: Planner, goal: Goal) -> list[Choice]:
    """The choices, changed where the memory is largest until the arena is small enough, or nothing makes it smaller."""
    if all(len(choice.options) == 1 for choice in choices):
        return list(choices)
    leanest = min((_slimmed(lean, plan) for lean in _lean(choices)), key=lambda lean: plan(lean).size)
    limit: float = plan(leanest).size
    if goal is Goal.BALANCED:
        limit += max(_ARENA_BYTES, limit * _ARENA_SHARE)
    settled = list(choices)
    while True:
        planned = plan(settled)
        if planned.size <= limit:
            return settled
        leaner = _leaner(settled[planned.peak])
        if leaner is None:
            return _faster(leanest, plan, limit)
        settled[planned.peak] = leaner


def _lean(choices: Sequence[Choice]) -> tuple[list[Choice], list[Choice]]:
    """The kernels that take the least memory, each for itself, and in a row.

    Scratch memory serves all layers, one after the other; by what an output does not lie over its input, values in a
    row come to lie further and further ahead.
    """
    alone = [taking(c, min(c.options, key=lambda o: o.memory)) for c in choices]
    in_a_row = [taking(c, min(c.options, key=lambda o: (o.memory - o.scratch, o.scratch))) for c in choices]
    return alone, in_a_row


def _slimmed(choices: Sequence[Choice], plan: Planner) -> list[Choice]:
    """The choices, with other kernels where the memory is largest as long as that makes the arena smaller."""
    settled, planned = list(choices), plan(choices)
    while True:
        peak = planned.peak
        tries = [[*settled[:peak], taking(settled[peak], o), *settled[peak + 1 :]] for o in settled[peak].options]
        plans = [plan(tried) for tried in tries]
        best = min(range(len(plans)), key=lambda i: plans[i].size)
        if plans[best].size >= planned.size:
            return settled
        settled, planned = tries[best], plans[best]


def _faster(choices: Sequence[Choice], plan: Planner, limit: float) -> list[Choice]:
    """The choices, with faster kernels wherever the arena stays small enough."""
    settled = list(choices)
    for index, choice in enumerate(choices):
        for option in choice.options[: choice.options.index(choice.taken)]:
            tried = [*settled[:index], taking(choice, option), *settled[index + 1 :]]
            if plan(tried).size <= limit:
                settled = tried
                break
    return settled


def _leaner(choice: Choice) -> Choice | None:
    """The fastest kernel that takes less memory than the one taken."""
    better = [option for option in choice.options if option.memory < choice.taken.memory]
    return taking(choice, better[0]) if better else None


def taking(choice: Choice, option: Option) -> Choice:
    """The same choice, with another outcome."""
    return replace(choice, taken=option)
