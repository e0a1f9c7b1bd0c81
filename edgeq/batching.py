"""The same float graph for many samples at once: calibration runs faster where NumPy sees large arrays.

Samples lie side by side along the first dimension. That this is right is not proved op by op: two samples together have
to give what they give one by one.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from edgeq.evaluate import evaluate_float
from edgeq.ir import Graph, Node, Shape, TensorType
from edgeq.ir.graph import Array
from edgeq.ops.arg_max import ArgMaxAttrs
from edgeq.ops.broadcast import BroadcastAttrs
from edgeq.ops.concat import ConcatAttrs
from edgeq.ops.gather import GatherAttrs
from edgeq.ops.mirror_pad import MirrorPadAttrs
from edgeq.ops.pad import PadAttrs
from edgeq.ops.reduce import ReduceAttrs
from edgeq.ops.reshape import ReshapeAttrs
from edgeq.ops.slice import SliceAttrs
from edgeq.ops.transpose import TransposeAttrs

_TOLERANCE = 1e-4
"""Of the largest output: sums may be added in another order."""


def rebatch(graph: Graph, count: int) -> Graph | None:
    """The graph for `count` samples at once, which follow one another along the first dimension of every port.

    Args:
        graph: of floats, for one sample: the first dimension of its inputs is 1.
        count: number of samples.

    Returns:
        None where samples cannot be kept apart.
    """
    if any(graph.types[name].shape[:1] != (1,) for name in graph.inputs):
        return None
    try:
        pair, many = _Batch(graph, 2).graph(), _Batch(graph, count).graph()
        return many if _computes_the_same(graph, pair) else None
    except _ImpossibleError:
        return None


class _ImpossibleError(Exception):
    """Samples would mix."""


@dataclass
class _Batch:
    """A graph for several samples; `batched` values depend on the samples, so that their first dimension grows."""

    one: Graph
    count: int
    types: dict[str, TensorType] = field(default_factory=dict)
    constants: dict[str, Array] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    batched: set[str] = field(default_factory=set)

    def graph(self) -> Graph:
        """The whole graph; `_ImpossibleError` where a node mixes samples."""
        self.types.update(self.one.types)
        self.constants.update(self.one.constants)
        for name in self.one.inputs:
            self._grow(name)
        for node in self.one.nodes:
            self.nodes.append(self._node(node))
        if not self.batched.issuperset(self.one.outputs):
            raise _ImpossibleError
        return self.one.with_(nodes=tuple(self.nodes), types=self.types, constants=self.constants)

    def _grow(self, value: str) -> None:
        first, *rest = self.one.types[value].shape or (0,)
        if not first:
            raise _ImpossibleError
        self.types[value] = replace(self.one.types[value], shape=(first * self.count, *rest))
        self.batched.add(value)

    def _node(self, node: Node) -> Node:
        """A node that works on all samples, if it works on any."""
        if self.batched.isdisjoint(node.inputs):
            return node
        for value in node.outputs:
            self._grow(value)
        adapt = _ADAPT.get(type(node.attrs))
        shape = self.one.types[node.outputs[0]].shape
        attrs = adapt(node.attrs, shape, self.count) if adapt else node.attrs
        if isinstance(attrs, GatherAttrs) and attrs.axis == 0 and node.inputs[0] in self.batched:
            raise _ImpossibleError
        full = isinstance(attrs, ConcatAttrs)
        return replace(node, attrs=attrs, inputs=tuple(self._beside(v, shape, full=full) for v in node.inputs))

    def _beside(self, value: str, output: Shape, *, full: bool) -> str:
        """A constant that differs along the first dimension, or has to be as large, once per sample."""
        array = self.one.constants.get(value)
        if array is None or array.ndim != len(output) or array.shape[:1] != output[:1]:
            return value
        if array.shape[0] == 1 and not full:
            return value
        name = f"{value}.x{self.count}"
        self.constants[name] = np.concatenate([array] * self.count)
        self.types[name] = replace(self.one.types[value], shape=self.constants[name].shape)
        return name


def _require(condition: bool) -> None:
    if not condition:
        raise _ImpossibleError


def _reshape(_: ReshapeAttrs, shape: Shape, count: int) -> ReshapeAttrs:
    return ReshapeAttrs((shape[0] * count, *shape[1:]))


def _broadcast(_: BroadcastAttrs, shape: Shape, count: int) -> BroadcastAttrs:
    return BroadcastAttrs((shape[0] * count, *shape[1:]))


def _transpose(attrs: TransposeAttrs, _: Shape, __: int) -> TransposeAttrs:
    _require(attrs.perm[0] == 0)
    return attrs


def _concat(attrs: ConcatAttrs, _: Shape, __: int) -> ConcatAttrs:
    _require(attrs.axis != 0)
    return attrs


def _pad(attrs: Any, _: Shape, __: int) -> Any:
    _require(attrs.before[0] == attrs.after[0] == 0)
    return attrs


def _slice(attrs: SliceAttrs, shape: Shape, count: int) -> SliceAttrs:
    _require((attrs.begin[0], attrs.stride[0]) == (0, 1))
    return replace(attrs, size=(shape[0] * count, *shape[1:]))


def _reduce(attrs: ReduceAttrs, shape: Shape, _: int) -> ReduceAttrs:
    """A reduction of the only sample leaves each of several as it is."""
    _require(0 not in attrs.axes or (attrs.keep_dims and shape[0] == 1))
    return replace(attrs, axes=tuple(a for a in attrs.axes if a))


def _arg_max(attrs: ArgMaxAttrs, _: Shape, __: int) -> ArgMaxAttrs:
    _require(attrs.axis != 0)
    return attrs


_ADAPT: dict[type, Callable[[Any, Shape, int], Any]] = {
    ArgMaxAttrs: _arg_max,
    BroadcastAttrs: _broadcast,
    ConcatAttrs: _concat,
    MirrorPadAttrs: _pad,
    PadAttrs: _pad,
    ReduceAttrs: _reduce,
    ReshapeAttrs: _reshape,
    SliceAttrs: _slice,
    TransposeAttrs: _transpose,
}
"""Attributes and the output's shape for one sample, and how many there are, to the attributes for all of them."""


def _computes_the_same(one: Graph, pair: Graph) -> bool:
    """Whether two samples together give what they give one by one."""
    rng = np.random.default_rng(0)
    inputs = [rng.standard_normal(pair.types[v].shape).astype(np.float32) for v in one.inputs]
    try:
        with np.errstate(all="ignore"):
            together = evaluate_float(pair, inputs)
            alone = [evaluate_float(one, [x[i : i + 1] for x in inputs]) for i in range(2)]
    except ValueError:
        return False  # shapes that do not fit
    for name in one.outputs:
        wanted = np.concatenate([values[name] for values in alone])
        scale = float(np.abs(wanted[np.isfinite(wanted)]).max(initial=0))
        if not np.allclose(together[name], wanted, rtol=_TOLERANCE, atol=_TOLERANCE * scale, equal_nan=True):
            return False
    return True
