"""Rectangles of bytes x time to places: no two overlap in both, but where one may take over memory of the other."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

_SEARCH_ROUNDS = 300  # random reorderings tried where the heuristics miss the lower bound

Interval = tuple[int, int]
"""Every number between two, without them."""


@dataclass(frozen=True)
class Item:
    """A stretch of memory.

    Attributes:
        size: bytes.
        birth: the step from which it is in use; -1 is before the first, 0.
        death: the step until which it is, included.
    """

    size: int
    birth: int
    death: int


@dataclass(frozen=True)
class Handover:
    """Two items of which the later is born in the step in which the earlier dies, and may take over its memory.

    Attributes:
        earlier: index of an item.
        later: index of another.
        forbidden: how far behind the beginning of the earlier one the later one must not begin.
    """

    earlier: int
    later: int
    forbidden: tuple[Interval, ...]


@dataclass(frozen=True)
class Load:
    """The largest live set.

    Attributes:
        bytes: that no packing can undercut.
        time: when it is live.
        shared: bytes that are live twice at this time: in an input, and in the output that takes them over.
    """

    bytes: int
    time: int
    shared: int


def largest_load(items: Sequence[Item], handovers: Sequence[Handover]) -> Load:
    """What is live at the worst step: the sum of the sizes, less what an output can take over at best."""
    change = [0] * (max((i.death for i in items), default=0) + 2)
    for item in items:
        change[max(0, item.birth)] += item.size
        change[item.death + 1] -= item.size
    shared = _largest_shares(items, handovers)
    loads = [Load(live - shared.get(t, 0), t, shared.get(t, 0)) for t, live in enumerate(accumulate(change))]
    return max(loads, key=lambda load: load.bytes)


def _largest_shares(items: Sequence[Item], handovers: Sequence[Handover]) -> dict[int, int]:
    """At each time, the bytes that the item born then can have in common with those that die."""
    shares: dict[int, int] = {}
    for handover in handovers:
        time, later = items[handover.later].birth, items[handover.later]
        share = largest_share(items[handover.earlier].size, later.size, handover.forbidden)
        shares[time] = min(later.size, shares.get(time, 0) + share)
    return shares


def largest_share(earlier: int, later: int, forbidden: Sequence[Interval]) -> int:
    """The most bytes that two stretches have in common, the second beginning anywhere but where it must not."""
    ends = [end for interval in forbidden for end in interval]
    beginnings = [d for d in (0, earlier - later, *ends) if not any(low < d < high for low, high in forbidden)]
    return max((min(earlier, d + later) - max(0, d) for d in beginnings), default=0)


def pack(items: Sequence[Item], handovers: Sequence[Handover], bound: int) -> tuple[list[int], int]:
    """Places of all items, and the height used.

    First fit along several orders; then, while the bound is not reached, along random neighbours of the best order
    (seeded: the same items always get the same places).
    """
    indices = range(len(items))
    orders = [
        sorted(indices, key=lambda i: (-items[i].size, items[i].birth)),
        sorted(indices, key=lambda i: (-items[i].size * (items[i].death - items[i].birth + 1), items[i].birth)),
        sorted(indices, key=lambda i: (items[i].birth - items[i].death, -items[i].size)),
        sorted(indices, key=lambda i: (items[i].birth, -items[i].size)),
        # An output that begins before its input is placed first: nothing begins before 0.
        sorted(indices, key=lambda i: (-items[i].birth, -items[i].size)),
    ]
    shape = _Shape(items, _obstacles(items, handovers))
    results = [(shape.first_fit(order), order) for order in orders]
    (best, height), order = min(results, key=lambda r: r[0][1])
    rng = random.Random(0)  # noqa: S311 - a search, not a secret
    for _ in range(_SEARCH_ROUNDS if len(items) > 1 else 0):
        if height <= bound:
            break
        neighbour = list(order)
        i, j = rng.sample(indices, 2)
        neighbour.insert(j, neighbour.pop(i))
        places, candidate = shape.first_fit(neighbour)
        if candidate <= height:
            best, height, order = places, candidate, neighbour
    return best, height


_Obstacle = tuple[int, int, int]
"""Another item, and where not to begin: between which distances from its place."""


@dataclass(frozen=True)
class _Shape:
    """What is to be packed: the items, and for each what is in its way."""

    items: Sequence[Item]
    obstacles: Sequence[Sequence[_Obstacle]]

    def first_fit(self, order: Sequence[int]) -> tuple[list[int], int]:
        """Place each item at the lowest place that is free for its whole life."""
        places = [-1] * len(self.items)
        height = 0
        for index in order:
            met = [
                (places[other] + a, places[other] + b) for other, a, b in self.obstacles[index] if places[other] >= 0
            ]
            place = 0
            for begin, end in sorted(met):
                if begin >= place:
                    break
                place = max(place, end)
            places[index] = place
            height = max(height, place + self.items[index].size)
        return places, height


def _obstacles(items: Sequence[Item], handovers: Sequence[Handover]) -> list[list[_Obstacle]]:
    """For each item, those that are in use at the same time."""
    forbidden = {(h.earlier, h.later): h.forbidden for h in handovers}
    obstacles: list[list[_Obstacle]] = [[] for _ in items]
    for i, a in enumerate(items):
        for j, b in enumerate(items):
            if i == j or a.death < b.birth or b.death < a.birth or (j, i) in forbidden:
                continue
            for low, high in forbidden.get((i, j), ((-b.size, a.size),)):
                obstacles[j].append((i, low, high))
                if (i, j) in forbidden:
                    obstacles[i].append((j, -high, -low))
    return obstacles
