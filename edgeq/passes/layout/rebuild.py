"""The graph that an assignment of layouts describes.

Nodes work as chosen. No `transpose` of the old graph is taken over: its result is its input, fetched in another layout.
Where a value is fetched in a layout in which it is not stored, it is moved there, once for all that want it so;
constants, also those behind a `dequantize`, are moved here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from edgeq.ir import DType, Graph, Node, Origin, Shape, TensorType
from edgeq.ir.graph import Array
from edgeq.ir.rewrite import drop_dead
from edgeq.ops.reshape import ReshapeAttrs
from edgeq.ops.transpose import TransposeAttrs
from edgeq.passes.layout.assignment import Problem, SiteName
from edgeq.passes.layout.fixed import Fixed
from edgeq.passes.layout.order import Layout, steps_between
from edgeq.passes.layout.rules import Choice


def rebuild(problem: Problem, choices: Mapping[SiteName, Choice]) -> Graph:
    """The graph with everything as chosen."""
    graph = problem.graph
    builder = _Rebuilder(problem, choices, dict(graph.types), dict(graph.constants), dict(graph.origins))
    for name in graph.inputs:
        builder.store(name, choices["input", name].output)
    for node in graph.nodes:
        builder.add(node)
    outputs = builder.ports()
    rebuilt = graph.with_(
        outputs=outputs,
        nodes=tuple(builder.nodes),
        types=builder.types,
        constants=builder.constants,
        origins=builder.origins,
    )
    return drop_dead(rebuilt)[0]


@dataclass
class _Rebuilder:
    """The new graph under construction; old values keep their names where they are stored."""

    problem: Problem
    choices: Mapping[SiteName, Choice]
    types: dict[str, TensorType]
    constants: dict[str, Array]
    origins: dict[str, Origin]
    nodes: list[Node] = field(default_factory=list)
    stored: dict[str, Layout] = field(default_factory=dict)
    fetched: dict[tuple[str, Layout], str] = field(default_factory=dict)

    def store(self, value: str, layout: Layout) -> None:
        """Let a value be stored in a layout, in all types and origins."""
        type_ = layout.type(self.problem.graph.types[value])
        assert type_ is not None
        self.stored[value] = layout
        self.types[value] = type_
        if value in self.origins and layout.columns:
            del self.origins[value]
        elif value in self.origins:
            self.origins[value] = _ordered(self.origins[value], layout)

    def add(self, node: Node) -> None:
        """Take a node over, as it is chosen to work."""
        if node.outputs[0] in self.problem.fixed:
            return  # fetched where it is wanted
        if isinstance(node.attrs, TransposeAttrs):
            self._inherit_origin(node)
            return
        choice = self.choices["node", node.name]
        shapes = choice.shapes or (None,) * len(node.inputs)
        inputs = [
            self._reshaped(self.fetch(value, wanted, node.source), shape, node.source) if value and wanted else ""
            for value, wanted, shape in zip(node.inputs, choice.inputs, shapes, strict=True)
        ]
        for value in node.outputs:
            self.store(value, self.problem.stored(value, choice))
        self.nodes.append(replace(node, inputs=tuple(inputs), attrs=choice.attrs))

    def fetch(self, value: str, layout: Layout, source: str) -> str:
        """The name of a value in a layout."""
        key = value, layout
        if key not in self.fetched:
            self.fetched[key] = self._fetch(value, layout, source)
        return self.fetched[key]

    def _fetch(self, value: str, layout: Layout, source: str) -> str:
        if value in self.problem.fixed:
            return self._fixed(value, self.problem.fixed[value].in_layout(layout), layout)
        node = self.problem.graph.producers.get(value)
        if node is not None and isinstance(node.attrs, TransposeAttrs):
            inner = Layout(tuple(node.attrs.perm[p] for p in layout.perm))
            return self.fetch(node.inputs[0], inner, node.source)
        return self._moved(value, layout, source)

    def _fixed(self, value: str, fixed: Fixed, layout: Layout) -> str:
        """A constant, and its `dequantize` where it has one, under the old names where nothing moves."""
        constant = fixed.constant
        if fixed.array is not self.constants[constant]:
            constant = self._declare(constant, fixed.type)
            self.constants[constant] = fixed.array
        if fixed.dequantize is None:
            return constant
        node = fixed.dequantize
        same = layout.is_plain and value in node.outputs
        name = value if same else self._declare(value, TensorType(fixed.type.shape, DType.F32))
        self.nodes.append(replace(node, name=node.name if same else f"{name}.n", inputs=(constant,), outputs=(name,)))
        return name

    def _moved(self, value: str, layout: Layout, source: str) -> str:
        stored = self.stored[value]
        if stored == layout:
            return value
        assert stored.columns is None
        assert layout.columns is None
        shape = self.problem.graph.types[value].shape
        if stored.same_bytes(layout, shape):
            return self._reshaped(value, layout.shape(shape), source)
        type_ = layout.type(self.problem.graph.types[value])
        assert type_ is not None
        return self._node("transpose", value, TransposeAttrs(steps_between(stored, layout)), type_, source)

    def _reshaped(self, value: str, shape: Shape | None, source: str) -> str:
        type_ = self.types[value]
        if shape is None or shape == type_.shape:
            return value
        if value in self.constants:
            constant = self._declare(value, type_.with_shape(shape))
            self.constants[constant] = self.constants[value].reshape(shape)
            return constant
        return self._node("reshape", value, ReshapeAttrs(shape), type_.with_shape(shape), source)

    def _node(self, op: str, value: str, attrs: Any, type_: TensorType, source: str) -> str:
        name = self._declare(value, type_)
        self.nodes.append(Node(f"{name}.n", op, (value,), (name,), attrs, source))
        return name

    def _declare(self, stem: str, type_: TensorType) -> str:
        """A new value named like another."""
        number = next(n for n in count(1) if f"{stem}.{n}" not in self.types)
        name = f"{stem}.{number}"
        self.types[name] = type_
        return name

    def _inherit_origin(self, transpose: Node) -> None:
        """What only the result of a transpose is in the file, its input is from now on, in its own order."""
        origin = self.origins.get(transpose.outputs[0])
        value, perm = transpose.inputs[0], transpose.attrs.perm
        while (node := self.problem.graph.producers.get(value)) and isinstance(node.attrs, TransposeAttrs):
            value, perm = node.inputs[0], tuple(node.attrs.perm[p] for p in perm)
        if origin is None or value in self.origins or value not in self.stored:
            return
        stored = self.stored[value]
        if stored.columns is None:
            self.origins[value] = _ordered(origin, Layout(tuple(perm.index(p) for p in stored.perm)))

    def ports(self) -> tuple[str, ...]:
        """The graph's outputs; each has to be written by a node, and none is two ports if it was not before."""
        written: dict[str, str] = {}
        for port in dict.fromkeys(self.problem.graph.outputs):
            layout = self.choices["output", port].output
            name = self.fetch(port, layout, "")
            unwritten = name != port and (name in self.problem.graph.inputs or name in self.constants)
            if unwritten or name in written.values():
                name = self._node("reshape", name, ReshapeAttrs(self.types[name].shape), self.types[name], "")
            written[port] = name
            origin = self.problem.graph.origins.get(port)
            if origin is not None:
                self.origins[name] = _ordered(origin, layout)
        return tuple(written[port] for port in self.problem.graph.outputs)


def _ordered(origin: Origin, layout: Layout) -> Origin:
    """The origin of what is stored in a layout, where the value itself has this one."""
    if layout.is_plain:
        return origin
    perm = tuple(origin.perm[p] for p in layout.perm) if origin.perm else layout.perm
    return replace(origin, perm=None if Layout(perm).is_plain else perm)
