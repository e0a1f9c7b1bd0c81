"""A row of assignments from the least noise to the least cost, each the best for its cost as far as noise adds up.

Minimising `noise + price * cost` over all layers falls apart into the layers, and of a layer's widths only those on the
lower convex hull of (cost, noise) are ever best (Shoham and Gersho, "Efficient bit allocation for an arbitrary set of
quantizers", 1988). As the price rises, one layer after the other moves on along its hull.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from edgeq.search.assignment import Assignment


@dataclass(frozen=True)
class Width:
    """A type that a layer's weights can have.

    Attributes:
        weights: the type.
        cost: in any unit that adds up.
        noise: at the model's outputs, as a ratio to the signal.
    """

    weights: str
    cost: float
    noise: float


def chain(layers: Mapping[str, Sequence[Width]], start: Assignment) -> list[Assignment]:
    """The assignments, the first with the least noise.

    Args:
        layers: by name, what each can have.
        start: what does not change along the chain.
    """
    chosen = dict(start.weights)
    steps: list[tuple[float, int, str, str]] = []
    for name, widths in layers.items():
        hull = lower_hull(widths)
        chosen[name] = hull[0].weights
        steps += [(_slope(a, b), len(steps), name, b.weights) for a, b in pairwise(hull)]
    found = [dict(chosen)]
    for _, _, name, weights in sorted(steps):
        chosen[name] = weights
        found.append(dict(chosen))
    return [replace(start, weights={n: w for n, w in choice.items() if w != "int8"}) for choice in found]


def lower_hull(widths: Sequence[Width]) -> list[Width]:
    """The widths that are best at some price, the one with the least noise first."""
    hull: list[Width] = []
    for width in sorted(widths, key=lambda w: (w.noise, w.cost)):
        if hull and width.cost >= hull[-1].cost:
            continue  # dearer, and noisier
        while len(hull) > 1 and _slope(hull[-2], hull[-1]) >= _slope(hull[-1], width):
            hull.pop()
        hull.append(width)
    return hull


def _slope(a: Width, b: Width) -> float:
    """Noise for what b is cheaper than a."""
    return (b.noise - a.noise) / (a.cost - b.cost)
