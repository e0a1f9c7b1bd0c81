"""A model ready to be printed as C: kernels chosen, integers computed, memory planned; nothing left to decide."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

import numpy as np

from edgeq import memory
from edgeq.errors import Refusal, UnsupportedModelError
from edgeq.evaluate import lower_node, operands
from edgeq.fixedpoint import rounding
from edgeq.goals import Goal, settle
from edgeq.ir import Graph, Node, TensorType
from edgeq.ir.graph import Array
from edgeq.ir.rewrite import fresh_name
from edgeq.ir.text import print_node
from edgeq.kernels import Kernel
from edgeq.ops import OPS, Params
from edgeq.ops.packing import pack
from edgeq.ops.reshape import ReshapeAttrs
from edgeq.select import ANY, Choice, Machine, Option, select


@dataclass(frozen=True)
class ArenaRef:
    """A value in the arena."""

    value: str
    offset: int


@dataclass(frozen=True)
class ConstantRef:
    """A constant in flash, by its symbol."""

    symbol: str


@dataclass(frozen=True)
class Layer:
    """One node of the graph, and the call that computes it.

    Attributes:
        index: position in the graph.
        name: C identifier, unique in the program: `conv2d_3`.
        node: the graph node.
        line: the node as text, for comments.
        kernel: the C function; None where the output already lies where it should (a view).
        choice: how that was chosen.
        params: integers of the call.
        symbols: the symbol of each array field of `params`.
        inputs: run-time operands.
        outputs: results.
        scratch: offset of the scratch memory; None where the kernel takes none.
        macs: multiply-accumulates.
    """

    index: int
    name: str
    node: Node
    line: str
    kernel: Kernel | None
    choice: Choice
    params: Params
    symbols: Mapping[str, str]
    inputs: tuple[ArenaRef | ConstantRef, ...]
    outputs: tuple[ArenaRef, ...]
    scratch: int | None
    macs: int


@dataclass(frozen=True)
class Port:
    """An input or output of the network.

    Attributes:
        name: of the tensor in the file.
        value: in the graph.
        type: of its elements, and its shape.
        offset: its place in the arena.
        perm: where its dimensions are in another order than the file's, for each that of the tensor; else None.
    """

    name: str
    value: str
    type: TensorType
    offset: int
    perm: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Program:
    """Everything that the templates print.

    Attributes:
        name: C identifier; every symbol begins with it.
        graph: what is computed.
        layers: in execution order, views included.
        inputs: ports in the model's order.
        outputs: ports in the model's order.
        plan: the arena.
        constants: symbol to array, in order of first use; equal arrays are stored once.
        keeps_inputs: whether a run leaves the inputs as they are.
    """

    name: str
    graph: Graph
    layers: tuple[Layer, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    plan: memory.Plan
    constants: Mapping[str, Array]
    keeps_inputs: bool

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        """The kernels that are called, each once, by name."""
        used = {layer.kernel.name: layer.kernel for layer in self.layers if layer.kernel}
        return tuple(used[name] for name in sorted(used))

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one run."""
        return sum(layer.macs for layer in self.layers)

    @property
    def weight_bytes(self) -> int:
        """Bytes of all constants in flash."""
        return sum(a.nbytes for a in self.constants.values())


@dataclass
class _Constants:
    """Arrays in flash: equal bytes of equal type get one symbol."""

    symbols: dict[tuple[str, bytes], str] = field(default_factory=dict)
    arrays: dict[str, Array] = field(default_factory=dict)

    def add(self, stem: str, array: Array) -> str:
        key = (array.dtype.str, array.tobytes())
        if key not in self.symbols:
            self.symbols[key] = stem
            self.arrays[stem] = array
        return self.symbols[key]


def build_program(
    graph: Graph, name: str, *, keep_inputs: bool = False, machine: Machine = ANY, goal: Goal = Goal.SPEED
) -> Program:
    """Lower every node, choose its kernel, plan the memory; nodes change places where that makes the arena smaller.

    Args:
        graph: a quantized graph.
        name: C identifier of the network.
        keep_inputs: whether a run may not overwrite its inputs.
        machine: what it is to run on.
        goal: what kernels are chosen by.

    Raises:
        UnsupportedModelError: listing every node that has no integer meaning or no kernel.
    """
    graph = _with_stored_outputs(graph)
    params, choices = _lower_all(graph, machine)
    choices = settle(choices, goal, lambda chosen: memory.plan(_problem(graph, params, chosen, keep_inputs)))
    order, plan = memory.arrange(_problem(graph, params, choices, keep_inputs))
    graph = graph.with_(nodes=tuple(graph.nodes[i] for i in order))
    params, choices = [params[i] for i in order], [choices[i] for i in order]
    constants = _Constants()
    layers = tuple(
        _layer(graph, index, node, params[index], choices[index], plan, constants)
        for index, node in enumerate(graph.nodes)
    )
    return Program(
        name=name,
        graph=graph,
        layers=layers,
        inputs=tuple(_port(graph, v, plan) for v in graph.inputs),
        outputs=tuple(_port(graph, v, plan) for v in graph.outputs),
        plan=plan,
        constants=constants.arrays,
        keeps_inputs=keep_inputs,
    )


def _with_stored_outputs(graph: Graph) -> Graph:
    """Outputs lie in the arena: one that is a constant is copied there."""
    for value in graph.outputs:
        if value in graph.constants:
            type_ = graph.types[value]
            stored = fresh_name(graph, f"{value}.out")
            copy = Node(stored, "reshape", (value,), (stored,), ReshapeAttrs(type_.shape), f"constant output {value}")
            graph = graph.with_(
                nodes=(*graph.nodes, copy),
                outputs=tuple(stored if v == value else v for v in graph.outputs),
                types={**graph.types, stored: type_},
                origins={**graph.origins, **({stored: graph.origins[value]} if value in graph.origins else {})},
            )
    return graph


def _lower_all(graph: Graph, machine: Machine) -> tuple[list[Params], list[Choice]]:
    params: list[Params] = []
    choices: list[Choice] = []
    refused = []
    for node in graph.nodes:
        try:
            lowered = lower_node(graph, node)
            inputs = [graph.types[v] for v in operands(node)]
            with rounding(graph.rounding):
                choices.append(select(node.op, lowered, inputs, graph.output_types(node), machine))
            params.append(lowered)
        except Refusal as error:
            refused.append((node.source or node.name, str(error)))
    if refused:
        raise UnsupportedModelError(graph.name, refused)
    return params, choices


def _problem(graph: Graph, params: Sequence[Params], choices: Sequence[Choice], keep_inputs: bool) -> memory.Problem:
    """What has to be laid out with these kernels."""
    steps = [_step(graph, node, p, c.taken) for node, p, c in zip(graph.nodes, params, choices, strict=True)]
    arena = [*graph.inputs, *(v for node in graph.nodes for v in node.outputs)]
    sizes = {v: graph.types[v].bytes for v in arena}
    alignment = max((memory.ALIGNMENT, *(graph.types[v].dtype.bytes for v in arena)))
    return memory.Problem(sizes, steps, graph.inputs, graph.outputs, keep_inputs, alignment)


def _step(graph: Graph, node: Node, params: Params, taken: Option) -> memory.Step:
    dynamic = [i for i, v in enumerate(operands(node)) if v not in graph.constants]
    return memory.Step(
        reads=tuple(v for v in operands(node) if v not in graph.constants),
        writes=node.outputs,
        scratch=taken.scratch,
        aliases=OPS[node.op].aliases(params),
        inplace=tuple(dynamic.index(i) for i in taken.kernel.inplace if i in dynamic),
        overlap=(taken.overlap,) if 0 in dynamic else (),
    )


def _stored(graph: Graph, constant: str) -> Array:
    """The array in flash of a constant that a kernel is given as an operand."""
    dtype, array = graph.types[constant].dtype, graph.constants[constant]
    return pack(array, dtype.bits).view(np.int8) if dtype.is_narrow else array


def _layer(
    graph: Graph,
    index: int,
    node: Node,
    params: Params,
    choice: Choice,
    plan: memory.Plan,
    constants: _Constants,
) -> Layer:
    name = f"{node.op}_{index}"
    elided = plan.elided[index]

    def reference(value: str) -> ArenaRef | ConstantRef:
        if value in graph.constants:
            stem = f"{name}_input{node.inputs.index(value) + 1}"
            return ConstantRef(constants.add(stem, _stored(graph, value)))
        return ArenaRef(value, plan.offsets[value])

    packed = choice.taken.params
    arrays = {f.name: getattr(packed, f.name) for f in fields(packed)} if not elided else {}
    return Layer(
        index=index,
        name=name,
        node=node,
        line=print_node(graph, node),
        kernel=None if elided else choice.taken.kernel,
        choice=choice,
        params=packed,
        symbols={f: constants.add(f"{name}_{f}", a) for f, a in arrays.items() if isinstance(a, np.ndarray)},
        inputs=() if elided else tuple(reference(v) for v in operands(node)),
        outputs=tuple(ArenaRef(v, plan.offsets[v]) for v in node.outputs),
        scratch=plan.scratch[index],
        macs=OPS[node.op].macs(params),
    )


def _port(graph: Graph, value: str, plan: memory.Plan) -> Port:
    origin = graph.origins.get(value)
    name = (origin.name if origin else "") or value
    return Port(name, value, graph.types[value], plan.offsets[value], origin.perm if origin else None)
