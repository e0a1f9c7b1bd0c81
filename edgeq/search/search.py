"""The search itself: which assignments are tried, in what order, and which one is taken."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from edgeq.errors import EdgeqError
from edgeq.quantize.quantizer import Track, no_progress
from edgeq.quantize.scheme import WEIGHTS, Scheme
from edgeq.search.assignment import Assignment
from edgeq.search.chain import Width, chain
from edgeq.search.journal import Journal
from edgeq.search.limits import Limits
from edgeq.search.setting import Bench, SearchedLayer, Setting
from edgeq.search.trial import Trial
from edgeq.search.workers import Job, Workers, workers

_GRID = 6
"""Points along the chain that are tried first."""

_ROUND = 2
"""Points in each gap that are tried next, side by side."""

TRIALS = 24
"""How many assignments are tried, unless the user wants more or less."""


@dataclass(frozen=True)
class Result:
    """What was found.

    Attributes:
        chosen: the best within the limits.
        trials: all, the one with the most flash first.
        plain: the trial with int8 weights and 8-bit activations throughout.
        scheme: of the chosen trial.
        layers: what was chosen for.
        noise: by width and layer, what it was taken to add at the outputs, as a ratio to the signal.
        fitted_on: number of samples.
        judged_on: number of samples.
    """

    chosen: Trial
    trials: tuple[Trial, ...]
    plain: Trial
    scheme: Scheme
    layers: tuple[SearchedLayer, ...]
    noise: Mapping[str, Mapping[str, float]]
    fitted_on: int
    judged_on: int

    @property
    def front(self) -> tuple[Trial, ...]:
        """The trials that no other one beats in flash and SQNR."""
        found: list[Trial] = []
        for trial in sorted(self.trials, key=lambda t: (t.flash, -t.sqnr)):
            if not found or trial.sqnr > found[-1].sqnr:
                found.append(trial)
        return tuple(reversed(found))


def search(
    setting: Setting,
    limits: Limits | None = None,
    *,
    trials: int = TRIALS,
    jobs: int = 1,
    journal: str | Path | None = None,
    track: Track = no_progress,
) -> Result:
    """Choose the type of each layer's weights.

    What each layer costs at the outputs is measured first, layer by layer; assignments along the row that follows from
    it are then quantized, compiled, profiled and run on samples that nothing was fitted on. Where 8 bits everywhere are
    not accurate enough, activations get 16 bits, from as late a layer on as will do.

    Args:
        setting: the model and its data.
        limits: what may be spent and lost.
        trials: how many assignments may be tried.
        jobs: number of processes.
        journal: path of a file of results; those in it are not computed again.
        track: progress.

    Raises:
        EdgeqError: where nothing that was tried keeps within the limits, with what comes nearest; or where the model,
            the data or a choice cannot be used.
    """
    bench, limits = Bench(setting), limits or Limits()
    _require(bench, limits, trials)
    with workers(bench, Journal(journal), jobs) as hands:
        return _Search(bench, limits, hands, trials, track).run()


def _require(bench: Bench, limits: Limits, trials: int) -> None:
    if not bench.layers:
        raise EdgeqError(
            f"{bench.setting.file.where}: has no layer whose weights are left to choose; accepted:"
            " a float model with convolutions or dense layers, some without a rule for their weights"
        )
    if limits.max_drop is not None and bench.judged_on.labels is None:
        raise EdgeqError("a limit on lost accuracy, and no labels; accepted: --labels, or --min-sqnr alone")
    if limits.cycles is not None and bench.setting.options.target is None:
        raise EdgeqError("a limit on cycles, and no target; accepted: --target, which `edgeq targets` lists")
    if trials < 1:
        raise EdgeqError(f"{trials} trials; accepted: 1 or more")


class _Search:
    def __init__(self, bench: Bench, limits: Limits, hands: Workers, trials: int, track: Track) -> None:
        self._bench = bench
        self._limits = limits
        self._hands = hands
        self._left = trials
        self._track = track
        self._trials: dict[str, Trial] = {}
        self._done: Callable[[], None] = lambda: None

    def run(self) -> Result:
        noise = self._noise()
        self._done = self._track("trying choices", self._left)
        (plain,) = self._try([Assignment()])
        start = Assignment() if self._limits.accurate(plain) else self._widened()
        row = chain(self._widths(noise), start)
        self._explore(row, self._uniform(start))
        self._merge()
        self._fill(row)
        found = tuple(sorted(self._trials.values(), key=lambda t: (-t.flash, -t.sqnr)))
        chosen = self._limits.best(found)
        return Result(
            chosen=chosen,
            trials=found,
            plain=plain,
            scheme=chosen.assignment.scheme(self._bench.setting.scheme),
            layers=self._bench.layers,
            noise=noise,
            fitted_on=len(self._bench.fitted_on),
            judged_on=len(self._bench.judged_on),
        )

    def _try(self, assignments: Sequence[Assignment]) -> list[Trial]:
        """The trials of some assignments, as far as there may be more."""
        new = [a for a in assignments if a.key not in self._trials][: self._left]
        documents = self._hands.run([Job("trial", a) for a in new], self._done)
        self._left -= len(new)
        self._trials |= {a.key: Trial.from_document(d) for a, d in zip(new, documents, strict=True)}
        return [self._trials[a.key] for a in assignments if a.key in self._trials]

    # What layers cost

    def _noise(self) -> Mapping[str, Mapping[str, float]]:
        """By width and layer."""
        widths = self._bench.setting.widths
        found = self._hands.run([Job("noise", w) for w in widths], self._track("measuring layers", len(widths)))
        layers = self._bench.layers
        return {w: {a.name: f["layers"][a.node] for a in layers} for w, f in zip(widths, found, strict=True)}

    def _widths(self, noise: Mapping[str, Mapping[str, float]]) -> Mapping[str, Sequence[Width]]:
        """What each layer can have: costs are shares of what int8 weights take, in flash and, if limited, in cycles."""
        widths, layers = self._bench.setting.widths, self._bench.layers
        total = sum(layer.size for layer in layers)
        cycles = self._cycles(widths) if self._limits.cycles is not None else {}
        all_cycles = sum(cycles["int8"].values()) if cycles else 1.0
        return {
            layer.name: [
                Width(
                    w,
                    cost=layer.size * WEIGHTS[w][1].bits / 8 / total
                    + (cycles[w][layer.name] / all_cycles if cycles else 0.0),
                    noise=noise[w][layer.name],
                )
                for w in widths
            ]
            for layer in layers
        }

    def _cycles(self, widths: Sequence[str]) -> Mapping[str, Mapping[str, float]]:
        found = self._hands.run([Job("cycles", w) for w in widths], self._track("counting cycles", len(widths)))
        return dict(zip(widths, found, strict=True))

    # Which assignments are tried

    def _uniform(self, start: Assignment) -> list[Assignment]:
        """One type for all layers, which needs code for no other."""
        names = [layer.name for layer in self._bench.layers]
        return [replace(start, weights=dict.fromkeys(names, w)) for w in self._bench.setting.widths if w != "int8"]

    def _explore(self, assignments: Sequence[Assignment], others: Sequence[Assignment]) -> None:
        """Try some along a chain, and others; then more where those of the chain begin to be too noisy, or to fit."""
        self._try([assignments[0], assignments[-1], *others])
        last = len(assignments) - 1
        places = sorted({round(n * last / _GRID) for n in range(_GRID + 1)})
        while places and self._left:
            self._try([assignments[place] for place in places])
            tried = {n: self._trials[a.key] for n, a in enumerate(assignments) if a.key in self._trials}
            gap = self._gap(tried)
            places = _between(*gap) if gap else []

    def _gap(self, tried: Mapping[int, Trial]) -> tuple[int, int] | None:
        """Neighbours among the places tried between which the answer lies; None where it is not between any.

        Where something accurate enough fits, that is where trials begin to fit; otherwise, where they stop to be
        accurate enough.
        """
        order = sorted(tried)
        accurate = [n for n in order if self._limits.accurate(tried[n])]
        fitting = [n for n in accurate if self._limits.budgets and self._limits.fits(tried[n])]
        if fitting:
            return next((pair for pair in pairwise(order) if pair[1] == fitting[0]), None)
        return next((pair for pair in pairwise(order) if accurate and pair[0] == accurate[-1]), None)

    def _merge(self) -> None:
        """Where code counts, give up a type of the smallest that is accurate enough, as long as that helps."""
        names = [layer.name for layer in self._bench.layers]
        before, best = None, self._smallest()
        while self._bench.setting.options.target and best is not None and best is not before:
            self._try(merged(best.assignment, names))
            before, best = best, self._smallest()

    def _smallest(self) -> Trial | None:
        """Of those that are accurate enough."""
        accurate = [t for t in self._trials.values() if self._limits.accurate(t)]
        return min(accurate, key=lambda t: (t.flash, t.weight_bytes), default=None)

    def _fill(self, assignments: Sequence[Assignment]) -> None:
        """Where none that is accurate enough fits, or the smallest is wanted: narrow the smallest by single layers.

        A chain ends at the first layer that is too much; layers behind it may be less.
        """
        steps = [_step(*pair) for pair in pairwise(assignments)]
        while steps and self._left:
            smallest = self._smallest()
            if smallest is None or (self._limits.budgets and self._limits.fits(smallest)):
                return
            best = smallest.assignment
            step, *steps = steps
            narrowed = replace(best, weights={**best.weights, **step})
            if _bits(narrowed, step) < _bits(best, step):
                self._try([narrowed])

    # Activations of 16 bits

    def _widened(self) -> Assignment:
        """With 16-bit activations from as late on as makes int8 weights accurate enough; all, if nothing does."""
        graph, names = self._bench.graph, self._bench.names
        order = [names[node.name] for node in graph.nodes if graph.types[node.outputs[0]].dtype.is_float]
        enough, short = 0, len(order)
        if not self._enough(order):
            return Assignment(wide=tuple(order))
        while short - enough > 1 and self._left > _GRID:
            middle = (enough + short) // 2
            enough, short = (middle, short) if self._enough(order[middle:]) else (enough, middle)
        return Assignment(wide=tuple(order[enough:]))

    def _enough(self, wide: Sequence[str]) -> bool:
        """Whether int8 weights are accurate enough with these nodes in 16 bits."""
        return any(map(self._limits.accurate, self._try([Assignment(wide=tuple(wide))])))


def merged(assignment: Assignment, names: Iterable[str]) -> list[Assignment]:
    """What becomes of an assignment if the layers of one type take the next narrower one that others have."""
    chosen = {name: assignment.weights.get(name, "int8") for name in names}
    used = [weights for weights in WEIGHTS if weights in chosen.values()]
    return [
        replace(
            assignment, weights={n: narrow if w == wide else w for n, w in chosen.items() if w == wide or w != "int8"}
        )
        for wide, narrow in pairwise(used)
    ]


def _narrow(chosen: Mapping[str, str]) -> dict[str, str]:
    """But for int8, which needs no rule."""
    return {name: weights for name, weights in chosen.items() if weights != "int8"}


def _step(before: Assignment, after: Assignment) -> Mapping[str, str]:
    """The layer that becomes narrower, and its new weights."""
    return {name: w for name, w in after.weights.items() if before.weights.get(name) != w}


def _bits(assignment: Assignment, names: Iterable[str]) -> int:
    """Of a weight, of these layers together."""
    return sum(WEIGHTS[assignment.weights.get(name, "int8")][0] for name in names)


def _between(low: int, high: int) -> list[int]:
    """Places within a gap, evenly spaced."""
    return sorted({low + (high - low) * n // (_ROUND + 1) for n in range(1, _ROUND + 1)} - {low, high})
