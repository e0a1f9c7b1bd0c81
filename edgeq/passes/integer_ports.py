"""Makes float ports integer ports, so that no float is left.

An input that is only quantized is taken as the integers it would become; an output that was only dequantized is given
as the integers it came from. Scale and zero point are part of the port's type, which the generated header prints as
macros. Reshapes and other moves do not mind what they move: a quantize is done before them, a dequantize after.

What computes with floats after that cannot be compiled, and is refused here, all of it at once.
"""

from collections.abc import Sequence
from dataclasses import replace

from edgeq.errors import UnsupportedModelError
from edgeq.ir import DType, Graph, Node, TensorType
from edgeq.ir.rewrite import apply_rule, drop_dead, fresh_name, replace_node, replace_uses
from edgeq.ops.requantize import RequantizeAttrs

_MOVES = frozenset({"reshape", "slice", "transpose"})
"""Ops with one input whose elements may be of any type."""


def integer_ports(graph: Graph) -> tuple[Graph, Sequence[str]]:
    """The graph with integers for ports, and a sentence per port.

    Raises:
        UnsupportedModelError: listing what needs floats all the same.
    """
    changes: list[str] = []
    for rule in (_quantize_before_move, _dequantize_after_move, _cancel):
        graph, done = apply_rule(graph, rule)
        changes += done
    for name in graph.inputs:
        graph, done = _integer_input(graph, name)
        changes += done
    for name in dict.fromkeys(graph.outputs):
        graph, done = _integer_output(graph, name)
        changes += done
    if changes:
        graph, _ = drop_dead(graph)
    _refuse_floats(graph)
    return graph, changes


def _quantize_before_move(graph: Graph, node: Node) -> tuple[Graph, str] | None:
    """`quantize(move(x))` becomes `move(quantize(x))`."""
    move = graph.producers.get(node.inputs[0]) if node.op == "quantize" else None
    integer = graph.types[node.outputs[0]]
    if move is None or move.op not in _MOVES or not _is_per_tensor(integer):
        return None
    early = fresh_name(graph, f"{move.inputs[0]}.q")
    types = {early: TensorType(graph.types[move.inputs[0]].shape, integer.dtype, integer.quant)}
    quantize = replace(node, inputs=move.inputs, outputs=(early,))
    moved = replace(move, name=f"{move.name}.{early}", inputs=(early,), outputs=node.outputs)
    graph = replace_node(graph, node, quantize, moved, types=types)
    return drop_dead(graph)[0], f"moved {node.label} before {move.label}"


def _dequantize_after_move(graph: Graph, node: Node) -> tuple[Graph, str] | None:
    """`move(dequantize(x))` becomes `dequantize(move(x))`."""
    dequantize = graph.producers.get(node.inputs[0]) if node.op in _MOVES else None
    if dequantize is None or dequantize.op != "dequantize" or not _is_per_tensor(graph.types[dequantize.inputs[0]]):
        return None
    integer = graph.types[dequantize.inputs[0]]
    late = fresh_name(graph, f"{node.outputs[0]}.q")
    types = {late: TensorType(graph.types[node.outputs[0]].shape, integer.dtype, integer.quant)}
    moved = replace(node, inputs=dequantize.inputs, outputs=(late,))
    after = replace(dequantize, name=f"{dequantize.name}.{late}", inputs=(late,), outputs=node.outputs)
    graph = replace_node(graph, node, moved, after, types=types)
    return drop_dead(graph)[0], f"moved {dequantize.label} behind {node.label}"


def _cancel(graph: Graph, node: Node) -> tuple[Graph, str] | None:
    """A quantize of a dequantize with the same scale and zero point: the integers come back as they were."""
    dequantize = graph.producers.get(node.inputs[0]) if node.op == "quantize" else None
    if dequantize is None or dequantize.op != "dequantize":
        return None
    if graph.types[dequantize.inputs[0]] != graph.types[node.outputs[0]]:
        return None
    copy = replace(node, op="requantize", inputs=dequantize.inputs, attrs=RequantizeAttrs())
    return drop_dead(replace_node(graph, node, copy))[0], f"cancelled {dequantize.label} with {node.label}"


def _integer_input(graph: Graph, name: str) -> tuple[Graph, list[str]]:
    """Take the integers that every reader makes of a float input, where all make the same of it."""
    users = graph.users.get(name, ())
    types = {graph.types[user.outputs[0]] for user in users}
    if not users or len(types) > 1 or any(user.op != "quantize" for user in users) or name in graph.outputs:
        return graph, []
    if not _is_per_tensor(*types):
        return graph, []
    port, *others = (user.outputs[0] for user in users)
    inputs = tuple(port if v == name else v for v in graph.inputs)
    for user in users:
        graph = replace_node(graph, user)
    for other in others:
        graph = replace_uses(graph, other, port)
    graph = _named_as_port(graph.with_(inputs=inputs), port, name)
    return graph, [f"made input {_name(graph, port)} integer: {graph.types[port]}"]


def _integer_output(graph: Graph, name: str) -> tuple[Graph, list[str]]:
    """Give the integers that a float output is made of."""
    node = graph.producers.get(name)
    if node is None or node.op != "dequantize" or not _is_per_tensor(graph.types[node.inputs[0]]):
        return graph, []
    port = node.inputs[0]
    outputs = tuple(port if v == name else v for v in graph.outputs)
    if port not in (*graph.inputs, *graph.outputs):
        graph = _named_as_port(graph, port, name)
    graph = graph.with_(outputs=outputs)
    return graph, [f"made output {_name(graph, port)} integer: {graph.types[port]}"]


def _is_per_tensor(type_: TensorType) -> bool:
    """Whether a value has one scale and zero point, as activations must."""
    return type_.quant is not None and type_.quant.axis is None


def _named_as_port(graph: Graph, value: str, port: str) -> Graph:
    """The value that becomes a port bears the port's name for the user; it still equals its own tensor."""
    named, own = graph.origins.get(port), graph.origins.get(value)
    if named is None or own is None:
        return graph
    return graph.with_(origins={**graph.origins, value: replace(own, name=named.name)})


def _name(graph: Graph, value: str) -> str:
    origin = graph.origins.get(value)
    return f'"{origin.name}"' if origin and origin.name else f"%{value}"


def _refuse_floats(graph: Graph) -> None:
    floats = {value for value, type_ in graph.types.items() if type_.dtype is DType.F32}
    refusals: dict[str, str] = {}  # one for each operator of the file, which may have become several nodes
    for node in graph.nodes:
        if not floats.isdisjoint((*node.inputs, *node.outputs)):
            refusals.setdefault(node.source or node.name, _reason(graph, node))
    for value in floats.intersection(graph.inputs, graph.outputs):
        refusals[f"output {_name(graph, value)}"] = "is a float input as it is; accepted: quantized tensors"
    if refusals:
        raise UnsupportedModelError(graph.name, [*refusals.items()])


def _reason(graph: Graph, node: Node) -> str:
    if node.op == "quantize" and node.inputs[0] in graph.inputs:
        return (
            f"the float input {_name(graph, node.inputs[0])} is also read in another way; "
            "accepted: one scale and zero point for all that read it, or the option float_ports"
        )
    return (
        "computes with floats; "
        "accepted: quantized tensors, floats only in inputs that are quantized and in outputs that were dequantized"
    )
