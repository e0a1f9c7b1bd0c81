"""Jobs of a search, side by side in processes of their own, and never done twice.

    Job --(Journal has it)--> result
        --(else, in a process with a Bench)--> result --> Journal

Results do not depend on the number of processes: each computes with one thread.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

from edgeq.quantize.sensitivity import sensitivity
from edgeq.quantize.threads import one_blas_thread
from edgeq.search.assignment import Assignment
from edgeq.search.journal import Journal
from edgeq.search.setting import Bench, Setting
from edgeq.search.trial import attempt


@dataclass(frozen=True)
class Job:
    """Something to compute on a `Bench`.

    Attributes:
        kind: a key of `KINDS`.
        about: what it is given: a type of weights, or an `Assignment`.
    """

    kind: str
    about: Any

    @property
    def key(self) -> str:
        """The same for equal jobs only."""
        return f"{self.kind} {self.about.key if isinstance(self.about, Assignment) else self.about}"


def _noise(bench: Bench, weights: str) -> dict[str, Any]:
    found = sensitivity(bench.encoded, bench.fitted_on, bench.judged_on, bench.setting.scheme, weights)
    return {"activations": found.activations, "layers": dict(found.layers)}


def _cycles(bench: Bench, weights: str) -> dict[str, float]:
    """By layer, the cycles by the target's prices where all layers have these weights."""
    quick = bench.plain(weight_rounding="nearest", bias_correction=False)
    compiled = bench.compile(Assignment({layer.name: weights for layer in bench.layers}).scheme(quick))
    by_name: dict[str, float] = {}
    for layer in compiled.program.layers:
        for name in {layer.node.source, *layer.node.outputs}:
            by_name[name] = by_name.get(name, 0.0) + (layer.choice.taken.cycles or 0.0)
    return {layer.name: by_name.get(layer.name, 0.0) for layer in bench.layers}


def _trial(bench: Bench, assignment: Assignment) -> dict[str, Any]:
    return attempt(bench, assignment).document()


KINDS: Mapping[str, Callable[[Bench, Any], Any]] = {"noise": _noise, "cycles": _cycles, "trial": _trial}

_bench: Bench | None = None


def _start(setting: Setting) -> None:
    global _bench  # noqa: PLW0603 - a process has one
    _bench = Bench(setting)


def _run(job: Job) -> Any:
    assert _bench is not None
    return _result(_bench, job)


def _result(bench: Bench, job: Job) -> Any:
    with one_blas_thread():
        return KINDS[job.kind](bench, job.about)


class Workers:
    """Where jobs are done; see `workers`."""

    def __init__(self, bench: Bench, journal: Journal, pool: Executor | None) -> None:
        self._bench = bench
        self._journal = journal
        self._pool = pool

    def run(self, jobs: Sequence[Job], done: Callable[[], None] = lambda: None) -> list[Any]:
        """The results of some jobs, in their order; `done` is called after each."""
        missing = {self._key(job): job for job in jobs if self._key(job) not in self._journal}
        for _ in range(len(jobs) - len(missing)):
            done()
        for key, result in self._results(missing):
            self._journal.add(key, result)
            done()
        return [self._journal[self._key(job)] for job in jobs]

    def _key(self, job: Job) -> str:
        return f"{self._bench.digest} {job.key}"

    def _results(self, jobs: Mapping[str, Job]) -> Iterator[tuple[str, Any]]:
        """As they come."""
        if self._pool is None:
            yield from ((key, _result(self._bench, job)) for key, job in jobs.items())
            return
        futures: dict[Future[Any], str] = {self._pool.submit(_run, job): key for key, job in jobs.items()}
        try:
            yield from ((futures[future], future.result()) for future in as_completed(futures))
        finally:
            for future in futures:
                future.cancel()


@contextmanager
def workers(bench: Bench, journal: Journal, count: int) -> Iterator[Workers]:
    """Workers for a bench.

    Args:
        bench: what they work on.
        journal: of results.
        count: of processes; 1: all is done in this process.
    """
    if count == 1:
        yield Workers(bench, journal, None)
        return
    pool = ProcessPoolExecutor(count, get_context("spawn"), _start, (bench.setting,))
    try:
        yield Workers(bench, journal, pool)
    finally:
        pool.shutdown(cancel_futures=True)
