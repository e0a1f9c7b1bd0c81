"""Takes what a file says of quantization out of its graph: Q/DQ nodes become encodings.

    conv2d(dequantize(x), dequantize(w)) -> quantize     =     conv2d(x, w), with encodings for x, w and the result

What remains is a float graph as any other, which `apply` makes an integer graph. Values between whose ends the file
says nothing take the encodings of their neighbours where that is without loss (`spread`).
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from edgeq.ir import DType, Graph, Node, TensorType
from edgeq.ir.graph import Array
from edgeq.ir.rewrite import drop_dead, fresh_name, replace_node, replace_uses
from edgeq.ir.tensor import dequantize
from edgeq.ops.group_scales import reals_of_groups
from edgeq.ops.requantize import RequantizeAttrs
from edgeq.quantize.encoding import Encoding, Encodings
from edgeq.quantize.groups import GROUPED
from edgeq.quantize.roles import ROLES, Role, tied_values

_CLAMPS = frozenset({"clip", "relu", "relu6", "relu_0_to_1", "relu_n1_to_1"})
"""Functions whose results lie within the range of their input."""

_PACKED = frozenset({"conv2d", "dense", "depthwise_conv2d"})
"""Layers that take weights of less than 8 bits."""

_MEANS = frozenset({"avg_pool2d", "mean"})
"""Likewise; but their input need not lie within the range of their results."""


def absorb(graph: Graph) -> tuple[Graph, Encodings]:
    """The graph without its quantize and dequantize nodes, and what they said.

    A `dequantize` of what is computed in integers stays, as does a `quantize` whose integers are read as such.
    """
    values: dict[str, Encoding] = {}
    integers: dict[str, Array] = {}
    factors: dict[str, Array] = {}
    for name in [node.name for node in graph.nodes if node.op in ("quantize", "dequantize")]:
        node = next((n for n in graph.nodes if n.name == name), None)  # as it is by now, if it is still there
        if node is not None and node.op == "quantize":
            graph = _absorb_quantize(graph, node, values)
        elif node is not None and len(node.inputs) > 1:
            graph = _absorb_groups(graph, node, values, integers, factors)
        elif node is not None:
            graph = _absorb_dequantize(graph, node, values, integers)
    graph = drop_dead(graph)[0]
    alive = graph.types.keys()
    return graph, Encodings(
        {v: e for v, e in values.items() if v in alive},
        {v: a for v, a in integers.items() if v in alive},
        factors={v: a for v, a in factors.items() if v in alive},
    )


def _absorb_quantize(graph: Graph, node: Node, values: dict[str, Encoding]) -> Graph:
    """Give what is quantized its encoding; the same reals in a second encoding become a value of their own."""
    (real,), (integer,) = node.inputs, node.outputs
    encoding = _encoding(graph.types[integer])
    if values.setdefault(real, encoding) != encoding:
        copy = fresh_name(graph, f"{real}.as")
        again = Node(f"{node.name}.again", "requantize", (real,), (copy,), RequantizeAttrs(), node.source)
        types = {copy: graph.types[real]}
        graph = replace_node(graph, node, again, replace(node, inputs=(copy,)), types=types)
        values[copy] = encoding
        real = copy
    for reader in graph.users.get(integer, ()):
        if reader.op == "dequantize":
            port = reader.outputs[0] in graph.outputs
            without = replace_uses(replace_node(graph, reader), reader.outputs[0], real)
            graph = _forget(without, reader.outputs[0], real, port=port)
    return graph


def _absorb_dequantize(graph: Graph, node: Node, values: dict[str, Encoding], integers: dict[str, Array]) -> Graph:
    """A dequantized constant is a float constant whose integers are known."""
    (integer,), (real,) = node.inputs, node.outputs
    encoding = _encoding(graph.types[integer])
    if encoding.dtype.is_narrow and not (_is_packed(graph, real) or _is_matrix(graph, real, encoding)):
        encoding = Encoding(DType.S8, encoding.quant)
    values[real] = encoding
    if integer not in graph.constants:
        return graph
    unsigned = graph.types[integer].dtype is DType.U8
    integers[real] = (graph.constants[integer] ^ 0x80).view(np.int8) if unsigned else graph.constants[integer]
    reals = dequantize(graph.constants[integer], graph.types[integer])
    return replace_node(graph, node).with_(constants={**graph.constants, real: reals})


def _absorb_groups(
    graph: Graph, node: Node, values: dict[str, Encoding], integers: dict[str, Array], factors: dict[str, Array]
) -> Graph:
    """The same for weights in groups; where no layer reads them as such, only their reals are known."""
    (constant, table), (real,) = node.inputs, node.outputs
    type_, array = graph.types[constant], graph.constants[constant]
    found = graph.constants[table]
    inner = found.shape[:-1] == array.shape[:-1]
    readers = graph.users.get(real, ())
    if inner and _is_packed(graph, real) and all(r.op in GROUPED for r in readers) and _along_first(type_):
        values[real], integers[real] = _encoding(type_), array
        factors[real] = found.reshape(len(found), -1)
    reals = reals_of_groups(array, type_, found)
    return replace_node(graph, node).with_(constants={**graph.constants, real: reals})


def _along_first(type_: TensorType) -> bool:
    """Whether scales run along the outputs of weights."""
    return type_.quant is not None and type_.quant.axis == 0


def _is_packed(graph: Graph, weights: str) -> bool:
    """Whether all that read a constant are layers that take weights of less than 8 bits."""
    readers = graph.users.get(weights, ())
    return all(r.op in _PACKED and r.inputs[1] == weights and weights not in r.inputs[::2] for r in readers)


def _is_matrix(graph: Graph, constant: str, encoding: Encoding) -> bool:
    """Whether all that read a constant of 4 bits are products of matrices, of which it is the right one."""
    readers = graph.users.get(constant, ())
    right = all(r.op == "batch_matmul" and constant == r.inputs[1] != r.inputs[0] for r in readers)
    per_tensor = encoding.quant.axis is None and encoding.quant.zero_point == (0,)
    return right and per_tensor and encoding.dtype is DType.S4 and constant in graph.types


def _forget(graph: Graph, gone: str, instead: str, *, port: bool) -> Graph:
    """Drop a value's type; the value in its place takes over its origin where it has none, or is now the output."""
    origins = {v: o for v, o in graph.origins.items() if v != gone}
    if gone in graph.origins and (instead not in origins or (port and instead not in graph.inputs)):
        origins[instead] = graph.origins[gone]
    return graph.with_(types={v: t for v, t in graph.types.items() if v != gone}, origins=origins)


def _encoding(type_: TensorType) -> Encoding:
    """That of a type; of bytes without sign the same with sign, as kernels take them."""
    quant = type_.quant
    assert quant is not None
    if type_.dtype is not DType.U8:
        return Encoding(type_.dtype, quant)
    return Encoding(DType.S8, replace(quant, zero_point=tuple(z - 128 for z in quant.zero_point)))


def spread(graph: Graph, known: Mapping[str, Encoding], *, moves_only: bool = False) -> dict[str, Encoding]:
    """Encodings also for values that have none, from neighbours that hold the same reals or more; again and again.

    Args:
        graph: floats.
        known: what there is.
        moves_only: not over clamps and means, behind which a smaller range may do.
    """
    values = dict(known)
    before = -1
    while before != len(values):
        before = len(values)
        for node in graph.nodes:
            encoding = _made_as(graph, node, values, moves_only=moves_only)
            if encoding is not None:
                values.setdefault(node.outputs[0], encoding)
        for value in [v for node in reversed(graph.nodes) for v in node.inputs if v]:
            encoding = _read_as(graph, value, values, moves_only=moves_only)
            if encoding is not None:
                values.setdefault(value, encoding)
    return values


def _made_as(graph: Graph, node: Node, values: Mapping[str, Encoding], *, moves_only: bool) -> Encoding | None:
    """The encoding of all that a node reads, if that holds whatever it makes."""
    if not moves_only and node.op in _CLAMPS | _MEANS:
        return values.get(node.inputs[0])
    tied = [v for v in tied_values(graph, node) if v not in node.outputs]
    found = {values.get(v) for v in tied if v not in graph.constants}
    encoding = found.pop() if len(found) == 1 else None
    if encoding is None or not all(_holds(encoding, graph.constants[v]) for v in tied if v in graph.constants):
        return None
    return encoding


def _holds(encoding: Encoding, constant: Array) -> bool:
    scale, zero = encoding.quant.scale[0], encoding.quant.zero_point[0]
    low, high = ((q - zero) * scale for q in encoding.dtype.range)
    return bool(low - scale / 2 <= constant.min(initial=0) and constant.max(initial=0) <= high + scale / 2)


def _read_as(graph: Graph, value: str, values: Mapping[str, Encoding], *, moves_only: bool) -> Encoding | None:
    """The encoding of all that is made of a value, where that saturates later what would be saturated here.

    To move or to clamp and then to saturate is to saturate and then to move or to clamp.
    """
    if value in values or value in graph.constants or value in graph.outputs or not graph.types[value].dtype.is_float:
        return None
    readers = graph.users[value]
    if any(ROLES[r.op] is not Role.MOVE and (moves_only or r.op not in _CLAMPS) for r in readers):
        return None
    found = {values.get(reader.outputs[0]) for reader in readers}
    return found.pop() if len(found) == 1 else None
