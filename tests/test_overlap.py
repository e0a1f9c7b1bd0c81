"""How far an output begins before a dying input: C kernels run with both in one memory, at exactly that distance.

At the least distance that a kernel promises, and at every larger one, the output is what it is in memory of its own;
one element below, it is wrong for some calls and inputs, so that no memory is given away.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import kernel_library
import numpy as np
import pytest
from cases import CASES
from cases.case import seeds
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from kernel_cases import graph_of, machine_for, names_of_cases, widths
from narrow_weights import fitting, narrowed
from random_graphs import random_graphs
from rewriting import random_array

from edgeq.errors import EdgeqError
from edgeq.evaluate import operands
from edgeq.fixedpoint import Rounding
from edgeq.ir import DType, Graph, Node, Quant, TensorType
from edgeq.kernels import KERNELS, Kernel, overlap
from edgeq.ops import OPS
from edgeq.ops.activation import Activation
from edgeq.ops.bipolar import BipolarAttrs
from edgeq.ops.conv2d import Conv2dAttrs, DepthwiseConv2dAttrs
from edgeq.ops.pool import ScaledPoolParams
from edgeq.program import ArenaRef, ConstantRef, Layer, Program, build_program

_EXAMPLES = 10
_DRAWS = 20
"""Per example; draws that a kernel refuses prove nothing, so there are a few."""
_INPUTS = 40
"""Tried to show that a distance is too small: a changed byte of the input need not change the output."""

_settings = settings(
    max_examples=_EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],  # what fails says kernel and distance; making the graph smaller would take minutes
)
_APART = (Kernel.__dataclass_fields__["overlap"].default, overlap.apart)
_BELOW = {"mve": (1, 4, 16)}
"""Elements below the least distance that are tried: where words are written, a byte below is another kind of write."""

_SHARING = [kernel for kernel in KERNELS if kernel.overlap not in _APART]
_IN_PLACE = [(kernel, index) for kernel in KERNELS for index in kernel.inplace]
_BY_RUNS = (overlap.repeated, overlap.gathered_runs, overlap.scattered_runs)
"""Of kernels that copy runs with `memcpy`, which may not overlap even where the copy would come out right."""


@dataclass(frozen=True)
class _Call:
    """A kernel and its parameters, to be run on any inputs in any memory."""

    program: Program
    layer: Layer
    kernel: Kernel

    @property
    def first(self) -> str:
        """The value whose memory the output may take over."""
        ref = self.layer.inputs[0]
        assert isinstance(ref, ArenaRef)
        return ref.value

    @property
    def output(self) -> str:
        return self.layer.outputs[0].value

    @property
    def step(self) -> int:
        """Bytes of the larger element, so that both stay aligned; bits are in words."""
        dtypes = [self.program.graph.types[v].dtype for v in (self.first, self.output)]
        return max(4 if dtype is DType.B1 else dtype.bytes for dtype in dtypes)

    @property
    def least(self) -> int | None:
        """The distance that the kernel promises, in whole elements."""
        distance = self.kernel.overlap(self.layer.params)
        return None if distance is None else -(-distance // self.step) * self.step

    def random_inputs(self, seed: int) -> dict[str, Any]:
        """The bytes of every value that is read at run time."""
        rng = np.random.default_rng(seed)
        values = dict.fromkeys(ref.value for ref in self.layer.inputs if isinstance(ref, ArenaRef))
        arrays = {v: random_array(rng, self.program.graph.types[v]) for v in values}
        return {v: np.frombuffer(array.tobytes(), np.uint8) for v, array in arrays.items()}

    def run(self, inputs: Mapping[str, Any], distance: int, shared: str | None = None) -> Any:
        """The bytes of the output, where it begins so many bytes before an input, the first if none is given."""
        shared = shared or self.first
        size = self.program.graph.types[self.output].bytes
        room = _up(max(size, inputs[shared].size) + 256)
        places, end = {shared: room, self.output: room - distance}, 3 * room
        for value, data in inputs.items():
            if value != shared:
                places[value], end = end, end + _up(data.size)
        arena = _aligned_bytes(end + 2**15)
        for value, data in inputs.items():
            arena[places[value] : places[value] + data.size] = data
        kernel_library._call(self.program, self.moved(places, end), arena)
        return arena[places[self.output] : places[self.output] + size]

    def moved(self, places: Mapping[str, int], scratch: int) -> Layer:
        """The layer, with everything at other places."""
        refs = [r if isinstance(r, ConstantRef) else ArenaRef(r.value, places[r.value]) for r in self.layer.inputs]
        outputs = tuple(ArenaRef(r.value, places[r.value]) for r in self.layer.outputs)
        needed = None if self.layer.scratch is None else scratch
        return replace(self.layer, inputs=tuple(refs), outputs=outputs, scratch=needed)

    def right_at(self, distance: int, seed: int) -> bool:
        """Whether the output is what it is in memory of its own."""
        inputs = self.random_inputs(seed)
        return np.array_equal(self.run(inputs, distance), self.run(inputs, -_up(inputs[self.first].size)))


def _up(size: int) -> int:
    return -(-size // 16) * 16


def _aligned_bytes(size: int) -> Any:
    """Beginning at a multiple of 16."""
    memory = np.full(size + 16, 0xA5, np.uint8)
    start = -memory.ctypes.data % 16
    return memory[start : start + size]


def _calls(kernel: Kernel, graph: Graph) -> list[_Call]:
    """The calls of a kernel in a graph, or in one like it with the operands that the kernel takes."""
    graph = fitting(graph, kernel, max(kernel.weight_bits))
    for divisor in (None, 128, 256, 64):  # by what the steps of ops with a fixed scale become finer in int16
        try:
            program = build_program(_retyped(graph, kernel, divisor), "net", machine=machine_for(kernel))
        except EdgeqError:
            continue  # what the op or this contract refuses
        calls = [_Call(program, layer, kernel) for layer in program.layers if layer.kernel is kernel]
        if calls:
            return [call for call in calls if isinstance(call.layer.inputs[0], ArenaRef)]
    return []


def _retyped(graph: Graph, kernel: Kernel, divisor: int | None) -> Graph:
    """The graph with the operands that the kernel takes, if a divisor of the steps for int16 is given."""
    if divisor is None:
        return graph
    types, nodes = dict(graph.types), []
    for node in graph.nodes:
        if node.op in kernel.ops:
            pairs = [*zip(operands(node), kernel.inputs, strict=False), *zip(node.outputs, kernel.outputs, strict=True)]
            for value, dtype in pairs:
                if dtype == "s16" and types[value].dtype is DType.S8 and value not in graph.constants:
                    quant = Quant.per_tensor(types[value].scale / divisor, 0)
                    types[value] = replace(types[value], dtype=DType.S16, quant=quant)
            if kernel.params is ScaledPoolParams:
                output = types[node.outputs[0]]
                types[node.outputs[0]] = replace(output, quant=Quant.per_tensor(output.scale * 1.5, output.zero_point))
        in_reals = {"in_reals": True} if hasattr(node.attrs, "in_reals") else {}
        nodes.append(replace(node, attrs=replace(node.attrs, **in_reals)))
    return graph.with_(types=types, nodes=tuple(nodes))


@st.composite
def _graphs(draw: st.DrawFn, kernel: Kernel) -> Graph:
    """Graphs in which the kernel may be taken."""
    if kernel.ops == ("bipolar",):
        return _signs(draw(st.integers(1, 200)))
    names, bits = names_of_cases(kernel), draw(widths(kernel))
    source = draw(st.integers(0, 3))
    if source <= 1 and set(kernel.ops) & {"conv2d", "depthwise_conv2d"}:
        return narrowed(draw(_convolutions(depthwise="conv2d" not in kernel.ops)), bits)
    if source == 0 or not names:
        return narrowed(draw(random_graphs()).with_(rounding=Rounding.DOUBLE), bits)
    graph = graph_of(draw(CASES[draw(st.sampled_from(names))]))
    return narrowed(graph, bits)


def _signs(count: int) -> Graph:
    """Bytes that become bits, which no case has."""
    quants = Quant.per_tensor(0.1, 3), Quant.per_tensor(1.0, 0)
    types = {v: TensorType((1, count), d, q) for v, d, q in zip("xy", (DType.S8, DType.B1), quants, strict=True)}
    return Graph("net", ("x",), ("y",), (Node("n", "bipolar", ("x",), ("y",), BipolarAttrs()),), types, {})


@st.composite
def _convolutions(draw: st.DrawFn, *, depthwise: bool) -> Graph:
    """One convolution over an image that is large enough for kernels that make a few rows and columns at a time."""
    rng = np.random.default_rng(draw(seeds))
    height, width, in_c = draw(st.integers(3, 20)), draw(st.integers(3, 20)), draw(st.integers(1, 10))
    out_c = in_c if depthwise else draw(st.integers(1, 12))
    size, stride = draw(st.sampled_from([1, 2, 3, 3, 3])), draw(st.sampled_from([1, 1, 2]))
    weights = rng.integers(-127, 128, (1, size, size, in_c) if depthwise else (out_c, size, size, in_c))
    attrs = (DepthwiseConv2dAttrs if depthwise else Conv2dAttrs)(
        stride=(stride, stride),
        padding=draw(st.sampled_from([((size - 1) // 2,) * 4, (0, size // 2, 0, size // 2)])),
        activation=Activation.RELU,
    )
    op = "depthwise_conv2d" if depthwise else "conv2d"
    types = {
        "x": TensorType((draw(st.integers(1, 2)), height, width, in_c), DType.S8, Quant.per_tensor(0.05, 3)),
        "w": TensorType(weights.shape, DType.S8, Quant.per_tensor(0.02, 0)),
    }
    (shape,) = OPS[op].infer(attrs, list(types.values()))
    types["y"] = TensorType(shape, DType.S8, Quant.per_tensor(0.03 * size * (1 if depthwise else in_c**0.5), -128))
    node = Node("n", op, ("x", "w"), ("y",), attrs)
    return Graph("net", ("x",), ("y",), (node,), types, {"w": weights.astype(np.int8)})


@pytest.mark.parametrize("kernel", _SHARING, ids=lambda k: k.name)
def test_the_least_distance_is_right_and_tight(kernel: Kernel) -> None:
    tried, tried_below, wrong_below = 0, 0, 0

    @_settings
    @given(data=st.data())
    def compare(data: st.DataObject) -> None:
        nonlocal tried, tried_below, wrong_below
        for _ in range(_DRAWS):
            calls = _calls(kernel, data.draw(_graphs(kernel)))
            seed = data.draw(seeds)
            for call in calls:
                least = call.least
                if least is None:
                    continue
                assert call.right_at(least, seed)
                assert call.right_at(least + call.step * data.draw(st.integers(1, 12)), seed)
                tried += 1
                if least > -call.program.graph.types[call.first].bytes:
                    tried_below += 1
                    below = [least - call.step * n for n in _BELOW.get(kernel.isa, (1,))]
                    wrong_below += not all(call.right_at(b, seed + i) for b in below for i in range(_INPUTS))
            if calls:
                return

    compare()
    assert tried, f"{kernel.name} was not tried"
    rounds = (kernel.inputs[0], kernel.outputs[0]) in (("f32", "s8"), ("s16", "s8"))  # changed last bits do not show
    if kernel.overlap not in _BY_RUNS and not rounds:
        assert wrong_below or tried_below < 4, f"{kernel.name} gives memory away"


@pytest.mark.parametrize(("kernel", "index"), _IN_PLACE, ids=lambda p: p.name if isinstance(p, Kernel) else f"input{p}")
def test_an_output_may_lie_in_the_place_of_an_input_that_is_not_smaller(kernel: Kernel, index: int) -> None:
    tried = 0

    @_settings
    @given(data=st.data())
    def compare(data: st.DataObject) -> None:
        nonlocal tried
        for _ in range(_DRAWS):
            for call in _calls(kernel, data.draw(_graphs(kernel))):
                inputs = call.random_inputs(data.draw(seeds))
                ref = call.layer.inputs[index]
                alone = call.run(inputs, -_up(inputs[call.first].size))
                if isinstance(ref, ArenaRef) and inputs[ref.value].size >= alone.size:
                    tried += 1
                    np.testing.assert_array_equal(call.run(inputs, 0, ref.value), alone)
                    return

    compare()
    assert tried, f"{kernel.name} was not tried"
