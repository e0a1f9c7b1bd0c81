"""The planner against an independent check: plans are carried out byte by byte, every read finds what was written."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeq.memory import ALIGNMENT, Plan, Step, plan

_settings = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


@dataclass
class Problem:
    """Arguments of `plan`."""

    sizes: dict[str, int] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    keep_inputs: bool = False

    def plan(self) -> Plan:
        return plan(self.sizes, self.steps, self.inputs, self.outputs, keep_inputs=self.keep_inputs)


def _carry_out(problem: Problem, made: Plan) -> None:
    """Run the steps of a plan; every read, and the outputs in the end, must find what was written."""
    run = _Run(problem, made, [None] * made.size)
    for value in problem.inputs:
        run.write(value)
    for index in range(len(problem.steps)):
        run.step(index)
    for value in [*problem.outputs, *(problem.inputs if problem.keep_inputs else ())]:
        run.require(value)


@dataclass
class _Run:
    """An arena whose bytes are tokens (value, index); views have the tokens of what they view."""

    problem: Problem
    made: Plan
    arena: list[Any]
    contents: dict[str, list[Any]] = field(default_factory=dict)

    def write(self, value: str) -> None:
        begin, size = self.made.offsets[value], self.problem.sizes[value]
        assert 0 <= begin <= begin + size <= self.made.size, f"{value} lies outside the arena"
        self.contents[value] = [(value, i) for i in range(size)]
        self.arena[begin : begin + size] = self.contents[value]

    def require(self, value: str) -> None:
        begin = self.made.offsets[value]
        found = self.arena[begin : begin + self.problem.sizes[value]]
        assert found == self.contents[value], f"{value} was overwritten"

    def step(self, index: int) -> None:
        step, scratch = self.problem.steps[index], self.made.scratch[index]
        for value in step.reads:
            self.require(value)
        if self.made.elided[index]:
            self.contents[step.writes[0]] = self.viewed(step)
        else:
            _require_apart(self.problem, self.made, index)
            if scratch is not None:
                self.arena[scratch : scratch + step.scratch] = [f"scratch {index}"] * step.scratch
            for value in step.writes:
                self.write(value)
        for value in step.writes:
            self.require(value)

    def viewed(self, step: Step) -> list[Any]:
        """What the output of a step is that is nothing but its inputs."""
        assert step.aliases is not None
        tokens: list[Any] = [None] * self.problem.sizes[step.writes[0]]
        for value, offset in zip(step.reads, step.aliases, strict=True):
            for k, token in enumerate(self.contents[value]):
                if 0 <= offset + k < len(tokens):
                    tokens[offset + k] = token
        return tokens


def _require_apart(problem: Problem, made: Plan, index: int) -> None:
    """While a step runs, it writes to nothing that it still reads, but in place where it may."""
    step = problem.steps[index]
    spans = [(made.offsets[v], problem.sizes[v]) for v in step.reads]
    writes = [(made.offsets[v], problem.sizes[v]) for v in step.writes]
    if step.scratch:
        offset = made.scratch[index]
        assert offset is not None
        writes.append((offset, step.scratch))
    for number, output in enumerate(writes):
        for position, read in enumerate(spans):
            in_place = number == 0 and position in step.inplace and read == output
            assert in_place or not _overlap(read, output), f"step {index} overwrites what it reads"
        assert not any(_overlap(output, other) for other in writes[:number]), f"outputs of step {index} overlap"


def _overlap(a: tuple[int, int], b: tuple[int, int]) -> bool:
    return a[0] < b[0] + b[1] and b[0] < a[0] + a[1]


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Chains and nets of up to 12 steps: plain ones, views, parts, concatenations, in-place ones, with scratch."""
    problem = Problem(keep_inputs=draw(st.booleans()))
    for _ in range(draw(st.integers(1, 3))):
        problem.inputs.append(_declare(problem, draw(st.integers(1, 40))))
    for _ in range(draw(st.integers(1, 12))):
        problem.steps.append(draw(_steps(problem)))
    made = [v for step in problem.steps for v in step.writes]
    problem.outputs = draw(st.lists(st.sampled_from([*made, *problem.inputs]), min_size=1, max_size=3))
    return problem


@st.composite
def _steps(draw: st.DrawFn, problem: Problem) -> Step:
    # The newest values are read most often.
    recent = st.sampled_from(list(problem.sizes)[-3:]) | st.sampled_from(list(problem.sizes))
    reads = tuple(draw(st.lists(recent, min_size=1, max_size=3)))
    sizes = [problem.sizes[v] for v in reads]
    match draw(st.sampled_from(["plain", "view", "part", "concat", "inplace"])):
        case "view":
            return Step(reads[:1], (_declare(problem, sizes[0]),), aliases=(0,))
        case "part":
            begin = draw(st.integers(0, sizes[0] - 1))
            size = draw(st.integers(1, sizes[0] - begin))
            return Step(reads[:1], (_declare(problem, size),), aliases=(-begin,))
        case "concat":
            offsets = tuple(sum(sizes[:i]) for i in range(len(sizes)))
            return Step(reads, (_declare(problem, sum(sizes)),), aliases=offsets)
        case "inplace":
            positions = tuple(i for i in range(len(reads)) if draw(st.booleans()))  # sharing needs equal sizes besides
            scratch = draw(st.sampled_from([0, 0, 7]))
            return Step(reads, (_declare(problem, sizes[0]),), scratch=scratch, inplace=positions)
        case _:
            writes = tuple(_declare(problem, draw(st.integers(1, 40))) for _ in range(draw(st.integers(1, 2))))
            return Step(reads, writes, scratch=draw(st.sampled_from([0, 0, 16])))


def _declare(problem: Problem, size: int) -> str:
    name = f"v{len(problem.sizes)}"
    problem.sizes[name] = size
    return name


@settings(_settings, max_examples=400)
@given(problem=problems())
def test_no_value_is_overwritten_while_it_is_needed(problem: Problem) -> None:
    made = problem.plan()
    _carry_out(problem, made)
    assert made.lower_bound <= made.size
    assert all(block.offset % ALIGNMENT == 0 for block in made.blocks)
    assert problem.plan() == made, "the same graph always gets the same plan"


@settings(_settings, max_examples=150)
@given(problem=problems())
def test_the_bound_is_the_largest_live_set(problem: Problem) -> None:
    """Without sharing: the values and the scratch memory alive at the worst step, summed up the slow way."""
    problem.steps = [Step(step.reads, step.writes, step.scratch) for step in problem.steps]
    made = problem.plan()
    rectangles = _rectangles(problem)
    times = range(-1, len(problem.steps) + 1)
    assert made.lower_bound == max(sum(s for s, first, last in rectangles if first <= t <= last) for t in times)


def _rectangles(problem: Problem) -> list[tuple[int, int, int]]:
    """Aligned bytes, first and last time of every value and scratch memory, where nothing shares."""
    rectangles = []
    end = len(problem.steps)
    for value, size in problem.sizes.items():
        first = -1 if value in problem.inputs else next(i for i, s in enumerate(problem.steps) if value in s.writes)
        last = max([first, *(i for i, s in enumerate(problem.steps) if value in s.reads)])
        kept = value in problem.outputs or (problem.keep_inputs and value in problem.inputs)
        rectangles.append((_aligned(size), first, end if kept else last))
    return rectangles + [(_aligned(s.scratch), i, i) for i, s in enumerate(problem.steps) if s.scratch]


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


@st.composite
def _small_problems(draw: st.DrawFn) -> Problem:
    """Up to seven values with any lives, nothing shared."""
    problem = Problem(outputs=[])
    problem.inputs.append(_declare(problem, draw(st.integers(1, 40))))
    for _ in range(draw(st.integers(2, 6))):
        reads = draw(st.lists(st.sampled_from(list(problem.sizes)), min_size=1, max_size=2, unique=True))
        problem.steps.append(Step(tuple(reads), (_declare(problem, draw(st.integers(1, 40))),)))
    problem.outputs = [list(problem.sizes)[-1]]
    return problem


@settings(_settings, max_examples=100)
@given(problem=_small_problems())
def test_small_plans_are_optimal(problem: Problem) -> None:
    assert problem.plan().size == _optimum(_rectangles(problem))


def _optimum(rectangles: Sequence[tuple[int, int, int]]) -> int:
    """The smallest height over all orders of placing each at its lowest free offset: one of them is optimal."""
    return min(_height(order) for order in permutations(rectangles))


def _height(rectangles: Sequence[tuple[int, int, int]]) -> int:
    placed: list[tuple[int, tuple[int, int, int]]] = []
    for size, first, last in rectangles:
        busy = sorted((o, o + s) for o, (s, f, e) in placed if f <= last and first <= e)
        offset = 0
        for begin, end in busy:
            if begin >= offset + size:
                break
            offset = max(offset, end)
        placed.append((offset, (size, first, last)))
    return max(offset + size for offset, (size, _, _) in placed)


def _chain(*sizes: int, **fields: Any) -> Problem:
    """v0 -> v1 -> v2 ..."""
    problem = Problem({f"v{i}": size for i, size in enumerate(sizes)}, inputs=["v0"], outputs=[f"v{len(sizes) - 1}"])
    problem.steps = [Step((f"v{i}",), (f"v{i + 1}",), **fields) for i in range(len(sizes) - 1)]
    return problem


@pytest.mark.parametrize(
    ("problem", "size"),
    [
        (_chain(100, 80, 60, 40), 180),
        (_chain(10, 200, 10, 200, 10), 212),  # 10 bytes take 12
        (_chain(64, 64, 64, 64, inplace=(0,)), 64),
        (_chain(64, 64, 64, 64, aliases=(0,)), 64),
        (_chain(64, 64, 64, scratch=32), 160),
    ],
)
def test_known_optima(problem: Problem, size: int) -> None:
    made = problem.plan()
    _carry_out(problem, made)
    assert made.size == made.lower_bound == size


def test_a_residual_block_adds_in_place() -> None:
    """x -> a -> b, y = x + b: three values are alive at once, and the sum overwrites one of them."""
    problem = Problem(dict.fromkeys(["x", "a", "b", "y"], 100), inputs=["x"], outputs=["y"])
    problem.steps = [Step(("x",), ("a",)), Step(("a",), ("b",)), Step(("x", "b"), ("y",), inplace=(0, 1))]
    made = problem.plan()
    _carry_out(problem, made)
    assert made.size == 300
    assert made.offsets["y"] in (made.offsets["x"], made.offsets["b"])


def test_a_concatenation_is_written_where_it_lies() -> None:
    problem = Problem({"x": 4, "a": 20, "b": 30, "c": 50}, inputs=["x"], outputs=["c"])
    problem.steps = [Step(("x",), ("a",)), Step(("x",), ("b",)), Step(("a", "b"), ("c",), aliases=(0, 20))]
    made = problem.plan()
    _carry_out(problem, made)
    assert made.elided == (False, False, True)
    assert made.offsets["b"] == made.offsets["a"] + 20
    assert made.size == 56


def test_a_concatenation_is_copied_where_that_costs_less() -> None:
    """Its first part, written early, would keep the memory of the whole alive beside a large value."""
    problem = Problem({"x": 4, "a": 4, "big": 400, "b": 400, "c": 404}, inputs=["x"], outputs=["c"])
    problem.steps = [
        Step(("x",), ("a",)),
        Step(("a",), ("big",)),
        Step(("big",), ("x2",)),
        Step(("x2",), ("b",)),
        Step(("a", "b"), ("c",), aliases=(0, 4)),
    ]
    problem.sizes["x2"] = 300
    made = problem.plan()
    _carry_out(problem, made)
    assert not made.elided[4]
    assert made.size == 4 + 400 + 404  # were `a` in `c` from the beginning: 404 + 400 + 300


def test_one_value_cannot_be_two_parts() -> None:
    problem = Problem({"x": 8, "c": 16}, inputs=["x"], outputs=["c"])
    problem.steps = [Step(("x", "x"), ("c",), aliases=(0, 8))]
    made = problem.plan()
    _carry_out(problem, made)
    assert made.elided == (False,)


def test_inputs_survive_where_they_must() -> None:
    problem = _chain(64, 64, inplace=(0,))
    assert problem.plan().size == 64
    problem.keep_inputs = True
    made = problem.plan()
    _carry_out(problem, made)
    assert made.size == 128


def test_blocks_tell_what_lies_where() -> None:
    made = _chain(100, 80, 60, scratch=10).plan()
    assert {value for block in made.blocks for value in block.values} == {"v0", "v1", "v2"}
    assert sum(block.size for block in made.live_at_peak) == made.lower_bound
