"""The planner against an independent check: plans are carried out byte by byte, every read finds what was written."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations, permutations, product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeq.memory import ALIGNMENT, Plan, Problem, Step, plan

_settings = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


@dataclass
class Draft:
    """The fields of a `Problem`, as it grows."""

    sizes: dict[str, int] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    keep_inputs: bool = False

    def plan(self) -> Plan:
        return plan(Problem(self.sizes, self.steps, self.inputs, self.outputs, keep_inputs=self.keep_inputs))


def _carry_out(draft: Draft, made: Plan) -> None:
    """Run the steps of a plan; every read, and the outputs in the end, must find what was written."""
    run = _Run(draft, made, [None] * made.size)
    for value in draft.inputs:
        run.write(value)
    for index in range(len(draft.steps)):
        run.step(index)
    for value in [*draft.outputs, *(draft.inputs if draft.keep_inputs else ())]:
        run.require(value)


@dataclass
class _Run:
    """An arena whose bytes are tokens (value, index); views have the tokens of what they view."""

    draft: Draft
    made: Plan
    arena: list[Any]
    contents: dict[str, list[Any]] = field(default_factory=dict)

    def write(self, value: str) -> None:
        self.begin(value)
        for index in range(self.draft.sizes[value]):
            self.write_byte(value, index)

    def begin(self, value: str) -> None:
        begin, size = self.made.offsets[value], self.draft.sizes[value]
        assert 0 <= begin <= begin + size <= self.made.size, f"{value} lies outside the arena"
        self.contents[value] = [(value, i) for i in range(size)]

    def write_byte(self, value: str, index: int) -> None:
        self.arena[self.made.offsets[value] + index] = (value, index)

    def require(self, value: str) -> None:
        for index in range(self.draft.sizes[value]):
            self.require_byte(value, index)

    def require_byte(self, value: str, index: int) -> None:
        found = self.arena[self.made.offsets[value] + index]
        assert found == self.contents[value][index], f"byte {index} of {value} was overwritten"

    def step(self, index: int) -> None:
        step = self.draft.steps[index]
        for value in step.reads:
            self.require(value)
        if self.made.elided[index]:
            self.contents[step.writes[0]] = self.viewed(step)
        else:
            self.execute(index, step)
        for value in step.writes:
            self.require(value)

    def execute(self, index: int, step: Step) -> None:
        """As the worst kernel does that keeps what it promises of its accesses.

        It reads byte r of an input for the last time when it is about to write byte r + distance of its first output;
        where it promises nothing, when all is written. Scratch memory is in use all the time.
        """
        scratch = self.made.scratch[index]
        places = [] if scratch is None else range(scratch, scratch + step.scratch)
        for place in places:
            self.arena[place] = "scratch"
        for value in step.writes[1:]:
            self.write(value)
        output, size = step.writes[0], self.draft.sizes[step.writes[0]]
        last_reads: dict[int, list[tuple[str, int]]] = defaultdict(list)
        for position, value in enumerate(step.reads):
            for r in range(self.draft.sizes[value]):
                moment = r + self.distance(step, position)
                last_reads[min(max(moment, 0), size)].append((value, r))
        self.begin(output)
        for w in range(size + 1):
            for value, r in last_reads[w]:
                self.require_byte(value, r)
            if w < size:
                self.write_byte(output, w)
        assert all(self.arena[place] == "scratch" for place in places), "scratch memory was overwritten"

    def distance(self, step: Step, position: int) -> int:
        """By how much the output has to be ahead of an input."""
        value, output = step.reads[position], step.writes[0]
        sizes, offsets = self.draft.sizes, self.made.offsets
        if position in step.inplace and offsets[value] == offsets[output] and sizes[output] <= sizes[value]:
            return 0
        promised = step.overlap[position] if position < len(step.overlap) else None
        return sizes[output] if promised is None else promised

    def viewed(self, step: Step) -> list[Any]:
        """What the output of a step is that is nothing but its inputs."""
        assert step.aliases is not None
        tokens: list[Any] = [None] * self.draft.sizes[step.writes[0]]
        for value, offset in zip(step.reads, step.aliases, strict=True):
            for k, token in enumerate(self.contents[value]):
                if 0 <= offset + k < len(tokens):
                    tokens[offset + k] = token
        return tokens


@st.composite
def drafts(draw: st.DrawFn) -> Draft:
    """Chains and nets of up to 12 steps: plain ones, views, parts, concatenations, in-place ones, with scratch."""
    draft = Draft(keep_inputs=draw(st.booleans()))
    for _ in range(draw(st.integers(1, 3))):
        draft.inputs.append(_declare(draft, draw(st.integers(1, 40))))
    for _ in range(draw(st.integers(1, 12))):
        draft.steps.append(draw(_steps(draft)))
    made = [v for step in draft.steps for v in step.writes]
    draft.outputs = draw(st.lists(st.sampled_from([*made, *draft.inputs]), min_size=1, max_size=3))
    return draft


@st.composite
def _steps(draw: st.DrawFn, draft: Draft) -> Step:
    # The newest values are read most often.
    recent = st.sampled_from(list(draft.sizes)[-3:]) | st.sampled_from(list(draft.sizes))
    reads = tuple(draw(st.lists(recent, min_size=1, max_size=3)))
    sizes = [draft.sizes[v] for v in reads]
    match draw(st.sampled_from(["plain", "view", "part", "concat", "inplace", "overlap"])):
        case "view":
            return Step(reads[:1], (_declare(draft, sizes[0]),), aliases=(0,))
        case "part":
            begin = draw(st.integers(0, sizes[0] - 1))
            size = draw(st.integers(1, sizes[0] - begin))
            return Step(reads[:1], (_declare(draft, size),), aliases=(-begin,))
        case "concat":
            offsets = tuple(sum(sizes[:i]) for i in range(len(sizes)))
            return Step(reads, (_declare(draft, sum(sizes)),), aliases=offsets)
        case "inplace":
            positions = tuple(i for i in range(len(reads)) if draw(st.booleans()))  # sharing needs room besides
            scratch = draw(st.sampled_from([0, 0, 7]))
            return Step(reads, (_declare(draft, sizes[0]),), scratch=scratch, inplace=positions)
        case "overlap":
            overlap = tuple(draw(st.none() | st.integers(-12, 40)) for _ in range(draw(st.integers(0, len(reads)))))
            writes = tuple(_declare(draft, draw(st.integers(1, 40))) for _ in range(draw(st.integers(1, 2))))
            return Step(reads, writes, scratch=draw(st.sampled_from([0, 7])), inplace=(0,), overlap=overlap)
        case _:
            writes = tuple(_declare(draft, draw(st.integers(1, 40))) for _ in range(draw(st.integers(1, 2))))
            return Step(reads, writes, scratch=draw(st.sampled_from([0, 0, 16])))


def _declare(draft: Draft, size: int) -> str:
    name = f"v{len(draft.sizes)}"
    draft.sizes[name] = size
    return name


@settings(_settings, max_examples=400)
@given(draft=drafts())
def test_no_value_is_overwritten_while_it_is_needed(draft: Draft) -> None:
    made = draft.plan()
    _carry_out(draft, made)
    assert made.lower_bound <= made.size
    assert all(block.offset % ALIGNMENT == 0 for block in made.blocks)
    assert draft.plan() == made, "the same graph always gets the same plan"


@settings(_settings, max_examples=150)
@given(draft=drafts())
def test_the_bound_is_the_largest_live_set(draft: Draft) -> None:
    """Without sharing: the values and the scratch memory alive at the worst step, summed up the slow way."""
    draft.steps = [Step(step.reads, step.writes, step.scratch) for step in draft.steps]
    made = draft.plan()
    rectangles = _rectangles(draft)
    times = range(-1, len(draft.steps) + 1)
    assert made.lower_bound == max(sum(s for s, first, last in rectangles if first <= t <= last) for t in times)


def _rectangles(draft: Draft) -> list[tuple[int, int, int]]:
    """Aligned bytes, first and last time of every value and scratch memory, where nothing shares."""
    rectangles = []
    end = len(draft.steps)
    for value, size in draft.sizes.items():
        first = -1 if value in draft.inputs else next(i for i, s in enumerate(draft.steps) if value in s.writes)
        last = max([first, 0, *(i for i, s in enumerate(draft.steps) if value in s.reads)])
        kept = value in draft.outputs or (draft.keep_inputs and value in draft.inputs)
        rectangles.append((_aligned(size), first, end if kept else last))
    return rectangles + [(_aligned(s.scratch), i, i) for i, s in enumerate(draft.steps) if s.scratch]


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


@st.composite
def _small_drafts(draw: st.DrawFn) -> Draft:
    """Up to seven values with any lives, nothing shared."""
    draft = Draft(outputs=[])
    draft.inputs.append(_declare(draft, draw(st.integers(1, 40))))
    for _ in range(draw(st.integers(2, 6))):
        reads = draw(st.lists(st.sampled_from(list(draft.sizes)), min_size=1, max_size=2, unique=True))
        draft.steps.append(Step(tuple(reads), (_declare(draft, draw(st.integers(1, 40))),)))
    draft.outputs = [list(draft.sizes)[-1]]
    return draft


@settings(_settings, max_examples=100)
@given(draft=_small_drafts())
def test_small_plans_are_optimal(draft: Draft) -> None:
    assert draft.plan().size == _optimum(_rectangles(draft))


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


@st.composite
def _overlapping_drafts(draw: st.DrawFn) -> Draft:
    """A chain or a net of up to four values, whose outputs may overlap their inputs."""
    draft = Draft()
    sizes = st.integers(1, 4).map(lambda words: 4 * words)
    draft.inputs = [_declare(draft, draw(sizes)) for _ in range(draw(st.integers(1, 2)))]
    for _ in range(draw(st.integers(1, 4 - len(draft.inputs)))):
        reads = draw(st.lists(st.sampled_from(list(draft.sizes)), min_size=1, max_size=2, unique=True))
        overlap = tuple(draw(st.none() | st.integers(-16, 16)) for _ in reads)
        draft.steps.append(Step(tuple(reads), (_declare(draft, draw(sizes)),), overlap=overlap))
    draft.outputs = [list(draft.sizes)[-1]]
    return draft


@settings(_settings, max_examples=150)
@given(draft=_overlapping_drafts())
def test_the_bound_holds_and_small_plans_reach_the_optimum(draft: Draft) -> None:
    made = draft.plan()
    _carry_out(draft, made)
    optimum = _smallest_arena(draft)
    assert made.lower_bound <= optimum
    assert made.size == optimum
    assert sum(b.size for b in made.live_at_peak) == made.lower_bound + made.shared


def _smallest_arena(draft: Draft) -> int:
    """By trying all places."""
    values = list(draft.sizes)
    most = sum(draft.sizes.values())
    apart = [_apart(draft, a, b) for a, b in combinations(values, 2)]
    spans = [range(0, most - size + 1, 4) for size in draft.sizes.values()]
    best = most
    for places in product(*spans):
        height = max(place + size for place, size in zip(places, draft.sizes.values(), strict=True))
        if height < best and all(rule(*pair) for rule, pair in zip(apart, combinations(places, 2), strict=True)):
            best = height
    return best


def _apart(draft: Draft, a: str, b: str) -> Callable[[int, int], bool]:
    """Whether two values may lie at two places; `b` is made later."""
    lives = {v: (first, last) for v, (_, first, last) in zip(draft.sizes, _rectangles(draft), strict=True)}
    size_a, size_b = draft.sizes[a], draft.sizes[b]
    step = lives[b][0]
    if lives[a][1] < step:
        return lambda *_: True
    least = size_b
    if step >= 0 and lives[a][1] == step and a in draft.steps[step].reads:
        promised = draft.steps[step].overlap[draft.steps[step].reads.index(a)]
        least = size_b if promised is None else promised
    return lambda place_a, place_b: place_b <= place_a - least or place_b >= place_a + size_a


def _chain(*sizes: int, **fields: Any) -> Draft:
    """v0 -> v1 -> v2 ..."""
    draft = Draft({f"v{i}": size for i, size in enumerate(sizes)}, inputs=["v0"], outputs=[f"v{len(sizes) - 1}"])
    draft.steps = [Step((f"v{i}",), (f"v{i + 1}",), **fields) for i in range(len(sizes) - 1)]
    return draft


@pytest.mark.parametrize(
    ("draft", "size"),
    [
        (_chain(100, 80, 60, 40), 180),
        (_chain(10, 200, 10, 200, 10), 212),  # 10 bytes take 12
        (_chain(64, 64, 64, 64, inplace=(0,)), 64),
        (_chain(64, 64, 64, 64, aliases=(0,)), 64),
        (_chain(64, 64, 64, scratch=32), 160),
    ],
)
def test_known_optima(draft: Draft, size: int) -> None:
    made = draft.plan()
    _carry_out(draft, made)
    assert made.size == made.lower_bound == size


def test_a_residual_block_adds_in_place() -> None:
    """x -> a -> b, y = x + b: three values are alive at once, and the sum overwrites one of them."""
    draft = Draft(dict.fromkeys(["x", "a", "b", "y"], 100), inputs=["x"], outputs=["y"])
    draft.steps = [Step(("x",), ("a",)), Step(("a",), ("b",)), Step(("x", "b"), ("y",), inplace=(0, 1))]
    made = draft.plan()
    _carry_out(draft, made)
    assert made.size == 300
    assert made.offsets["y"] in (made.offsets["x"], made.offsets["b"])


def test_an_output_overlaps_a_dying_input() -> None:
    """Two rows of 16 bytes are read before a row is written: the output begins a row before the input."""
    draft = _chain(96, 96, overlap=(16,))
    made = draft.plan()
    _carry_out(draft, made)
    assert made.offsets["v0"] - made.offsets["v1"] == 16
    assert made.size == made.lower_bound == 112
    assert made.shared == 80


def test_an_output_can_take_over_only_as_much_as_it_has() -> None:
    draft = Draft({"a": 40, "b": 40, "y": 40}, inputs=["a", "b"], outputs=["y"])
    draft.steps = [Step(("a", "b"), ("y",), overlap=(0, 0))]
    made = draft.plan()
    _carry_out(draft, made)
    assert made.size == made.lower_bound == 80


def test_the_second_output_of_a_step_shares_nothing_even_in_one_memory_with_the_first() -> None:
    draft = Draft({"x": 40, "a": 20, "b": 20, "c": 40}, inputs=["x"], outputs=["c"])
    draft.steps = [Step(("x",), ("a", "b"), overlap=(0,)), Step(("a", "b"), ("c",), aliases=(0, 20))]
    made = draft.plan()
    _carry_out(draft, made)
    assert made.elided == (False, True)
    assert made.size == 80


def test_a_part_of_a_memory_is_overlapped_where_it_lies() -> None:
    """The second half of x is read; the first one is nobody's any more."""
    draft = Draft({"x": 64, "half": 32, "y": 48}, inputs=["x"], outputs=["y"])
    draft.steps = [Step(("x",), ("half",), aliases=(-32,)), Step(("half",), ("y",), overlap=(16,))]
    made = draft.plan()
    _carry_out(draft, made)
    assert made.offsets["half"] - made.offsets["y"] >= 16
    assert made.size == 64


def test_a_concatenation_is_written_where_it_lies() -> None:
    draft = Draft({"x": 4, "a": 20, "b": 30, "c": 50}, inputs=["x"], outputs=["c"])
    draft.steps = [Step(("x",), ("a",)), Step(("x",), ("b",)), Step(("a", "b"), ("c",), aliases=(0, 20))]
    made = draft.plan()
    _carry_out(draft, made)
    assert made.elided == (False, False, True)
    assert made.offsets["b"] == made.offsets["a"] + 20
    assert made.size == 56


def test_a_concatenation_is_copied_where_that_costs_less() -> None:
    """Its first part, written early, would keep the memory of the whole alive beside a large value."""
    draft = Draft({"x": 4, "a": 4, "big": 400, "b": 400, "c": 404}, inputs=["x"], outputs=["c"])
    draft.steps = [
        Step(("x",), ("a",)),
        Step(("a",), ("big",)),
        Step(("big",), ("x2",)),
        Step(("x2",), ("b",)),
        Step(("a", "b"), ("c",), aliases=(0, 4)),
    ]
    draft.sizes["x2"] = 300
    made = draft.plan()
    _carry_out(draft, made)
    assert not made.elided[4]
    assert made.size == 4 + 400 + 404  # were `a` in `c` from the beginning: 404 + 400 + 300


def test_one_value_cannot_be_two_parts() -> None:
    draft = Draft({"x": 8, "c": 16}, inputs=["x"], outputs=["c"])
    draft.steps = [Step(("x", "x"), ("c",), aliases=(0, 8))]
    made = draft.plan()
    _carry_out(draft, made)
    assert made.elided == (False,)


def test_inputs_survive_where_they_must() -> None:
    draft = _chain(64, 64, inplace=(0,))
    assert draft.plan().size == 64
    draft.keep_inputs = True
    made = draft.plan()
    _carry_out(draft, made)
    assert made.size == 128


def test_blocks_tell_what_lies_where() -> None:
    made = _chain(100, 80, 60, scratch=10).plan()
    assert {value for block in made.blocks for value in block.values} == {"v0", "v1", "v2"}
    assert sum(block.size for block in made.live_at_peak) == made.lower_bound
