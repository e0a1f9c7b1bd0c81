"""The order of the steps: never worse than the given one, and the best of all where all can be tried."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import permutations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeq.memory import Problem, Step, arrange, plan

_settings = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


def _branches(*widths: int) -> Problem:
    """From x a branch per width, that many bytes wide and 8 at its end; all ends are read by y, branch after branch."""
    sizes = {"x": 8, "y": 8} | {f"w{i}": w for i, w in enumerate(widths)} | {f"e{i}": 8 for i in range(len(widths))}
    wide = [Step(("x",), (f"w{i}",)) for i in range(len(widths))]
    narrow = [Step((f"w{i}",), (f"e{i}",)) for i in range(len(widths))]
    ends = tuple(f"e{i}" for i in range(len(widths)))
    return Problem(sizes, [*wide, *narrow, Step(ends, ("y",))], ["x"], ["y"])


def test_branches_run_one_after_the_other_the_widest_first() -> None:
    problem = _branches(100, 200, 300)
    order, found = arrange(problem)
    assert plan(problem).size == 8 + 600
    assert found.size == 8 + 300 + 8  # the widest first: no other branch has left its end yet
    assert order[:2] == (2, 5)


def test_the_order_stays_where_none_is_better() -> None:
    problem = _branches(100)
    order, found = arrange(problem)
    assert order == (0, 1, 2)
    assert found == plan(problem)


def test_many_branches_are_ordered_too() -> None:
    """More sets of steps than are looked at: 2^20 ways to have begun."""
    problem = _branches(*(100 + 8 * i for i in range(20)))
    _, found = arrange(problem)
    assert found.size <= 100 + 8 * 19 + 8 * 21 + 8


@st.composite
def _nets(draw: st.DrawFn) -> Problem:
    """Up to five steps that read any values made before, with overlaps."""
    sizes, steps = {"v0": 4 * draw(st.integers(1, 8))}, []
    for index in range(draw(st.integers(2, 5))):
        reads = tuple(draw(st.lists(st.sampled_from(list(sizes)), min_size=1, max_size=2, unique=True)))
        overlap = tuple(draw(st.none() | st.integers(0, 8)) for _ in reads)
        output = f"v{index + 1}"
        if draw(st.integers(0, 4)) == 0:
            sizes[output] = sizes[reads[0]]
            steps.append(Step(reads[:1], (output,), aliases=(0,)))
        else:
            sizes[output] = 4 * draw(st.integers(1, 8))
            steps.append(Step(reads, (output,), scratch=draw(st.sampled_from([0, 0, 12])), overlap=overlap))
    return Problem(sizes, steps, ["v0"], [f"v{len(steps)}"])


@settings(_settings, max_examples=100)
@given(problem=_nets())
def test_no_order_has_a_lower_bound_below(problem: Problem) -> None:
    order, found = arrange(problem)
    again = replace(problem, steps=[problem.steps[i] for i in order])
    assert found == plan(again)
    assert found.lower_bound == min(plan(o).lower_bound for o in _orders(problem))


def _orders(problem: Problem) -> Iterator[Problem]:
    """The problem with its steps in every order in which each value is made before it is read."""
    for steps in permutations(problem.steps):
        if _runs(problem.inputs, steps):
            yield replace(problem, steps=steps)


def _runs(inputs: Sequence[str], steps: Sequence[Step]) -> bool:
    made = set(inputs)
    for step in steps:
        if not made.issuperset(step.reads):
            return False
        made.update(step.writes)
    return True
