"""A choice of two for each of many things, as cheap as possible where choices depend on one another: a minimum cut.

    total = constant + sum of cost[x] over chosen x + sum of cost[x, y] over pairs with x not chosen and y chosen

Costs of single things may be negative, those of pairs may not. Dinic's algorithm.
"""

from collections import deque


class MinCut:
    """Costs of `count` yes-or-no choices."""

    def __init__(self, count: int) -> None:
        self._source, self._sink = count, count + 1
        self._edges: list[list[int]] = [[] for _ in range(count + 2)]
        self._heads: list[int] = []
        self._left: list[int] = []

    def add_cost(self, x: int, cost: int) -> None:
        """What it costs to choose x; a negative cost is what it costs not to."""
        if cost > 0:
            self._connect(self._source, x, cost)
        elif cost < 0:
            self._connect(x, self._sink, -cost)

    def add_pair(self, x: int, y: int, cost: int) -> None:
        """What it costs to choose y without x."""
        if cost > 0:
            self._connect(x, y, cost)

    def _connect(self, tail: int, head: int, capacity: int) -> None:
        for start, end, left in ((tail, head, capacity), (head, tail, 0)):
            self._edges[start].append(len(self._heads))
            self._heads.append(end)
            self._left.append(left)

    def solve(self) -> set[int]:
        """What to choose, at the lowest total cost."""
        while True:
            levels = self._levels()
            if self._sink not in levels:
                return set(range(self._source)) - levels.keys()
            unseen = [0] * len(self._edges)
            while self._augment(levels, unseen):
                pass

    def _levels(self) -> dict[int, int]:
        """Distance from the source, of all that flow can still reach."""
        levels = {self._source: 0}
        queue = deque([self._source])
        while queue:
            tail = queue.popleft()
            for edge in self._edges[tail]:
                head = self._heads[edge]
                if self._left[edge] and head not in levels:
                    levels[head] = levels[tail] + 1
                    queue.append(head)
        return levels

    def _augment(self, levels: dict[int, int], unseen: list[int]) -> bool:
        """Send flow along one shortest path; False where there is none left."""
        path: list[int] = []
        at = self._source
        while at != self._sink:
            if unseen[at] == len(self._edges[at]):
                if not path:
                    return False
                at = self._heads[path.pop() ^ 1]
                unseen[at] += 1
                continue
            edge = self._edges[at][unseen[at]]
            if self._left[edge] and levels.get(self._heads[edge]) == levels[at] + 1:
                path.append(edge)
                at = self._heads[edge]
            else:
                unseen[at] += 1
        flow = min(self._left[edge] for edge in path)
        for edge in path:
            self._left[edge] -= flow
            self._left[edge ^ 1] += flow
        return True
