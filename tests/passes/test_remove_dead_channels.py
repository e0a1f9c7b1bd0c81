"""Channels that cannot be told from constants go away, and every remaining value keeps its integers."""

from typing import Any

import kernel_library
import numpy as np
import pytest
from tflite_writer import TfliteWriter

from edgeq.evaluate import evaluate
from edgeq.importers import import_model
from edgeq.ir import Graph
from edgeq.ir.verify import verify
from edgeq.ops import OPS
from edgeq.passes.remove_dead_channels import remove_dead_channels
from edgeq.program import build_program


class _Net:
    """A stack of convolutions with chosen channels dead; every layer's zero point and bias differ from 0."""

    def __init__(self, seed: int, channels: int, size: int = 6) -> None:
        self.rng = np.random.default_rng(seed)
        self.m = TfliteWriter()
        self.size = size
        self.input = self.value = self.m.tensor((2, size, size, channels), scale=0.02, zero_point=-5)
        self.channels = channels

    def conv(self, filters: int, *, dead: Any = (), unread: Any = (), kernel: int = 1) -> "_Net":
        weights = self.rng.integers(-127, 128, (filters, kernel, kernel, self.channels)).astype(np.int8)
        weights[list(dead)] = 0
        weights[..., list(unread)] = 0
        bias = self.m.constant(self.rng.integers(-3000, 3000, filters).astype(np.int32), scale=0.0002)
        out = self.m.tensor((2, self.size, self.size, filters), scale=0.06, zero_point=-11)
        constant = self.m.constant(weights, scale=self.rng.uniform(0.005, 0.02, filters))
        self.m.operator(
            "CONV_2D",
            [self.value, constant, bias],
            [out],
            "Conv2DOptions",
            strideH=1,
            strideW=1,
            dilationHFactor=1,
            dilationWFactor=1,
        )
        self.value, self.channels = out, filters
        return self

    def depthwise(self, *, dead: Any = (), stride: int = 1) -> "_Net":
        weights = self.rng.integers(-127, 128, (1, 3, 3, self.channels)).astype(np.int8)
        weights[..., list(dead)] = 0
        bias = self.m.constant(self.rng.integers(-3000, 3000, self.channels).astype(np.int32), scale=0.0002)
        self.size = -(-self.size // stride)
        out = self.m.tensor((2, self.size, self.size, self.channels), scale=0.09, zero_point=7)
        constant = self.m.constant(weights, scale=self.rng.uniform(0.005, 0.02, self.channels), axis=3)
        self.m.operator(
            "DEPTHWISE_CONV_2D",
            [self.value, constant, bias],
            [out],
            "DepthwiseConv2DOptions",
            strideH=stride,
            strideW=stride,
            depthMultiplier=1,
            dilationHFactor=1,
            dilationWFactor=1,
        )
        self.value = out
        return self

    def graph(self) -> Graph:
        return import_model(self.m.build([self.input], [self.value]), "net.tflite")


def _check(graph: Graph) -> Graph:
    """Every value of the smaller graph equals the kept channels of the larger one's; C agrees too."""
    smaller, _ = remove_dead_channels(graph)
    verify(smaller, OPS)
    rng = np.random.default_rng(99)
    for _ in range(3):
        inputs = [rng.integers(-128, 128, graph.types[v].shape).astype(np.int8) for v in graph.inputs]
        before, after = evaluate(graph, inputs), evaluate(smaller, inputs)
        for node in smaller.nodes:
            value = node.outputs[0]
            kept = smaller.origins[value].channels
            expected = before[value] if kept is None else before[value][..., list(kept)]
            np.testing.assert_array_equal(after[value], expected, err_msg=value)
        outputs = kernel_library.run(build_program(smaller, "net"), inputs)
        np.testing.assert_array_equal(outputs[0], before[graph.outputs[0]])
    return smaller


def _channels(graph: Graph) -> list[int]:
    return [graph.types[node.outputs[0]].shape[-1] for node in graph.nodes]


def test_dead_filter_goes_into_the_next_bias() -> None:
    smaller = _check(_Net(0, 3).conv(6, dead=[1, 4]).conv(5).graph())
    assert _channels(smaller) == [4, 5]
    assert smaller.constants[smaller.nodes[1].inputs[2]].shape == (5,)


def test_constant_per_position_behind_padding_becomes_a_bias_per_position() -> None:
    smaller = _check(_Net(1, 3).conv(6, dead=[1, 4]).depthwise().conv(5).graph())
    assert _channels(smaller) == [4, 4, 5]
    assert smaller.constants[smaller.nodes[2].inputs[2]].shape == (6, 6, 5)
    params = build_program(smaller, "net").layers[2].params
    assert params.bias.size == 9 * 5, "corners, edges and interior"


def test_constants_pass_through_strided_depthwise_and_wide_kernels() -> None:
    smaller = _check(_Net(2, 4).conv(6, dead=[0, 5]).depthwise(stride=2).conv(5, kernel=3, dead=[2]).conv(4).graph())
    assert _channels(smaller) == [4, 4, 4, 4]


def test_channel_that_nobody_reads_goes() -> None:
    smaller = _check(_Net(3, 3).conv(6).depthwise().conv(5, unread=[2, 3]).graph())
    assert _channels(smaller) == [4, 4, 5]


def test_silent_depthwise_channel_is_constant_after_it() -> None:
    smaller = _check(_Net(4, 3).conv(6).depthwise(dead=[3]).conv(5).graph())
    assert _channels(smaller) == [5, 5, 5]


def test_outputs_and_inputs_keep_their_channels() -> None:
    graph = _Net(5, 3).conv(6, dead=[0, 1, 2]).graph()
    smaller, changes = remove_dead_channels(graph)
    assert smaller == graph
    assert not changes


def test_one_channel_is_left_where_all_are_dead() -> None:
    smaller = _check(_Net(6, 3).conv(4, dead=range(4)).conv(3).graph())
    assert _channels(smaller) == [1, 3]


@pytest.mark.parametrize("seed", range(5))
def test_random_stacks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    net = _Net(seed, 3)
    for _ in range(3):
        filters = int(rng.integers(3, 8))
        net.conv(filters, dead=np.flatnonzero(rng.random(filters) < 0.4), kernel=int(rng.integers(1, 4)))
        if rng.random() < 0.7:
            net.depthwise(stride=int(rng.integers(1, 3)))
    net.conv(4)
    _check(net.graph())
