"""Which kernels are taken for which goal."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from edgeq.goals import Goal, settle
from edgeq.kernels import KERNELS
from edgeq.memory import Plan
from edgeq.ops.op import Params
from edgeq.select import Choice, Option


@dataclass(frozen=True)
class _NoParams(Params):
    """Nothing."""


def _option(name: str, cycles: float, memory: int, constants: int, code: int = 0) -> Option:
    kernel = replace(KERNELS[0], name=name)
    return Option(kernel, _NoParams(), memory, None, memory, constants, cycles, code)


def _choice(*options: Option) -> Choice:
    return Choice(options[0], options)


def _plan(base: int) -> object:
    """An arena of `base` bytes beside what the neediest kernel needs."""

    def plan(choices: Sequence[Choice]) -> Plan:
        needs = [choice.taken.memory for choice in choices]
        size = base + max(needs)
        nothing = (None,) * len(choices)
        return Plan(size, 4, size, {}, nothing, (False,) * len(choices), needs.index(max(needs)), 0, ())

    return plan


FAST, MIDDLE, SMALL = (
    _option("fast", 1, 4000, 900, 5000),
    _option("middle", 2, 900, 300, 900),
    _option("small", 9, 0, 250),
)
LAYER = _choice(FAST, MIDDLE, SMALL)


@pytest.mark.parametrize(
    ("goal", "base", "taken"),
    [
        (Goal.SPEED, 100, "fast"),
        (Goal.SIZE, 100, "small"),
        (Goal.RAM, 100, "small"),
        (Goal.BALANCED, 100, "middle"),  # fits into the KiB that balanced may spend
    ],
)
def test_one_layer(goal: Goal, base: int, taken: str) -> None:
    (choice,) = settle([LAYER], goal, _plan(base))
    assert choice.taken.kernel.name == taken
    assert choice.options == LAYER.options


def test_only_what_makes_the_peak_becomes_slower() -> None:
    """The second layer needs little memory whichever kernel it takes."""
    cheap = _choice(_option("fast", 1, 500, 100), _option("small", 9, 0, 100))
    needy = _choice(_option("fast", 1, 900, 100), _option("small", 9, 500, 100))
    first, second = settle([needy, cheap], Goal.RAM, _plan(100))
    assert (first.taken.kernel.name, second.taken.kernel.name) == ("small", "fast")


def test_constants_are_saved_where_that_costs_the_fewest_cycles() -> None:
    """Balanced may spend 16 KiB on constants, which one of the layers can have."""
    dear = _choice(_option("fast", 100, 0, 13_000), _option("small", 900, 0, 1_000))
    cheap = _choice(_option("fast", 100, 0, 13_000), _option("small", 200, 0, 1_000))
    for layers in ([dear, cheap], [cheap, dear]):
        taken = {choice.taken.cycles for choice in settle(layers, Goal.BALANCED, _plan(0))}
        assert taken == {100, 200}
    assert [c.taken.cycles for c in settle([dear], Goal.BALANCED, _plan(0))] == [100]


def test_what_has_no_price_is_not_taken_to_save_constants() -> None:
    unpriced = replace(_option("unpriced", 0, 0, 0), cycles=None)
    layer = _choice(_option("fast", 1, 0, 30_000), _option("small", 9, 0, 10_000), unpriced)
    (choice,) = settle([layer], Goal.BALANCED, _plan(0))
    assert choice.taken.kernel.name == "small"


def test_code_counts_once_however_many_layers_share_it() -> None:
    lean = _option("lean", 1, 0, 100, 1000)
    plain = _option("plain", 9, 0, 300, 500)
    one = settle([_choice(lean, plain)], Goal.SIZE, _plan(0))
    many = settle([_choice(lean, plain)] * 3, Goal.SIZE, _plan(0))
    assert [c.taken.kernel.name for c in one] == ["plain"]
    assert [c.taken.kernel.name for c in many] == ["lean"] * 3


def test_nothing_is_planned_where_there_is_no_choice() -> None:
    def plan(_: Sequence[Choice]) -> Plan:
        raise AssertionError

    assert settle([_choice(FAST)], Goal.RAM, plan) == [_choice(FAST)]


def test_layers_in_a_row_get_kernels_that_need_memory_only_for_themselves() -> None:
    """What an output does not lie over its input adds up from layer to layer; scratch memory serves one at a time."""
    ahead = _option("ahead", 1, 60, 0)
    ahead = replace(ahead, scratch=0)
    scratch = _option("scratch", 1, 100, 0)
    layers = [_choice(ahead, scratch)] * 4

    def plan(choices: Sequence[Choice]) -> Plan:
        taken = [choice.taken for choice in choices]
        size = 1000 + sum(o.memory - o.scratch for o in taken) + max(o.scratch for o in taken)
        nothing = (None,) * len(choices)
        return Plan(size, 4, 1000, {}, nothing, (False,) * len(choices), 0, 0, ())

    assert [c.taken.kernel.name for c in settle(layers, Goal.RAM, plan)] == ["scratch"] * 4
