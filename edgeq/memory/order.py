"""The order of the steps: one in which less memory is live at once, where there is one.

The search goes through the sets of steps that can have run so far. In which order they ran does not matter for what is
live: of all orders that lead to a set, only one with the lowest peak is kept. As long as no more than `_WIDTH` sets of
a size are left, that is exact; beyond it, those with the lowest peaks are followed. Sets that are reached only with the
peak of the given order, or above, are dropped, so that a graph whose peak is in one step costs no time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from edgeq.memory.packing import largest_share
from edgeq.memory.plan import Plan, Problem, aligned, plan
from edgeq.memory.storages import Step, Storages, lifetimes, possible_takeovers

_WIDTH = 256


def arrange(problem: Problem) -> tuple[tuple[int, ...], Plan]:
    """The order in which to run the steps of a problem, and the plan for it.

    Another order than the given one is taken only where its arena is smaller.
    """
    given = tuple(range(len(problem.steps)))
    best = plan(problem)
    order = _lowest_order(problem)
    if order is not None:
        other = plan(replace(problem, steps=[problem.steps[i] for i in order]))
        if other.size < best.size:
            return order, other
    return given, best


@dataclass(frozen=True)
class _Work:
    """A step, as far as the order matters. Sets are bits of an integer.

    Attributes:
        after: the steps that have to run before it.
        born: bytes of the memories that begin with it.
        scratch: bytes.
        reads: memories that may end with it: bytes, all their readers, and how many bytes its output can take over.
        unread: bytes of what it makes for nobody.
    """

    after: int
    born: int
    scratch: int
    reads: tuple[tuple[int, int, int], ...]
    unread: int

    def run(self, index: int, done: int, live: int) -> tuple[int, int]:
        """Bytes that are live during the step and after it, if the steps in `done` have run."""
        done |= 1 << index
        dying = [(size, share) for size, readers, share in self.reads if not readers & ~done]
        shared = min(self.born, sum(share for _, share in dying))
        during = live + self.born + self.scratch - shared
        return during, live + self.born - self.unread - sum(size for size, _ in dying)

    @property
    def least(self) -> int:
        """Bytes that are live during the step in any order."""
        shared = min(self.born, sum(share for _, _, share in self.reads))
        return sum(size for size, _, _ in self.reads) + self.born + self.scratch - shared


@dataclass(frozen=True)
class _State:
    """How a set of steps was run: the highest peak, what is live after it, and in which order."""

    peak: int
    live: int
    order: tuple[int, ...]


def _lowest_order(problem: Problem) -> tuple[int, ...] | None:
    """The order with the lowest peak; None where no other is lower than that of the given one."""
    works, at_first = _works(problem)
    start = _State(at_first, at_first, ())
    limit = start
    for index in range(len(works)):
        limit = _extended(limit, works, index, (1 << index) - 1)
    if limit.peak <= max((w.least for w in works), default=0):
        return None
    states = {0: start}
    for _ in works:
        following: dict[int, _State] = {}
        for done, state in states.items():
            for index in _ready(works, done):
                new, key = _extended(state, works, index, done), done | 1 << index
                if new.peak < limit.peak and (key not in following or new.peak < following[key].peak):
                    following[key] = new
        kept = sorted(following.items(), key=lambda item: (item[1].peak, item[1].live, item[1].order))
        states = dict(kept[:_WIDTH])
    return next((state.order for state in states.values()), None)


def _ready(works: Sequence[_Work], done: int) -> Iterator[int]:
    return (i for i, work in enumerate(works) if not done >> i & 1 and not work.after & ~done)


def _extended(state: _State, works: Sequence[_Work], index: int, done: int) -> _State:
    during, live = works[index].run(index, done, state.live)
    return _State(max(state.peak, during), live, (*state.order, index))


def _works(problem: Problem) -> tuple[list[_Work], int]:
    """All steps, and the bytes that are live before the first.

    A memory is a value with its views; concatenations count as copied, as whether they are is decided when all is laid
    out.
    """
    storages = Storages(problem.sizes, *lifetimes(problem.sizes, problem.steps, problem.inputs, problem.kept))
    elided = [len(step.reads) == 1 and storages.join_alias(step) for step in problem.steps]
    makers = {value: index for index, step in enumerate(problem.steps) for value in step.writes}
    readers: dict[int, int] = {id(s): 0 for s in storages.distinct()}
    for index, step in enumerate(problem.steps):
        for value in step.reads:
            readers[id(storages.of[value])] |= 1 << index
    for value in problem.kept:
        readers[id(storages.of[value])] |= 1 << len(problem.steps)
    works = [_work(problem, step, elided[index], storages, makers, readers) for index, step in enumerate(problem.steps)]
    given = {id(storages.of[v]): storages.of[v].size for v in problem.inputs if readers[id(storages.of[v])]}
    return works, sum(aligned(size, problem.alignment) for size in given.values())


def _work(
    problem: Problem, step: Step, elided: bool, storages: Storages, makers: dict[str, int], readers: dict[int, int]
) -> _Work:
    alignment = problem.alignment
    read = {id(storages.of[v]): storages.of[v] for v in step.reads}
    born = {id(storages.of[v]): storages.of[v] for v in step.writes if not elided}
    shares = {}
    for taken in possible_takeovers(step, storages, alignment) if not elided else []:
        sizes = aligned(taken.storage.size, alignment), aligned(storages.of[step.writes[0]].size, alignment)
        shares[id(taken.storage)] = largest_share(*sizes, taken.forbidden)
    return _Work(
        after=sum(1 << index for index in {makers[v] for v in step.reads if v in makers}),
        born=sum(aligned(s.size, alignment) for s in born.values()),
        scratch=0 if elided else aligned(step.scratch, alignment),
        reads=tuple((aligned(s.size, alignment), readers[key], shares.get(key, 0)) for key, s in read.items()),
        unread=sum(aligned(s.size, alignment) for key, s in born.items() if not readers[key]),
    )
