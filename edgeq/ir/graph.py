"""The graph: nodes in topological order over named values. Everything is frozen; a change makes a new graph.

The grammar, whole:

    graph  = name, inputs, outputs, nodes, types, constants, origins, rounding
    node   = name, op, inputs, outputs, attrs, source
    type   = shape, dtype, quant                (edgeq.ir.tensor)
    origin = tensor name, tensor index, kept channels, order of dimensions

A value is a name. It is defined once: as a graph input, as a constant, or as an output of one node.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from edgeq.fixedpoint import Rounding
from edgeq.ir.tensor import TensorType

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Origin:
    """Which tensor of the model file a value equals.

    Attributes:
        name: the tensor's name in the file, "" where it has none.
        index: its index in the file.
        channels: where passes removed channels, those of the last axis that are left, in order; else None.
        perm: where passes changed the order of dimensions, for each of the value's that of the tensor; else None.
    """

    name: str
    index: int
    channels: tuple[int, ...] | None = None
    perm: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Node:
    """One operation.

    Attributes:
        name: unique in its graph.
        op: key of `edgeq.ops.OPS`.
        inputs: value names; "" for an optional input that is absent.
        outputs: value names.
        attrs: the op's own frozen dataclass.
        source: where it is from, for messages: `CONV_2D #3 "block1/conv"`.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attrs: Any
    source: str = ""

    @property
    def label(self) -> str:
        """The source without the tensor's name, for sentences: `CONV_2D #3`."""
        return self.source.partition(' "')[0] or self.name


@dataclass(frozen=True)
class Graph:
    """A typed dataflow graph; see the module's grammar. `rounding` is how its integers are requantized."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    types: Mapping[str, TensorType]
    constants: Mapping[str, Array] = field(default_factory=dict)
    origins: Mapping[str, Origin] = field(default_factory=dict)
    rounding: Rounding = Rounding.DOUBLE

    def __post_init__(self) -> None:
        for array in self.constants.values():
            array.setflags(write=False)
        for name in ("types", "constants", "origins"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Graph):
            return NotImplemented
        return (
            self._all_but_constants() == other._all_but_constants()
            and self.constants.keys() == other.constants.keys()
            and all(_same_array(a, other.constants[name]) for name, a in self.constants.items())
        )

    def _all_but_constants(self) -> tuple[Any, ...]:
        types, origins = dict(self.types), dict(self.origins)
        return self.name, self.inputs, self.outputs, self.nodes, types, origins, self.rounding

    __hash__ = None  # type: ignore[assignment]  # compared by content, constants included

    @cached_property
    def producers(self) -> Mapping[str, Node]:
        """The node that makes each value; inputs and constants have none."""
        return {value: node for node in self.nodes for value in node.outputs}

    @cached_property
    def users(self) -> Mapping[str, tuple[Node, ...]]:
        """The nodes that read each value, in order, each once."""
        users: dict[str, list[Node]] = {}
        for node in self.nodes:
            for value in dict.fromkeys(node.inputs):
                if value:
                    users.setdefault(value, []).append(node)
        return {value: tuple(nodes) for value, nodes in users.items()}

    def input_types(self, node: Node) -> tuple[TensorType | None, ...]:
        """Types of a node's inputs; None where an optional one is absent."""
        return tuple(self.types[v] if v else None for v in node.inputs)

    def output_types(self, node: Node) -> tuple[TensorType, ...]:
        """Types of a node's outputs."""
        return tuple(self.types[v] for v in node.outputs)

    def with_(self, **changes: Any) -> "Graph":
        """A copy with some fields replaced."""
        return replace(self, **changes)


def _same_array(a: Array, b: Array) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
