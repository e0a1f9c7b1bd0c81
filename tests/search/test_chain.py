"""The row of assignments that a search tries: every one is the best for its cost."""

import itertools

import numpy as np
import pytest

from edgeq.search.assignment import Assignment
from edgeq.search.chain import Width, chain, lower_hull
from edgeq.search.search import merged


def _layers(seed: int, count: int = 4) -> dict[str, list[Width]]:
    rng = np.random.default_rng(seed)
    layers = {}
    for number in range(count):
        size, noise = float(rng.uniform(1, 50)), np.sort(rng.uniform(0, 1, 3)) ** 3
        costs = zip(("int8", "int4", "int2"), (size, size / 2, size / 4), noise, strict=True)
        layers[f"layer {number}"] = [Width(name, cost, float(n)) for name, cost, n in costs]
    return layers


def _totals(layers: dict[str, list[Width]], assignment: Assignment) -> tuple[float, float]:
    picked = [next(w for w in ws if w.weights == assignment.weights.get(n, "int8")) for n, ws in layers.items()]
    return sum(w.cost for w in picked), sum(w.noise for w in picked)


@pytest.mark.parametrize("seed", range(20))
def test_nothing_costs_less_at_the_same_noise(seed: int) -> None:
    layers = _layers(seed)
    every = [[(n, w.weights) for w in ws] for n, ws in layers.items()]
    all_totals = [_totals(layers, Assignment(dict(a))) for a in itertools.product(*every)]
    found = [_totals(layers, a) for a in chain(layers, Assignment())]
    assert found == sorted(found, reverse=True)  # the cost falls
    assert [noise for _, noise in found] == sorted(noise for _, noise in found)
    for cost, noise in found:
        assert not any(c < cost - 1e-9 and n < noise - 1e-9 for c, n in all_totals)


def test_both_ends_are_there() -> None:
    layers = _layers(0)
    first, *_, last = chain(layers, Assignment(wide=("x",)))
    assert first == Assignment({}, ("x",))
    assert set(last.weights.values()) == {"int2"}
    assert last.weights.keys() == layers.keys()
    assert last.wide == ("x",)


def test_a_width_above_the_hull_is_passed_over() -> None:
    widths = [Width("int8", 8, 0.0), Width("int4", 4, 0.9), Width("int3", 4, 0.95), Width("int2", 2, 1.0)]
    assert [w.weights for w in lower_hull(widths)] == ["int8", "int2"]
    widths[1] = Width("int4", 4, 0.1)
    assert [w.weights for w in lower_hull(widths)] == ["int8", "int4", "int2"]


def test_what_is_dearer_and_noisier_is_passed_over() -> None:
    assert [w.weights for w in lower_hull([Width("int8", 8, 0.5), Width("int4", 4, 0.1)])] == ["int4"]


def test_a_type_is_given_up_for_the_next_narrower_one_in_use() -> None:
    names = ["a", "b", "c", "d"]
    found = merged(Assignment({"b": "int4", "c": "int2", "d": "int4"}, ("x",)), names)
    assert found == [
        Assignment({"a": "int4", "b": "int4", "c": "int2", "d": "int4"}, ("x",)),
        Assignment({"b": "int2", "c": "int2", "d": "int2"}, ("x",)),
    ]
    assert merged(Assignment(dict.fromkeys(names, "int4")), names) == []
    assert merged(Assignment(), names) == []
