"""Which layout each value of a graph gets, so that few bytes have to be moved between layouts.

Every node, and every port, is a site with a choice (`rules.Choice`). Where a value is stored in one layout and wanted
in another, its bytes are moved at run time: that is what an assignment costs. It starts with every value as the file
has it, where each `transpose` costs what it moves. Then, as long as something gets cheaper:

1. an edge that costs is mended, by its reader or by its writer working in the other's layout; what that means for
   their neighbours spreads as far as the rules carry it (`_Proposals`);
2. of all sites with a proposal, those that should take it are found by a minimum cut.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from edgeq.ir import Graph, Node
from edgeq.passes.layout.fixed import Fixed, fixed_values
from edgeq.passes.layout.min_cut import MinCut
from edgeq.passes.layout.order import Layout
from edgeq.passes.layout.rules import Choice, Place, Site, choose, unchanged

_MOVE = 1000
"""Cost of a byte that is moved, in those of a reshape, which moves none."""

_PORT = 2
"""Cost of a port in another layout than the file's: more than a reshape, less than any move."""

_NEVER = 10**15

SiteName = tuple[str, str]
"""`("node", its name)`, `("input", value)` or `("output", value)`."""


@dataclass(frozen=True)
class _Edge:
    """A value on its way from the site that makes it to one that reads it, at an input of it."""

    value: str
    writer: SiteName
    reader: SiteName
    index: int


@dataclass(frozen=True)
class Problem:
    """A graph, and what may change.

    Attributes:
        graph: the graph.
        nhwc_ports: whether ports may have their channels last where the file has them in second place.
    """

    graph: Graph
    nhwc_ports: bool

    @cached_property
    def nodes(self) -> Mapping[str, Node]:
        """By name."""
        return {node.name: node for node in self.graph.nodes}

    @cached_property
    def fixed(self) -> Mapping[str, Fixed]:
        """Values made of constants."""
        return fixed_values(self.graph)

    @cached_property
    def sites(self) -> Mapping[SiteName, Site]:
        """What the rules see of each node that has a rule to be asked: one output, and work at run time."""
        found: dict[SiteName, Site] = {}
        for node in self.graph.nodes:
            if len(node.outputs) == 1 and node.outputs[0] not in self.fixed:
                inputs = (self.fixed.get(v) for v in node.inputs)
                free = tuple(f is not None and f.has_free_columns for f in inputs)
                types = self.graph.input_types(node)
                found["node", node.name] = Site(node.attrs, types, self.graph.types[node.outputs[0]], free)
        return found

    @cached_property
    def edges(self) -> tuple[_Edge, ...]:
        """All of them, in graph order, but those from constants."""
        nodes = ((("node", n.name), v, i) for n in self.graph.nodes for i, v in enumerate(n.inputs) if v)
        ports = ((("output", v), v, 0) for v in dict.fromkeys(self.graph.outputs))
        readers: list[tuple[SiteName, str, int]] = [*nodes, *ports]
        return tuple(_Edge(v, self._writer(v), reader, i) for reader, v, i in readers if v not in self.fixed)

    def _writer(self, value: str) -> SiteName:
        node = self.graph.producers.get(value)
        return ("node", node.name) if node else ("input", value)

    @cached_property
    def edges_of(self) -> Mapping[str, tuple[_Edge, ...]]:
        """The edges of each value."""
        found: dict[str, list[_Edge]] = {}
        for edge in self.edges:
            found.setdefault(edge.value, []).append(edge)
        return {value: tuple(edges) for value, edges in found.items()}

    def start(self) -> dict[SiteName, Choice]:
        """Everything as the file has it."""
        choices = {name: unchanged(site) for name, site in self.sites.items()}
        for node in self.graph.nodes:
            choices.setdefault(("node", node.name), self._rigid(node))
        for kind, names in (("input", self.graph.inputs), ("output", self.graph.outputs)):
            choices.update(((kind, v), self._port(Layout.plain(len(self.graph.types[v].shape)))) for v in names)
        return choices

    def _rigid(self, node: Node) -> Choice:
        inputs = tuple(Layout.plain(len(t.shape)) if t else None for t in self.graph.input_types(node))
        return Choice(Layout.plain(len(self.graph.types[node.outputs[0]].shape)), inputs, node.attrs)

    def _port(self, layout: Layout) -> Choice:
        return Choice(layout, (layout,), None)

    def choose(self, name: SiteName, place: Place, layout: Layout) -> Choice | None:
        """How a site works with a layout at one place; None where it cannot."""
        if name[0] == "node":
            return choose(self.sites[name], place, layout) if name in self.sites else None
        return self._port(layout) if layout.is_plain or (self.nhwc_ports and _channels_last(layout)) else None

    def edge_cost(self, edge: _Edge, writer: Choice, reader: Choice) -> int:
        """What it costs to hand a value over."""
        wanted = reader.inputs[edge.index]
        assert wanted is not None
        return self._cost(edge.value, self.stored(edge.value, writer), wanted)

    def stored(self, value: str, writer: Choice) -> Layout:
        """The layout of a value for the choice of the site that makes it; plain where that makes several."""
        node = self.graph.producers.get(value)
        several = node is not None and len(node.outputs) > 1
        return Layout.plain(len(self.graph.types[value].shape)) if several else writer.output

    def _cost(self, value: str, stored: Layout, wanted: Layout) -> int:
        type_ = self.graph.types[value]
        if stored == wanted:
            return 0
        if stored.columns or wanted.columns:
            return _NEVER
        return 1 if stored.same_bytes(wanted, type_.shape) else _MOVE * type_.bytes

    def site_cost(self, name: SiteName, choice: Choice) -> int:
        """What a choice costs by itself."""
        return _PORT if name[0] != "node" and not choice.output.is_plain else 0

    def cost(self, choices: Mapping[SiteName, Choice]) -> int:
        """What an assignment costs: a value is moved once for all that want it in the same layout."""
        total = sum(self.site_cost(name, choice) for name, choice in choices.items())
        for value, edges in self.edges_of.items():
            wanted = {choices[edge.reader].inputs[edge.index] for edge in edges}
            stored = self.stored(value, choices[edges[0].writer])
            total += sum(self._cost(value, stored, layout) for layout in wanted if layout is not None)
        return total


def _channels_last(layout: Layout) -> bool:
    rank = len(layout.perm)
    return rank > 2 and layout.columns is None and layout.perm == (0, *range(2, rank), 1)


@dataclass
class _Proposals:
    """Other choices for some sites, which fit one another.

    Attributes:
        problem: whose sites they are.
        choices: what the sites have chosen.
        made: the proposals.
    """

    problem: Problem
    choices: Mapping[SiteName, Choice]
    made: dict[SiteName, Choice] = field(default_factory=dict)

    def mend(self, edge: _Edge, *, at_reader: bool) -> None:
        """Propose that one side of an edge works in the layout of the other, with all that this means."""
        writer, reader = (self.made.get(s, self.choices[s]) for s in (edge.writer, edge.reader))
        if self.problem.edge_cost(edge, writer, reader) < _MOVE:
            return
        wanted = reader.inputs[edge.index]
        assert wanted is not None
        start = (
            (edge.reader, edge.index, self.problem.stored(edge.value, writer))
            if at_reader
            else (edge.writer, None, wanted)
        )
        queue: deque[tuple[SiteName, Place, Layout]] = deque([start])
        while queue:
            queue.extend(self._visit(*queue.popleft()))

    def _visit(self, name: SiteName, place: Place, layout: Layout) -> Iterable[tuple[SiteName, Place, Layout]]:
        """Propose a choice for one site; returns what that asks of its neighbours."""
        if name in self.made:
            return
        choice = self.problem.choose(name, place, layout)
        if choice is None or choice == self.choices[name]:
            return
        self.made[name] = choice
        for value, is_output, wanted in _values(self.problem.nodes, name, choice):
            for edge in self.problem.edges_of.get(value, ()):
                if not is_output:
                    yield edge.writer, None, wanted
                yield edge.reader, edge.index, wanted

    def best(self) -> dict[SiteName, Choice]:
        """The choices with those proposals taken that make them cheaper."""
        names = {name: number for number, name in enumerate(self.made)}
        cut = MinCut(len(names))
        for name, number in names.items():
            before, after = (self.problem.site_cost(name, c) for c in (self.choices[name], self.made[name]))
            cut.add_cost(number, after - before)
        for edge in self.problem.edges:
            if edge.writer in names or edge.reader in names:
                self._add_edge(cut, edge, names)
        taken = cut.solve()
        return {**self.choices, **{name: self.made[name] for name, number in names.items() if number in taken}}

    def _add_edge(self, cut: MinCut, edge: _Edge, names: Mapping[SiteName, int]) -> None:
        def cost(new_writer: bool, new_reader: bool) -> int:
            chosen = [
                (self.made if new else self.choices).get(site, self.choices[site])
                for new, site in ((new_writer, edge.writer), (new_reader, edge.reader))
            ]
            return self.problem.edge_cost(edge, chosen[0], chosen[1])

        neither, both = cost(new_writer=False, new_reader=False), cost(new_writer=True, new_reader=True)
        if edge.writer not in names or edge.reader not in names:
            cut.add_cost(names[edge.writer if edge.writer in names else edge.reader], both - neither)
            return
        writer, reader = names[edge.writer], names[edge.reader]
        only_writer, only_reader = cost(new_writer=True, new_reader=False), cost(new_writer=False, new_reader=True)
        cut.add_cost(writer, only_writer - neither)
        cut.add_cost(reader, both - only_writer)
        # Below 0 where two sites had better not choose alike, which a cut cannot express: their costs are overstated.
        cut.add_pair(writer, reader, only_writer + only_reader - neither - both)


def _values(nodes: Mapping[str, Node], name: SiteName, choice: Choice) -> Iterator[tuple[str, bool, Layout]]:
    """Each value that a site reads or makes, whether it makes it, and the layout it has for it."""
    if name[0] != "node":
        yield name[1], name[0] == "input", choice.output
        return
    node = nodes[name[1]]
    yield node.outputs[0], True, choice.output
    for value, wanted in zip(node.inputs, choice.inputs, strict=True):
        if value and wanted is not None:
            yield value, False, wanted


def assign(problem: Problem) -> dict[SiteName, Choice]:
    """A choice for every site, so cheap that no single mended edge makes it cheaper."""
    choices = problem.start()
    improved: dict[SiteName, Choice] | None = choices
    while improved is not None:
        choices = improved
        improved = _improved(problem, choices)
    return choices


def _improved(problem: Problem, choices: dict[SiteName, Choice]) -> dict[SiteName, Choice] | None:
    """Cheaper choices; None where none are found."""
    costly = [e for e in problem.edges if problem.edge_cost(e, choices[e.writer], choices[e.reader]) >= _MOVE]
    groups = [(costly, True), (costly, False), *(([e], side) for e in costly for side in (True, False))]
    cost = problem.cost(choices)
    for edges, at_reader in groups:
        proposals = _Proposals(problem, choices)
        for edge in edges:
            proposals.mend(edge, at_reader=at_reader)
        found = proposals.best()
        if problem.cost(found) < cost:
            return found
    return None
