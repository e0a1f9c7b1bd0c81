"""Scales for groups of weights: which are chosen, what they gain, and in which layers they are."""

from dataclasses import replace
from typing import Any

import kernel_library
import layer_data
import numpy as np
import pytest
from small_nets import NetBuilder, calibration, output_sqnr

from edgeq.cli.quantization import method_text
from edgeq.errors import EdgeqError
from edgeq.evaluate import evaluate
from edgeq.fixedpoint import Rounding
from edgeq.ir import Graph
from edgeq.passes import pipeline, run_passes
from edgeq.program import build_program
from edgeq.quantize.gptq import damped
from edgeq.quantize.groups import GroupScales, choose_group_scales, refit_factors
from edgeq.quantize.layer_statistics import Moments
from edgeq.quantize.quantizer import Quantized, quantize
from edgeq.quantize.round_weights import Rounded, Surroundings, round_weights
from edgeq.quantize.scheme import Choice, Rule, Scheme
from edgeq.quantize.weights import WeightRange, integer_range, round_to, squared_error
from edgeq.report import quantization_info

_SIZE = 16
_FLOOR = np.zeros((1, 8), np.float32)


class _Layer:
    """Eight outputs of 64 inputs; some groups of weights are much smaller than others, two are zeros."""

    def __init__(self) -> None:
        rng = np.random.default_rng(7)
        self.w = layer_data.weights(rng, 1, 8, 64) * np.repeat(rng.uniform(0.1, 1, (1, 8, 4)), _SIZE, axis=-1)
        self.w[0, 3, :32] = 0
        x = layer_data.inputs(rng, 1, 600, 64)
        self.fitted, self.new = x[:, :400], x[:, 400:]
        hessian = np.swapaxes(self.fitted, 1, 2) @ self.fitted / 400
        self.moments = Moments(hessian[:, None], hessian[:, None])

    def round(self, choice: Choice, bits: int = 4, lowest: Any = _FLOOR, *, seen: bool = True) -> Rounded:
        return round_weights(self.w, self.moments if seen else None, choice, bits, lowest, Surroundings(100))

    def error(self, rounded: Rounded) -> float:
        """Of the outputs on inputs that were not fitted on."""
        return float(np.square(self.new @ np.swapaxes(rounded.reals - self.w, 1, 2)).sum())


@pytest.mark.parametrize(
    ("bits", "refine"), [(8, False), (4, False), (8, True), (4, True), (3, True), (2, True), (1, True)]
)
@pytest.mark.parametrize("rounding", ["gptq", "adaround", "nearest"])
@pytest.mark.parametrize("per_tensor", [False, True])
def test_groups_come_nearer(bits: int, rounding: str, refine: bool, per_tensor: bool) -> None:
    layer = _Layer()
    one = Choice(weight_rounding=rounding, refine=refine, per_tensor=per_tensor)
    found = layer.round(replace(one, weight_groups=_SIZE), bits)
    assert found.factors is not None
    assert found.factors.shape == (1, 8, 4)
    assert found.factors.dtype == np.uint8
    assert found.factors.min() >= 1
    least, most = integer_range(bits)
    assert least <= found.integers.min() <= found.integers.max() <= most
    assert layer.error(found) < layer.error(layer.round(one, bits))
    assert (len(set(found.scales.ravel())) == 1) == per_tensor


def test_without_data() -> None:
    layer = _Layer()
    one = Choice(weight_rounding="nearest")
    found = layer.round(replace(one, weight_groups=_SIZE), seen=False)
    assert found.method == "nearest"
    assert layer.error(found) < layer.error(layer.round(one, seen=False))


@pytest.mark.parametrize("rounding", ["gptq", "nearest"])
def test_no_scale_is_below_the_lowest(rounding: str) -> None:
    layer, choice = _Layer(), Choice(weight_rounding=rounding, weight_groups=_SIZE)
    floor = layer.round(choice).scales * np.float32(3)
    found = layer.round(choice, lowest=floor)
    assert (found.scales >= floor).all()
    assert layer.error(found) < 2 * layer.error(layer.round(choice))


def test_the_finest_group_has_few_steps_and_the_coarsest_the_largest_factor() -> None:
    w = np.array([[[7.0, -7.0, 70.0, 35.0], [0, 0, 0.7, 0.7]]])
    scales = choose_group_scales(w, 4, 2, WeightRange.MINMAX, None, alike=False, lowest=np.zeros((1, 2), np.float32))
    assert scales.factors[0, 0].tolist() in ([25, 255], [26, 255])
    assert scales.factors[0, 1].tolist() == [1, 255]
    np.testing.assert_allclose(scales.steps[0, :, 2], [10, 0.1], rtol=1e-6)


def test_factors_leave_room_for_the_sums() -> None:
    """8 bits, 600 inputs: with factors of 255 int32 would not hold the worst sum."""
    w = np.random.default_rng(0).normal(size=(1, 2, 600))
    scales = choose_group_scales(w, 8, 20, WeightRange.MINMAX, None, alike=False, lowest=np.zeros((1, 2), np.float32))
    worst = np.abs(round_to(w, scales.steps) * scales.columns).sum(axis=-1).max() * 255
    assert 2**27 < worst <= 2**30


def test_a_factor_is_the_best_one() -> None:
    layer = _Layer()
    heavy = damped(layer.moments.hessian)
    start = GroupScales(np.full((1, 1, 8), 0.002, np.float32), np.full((1, 1, 8, 4), 40, np.uint8), _SIZE)
    target = layer.w[None]
    integers = round_to(target, start.steps, 4)
    found = refit_factors(target, integers, heavy, start, 255)
    errors = [squared_error(target, integers, s.steps, heavy) for s in (start, found)]
    assert (errors[1] <= errors[0]).all()
    assert errors[1].sum() < 0.9 * errors[0].sum()
    last = found.factors.copy()
    for change in (-1, 1):
        other = last.astype(int)
        other[..., -1] = np.clip(other[..., -1] + change, 1, 255)
        moved = GroupScales(found.rows, other.astype(np.uint8), _SIZE)
        assert (squared_error(target, integers, moved.steps, heavy) >= errors[1] - 1e-12).all()


def _net() -> Graph:
    """Convolutions of 27, 9, 32 and 288 weights per output, and a dense layer of 8."""
    b = NetBuilder(4)
    value = b.conv(b.input(1, 8, 8, 3), 32)
    value = b.conv(b.depthwise(value), 32, size=1)
    value = b.node("mean", b.conv(value, 8), axes=(1, 2))
    return b.graph(b.dense(value, 4))


def _quantized(scheme: Scheme, count: int = 48) -> Quantized:
    graph = _net()
    return quantize(graph, calibration(graph, count), scheme, Rounding.SINGLE)


def _factors(quantized: Quantized) -> list[tuple[int, ...] | None]:
    """Shapes, layer by layer."""
    nodes = [n for n in quantized.graph.nodes if n.op in ("conv2d", "depthwise_conv2d", "dense")]
    return [quantized.graph.types[n.inputs[3]].shape if len(n.inputs) > 3 else None for n in nodes]


def test_factors_without_a_common_divisor_make_the_same_steps() -> None:
    rows = np.array([0.5, 0.25, 1.0], np.float32)
    scales = GroupScales(rows, np.array([[4, 6], [3, 5], [9, 9]], np.uint8), 2)
    found = scales.in_lowest_terms()
    np.testing.assert_array_equal(found.factors, [[2, 3], [3, 5], [1, 1]])
    np.testing.assert_array_equal(found.rows, np.array([1, 0.25, 9], np.float32))
    np.testing.assert_array_equal(found.steps, scales.steps)
    alike = GroupScales(np.full(3, 0.5, np.float32), np.array([[4, 6], [8, 2], [6, 6]], np.uint8), 2).in_lowest_terms()
    np.testing.assert_array_equal(alike.factors, [[2, 3], [4, 1], [3, 3]])
    np.testing.assert_array_equal(alike.rows, np.ones(3, np.float32))


def test_layers_that_groups_divide_have_them_and_a_note_names_the_others() -> None:
    plain = _quantized(Scheme(weights="int4"))
    assert _factors(plain) == [None] * 5
    assert not plain.notes
    found = _quantized(Scheme(weights="int4", weight_groups=32))
    assert _factors(found) == [None, None, None, (8, 9), None]  # the third has 32 weights per output
    (said,) = found.notes
    assert said.startswith("one scale per channel, as groups of 32 do not divide the weights of an output: ")
    assert said.count(",") == 1
    assert said in method_text(quantization_info(found)).plain
    assert output_sqnr(found) > output_sqnr(plain)
    every = _quantized(Scheme(weights="int4", weight_groups=8, edges="same"))
    assert _factors(every) == [None, None, (32, 4), (8, 36), None]


def test_a_rule_that_names_a_layer_says_what_divides_it() -> None:
    graph = _net()
    names = [node.outputs[0] for node in graph.nodes]
    with pytest.raises(EdgeqError, match=r"groups of 5 weights, each output has 32; accepted: 0 .*, 4, 8, 16, 32$"):
        _quantized(Scheme(layers=(Rule(names[2], {"weight_groups": 5}),)))
    with pytest.raises(EdgeqError, match="in a depthwise_conv2d; accepted: in conv2d and dense"):
        _quantized(Scheme(layers=(Rule(names[1], {"weight_groups": 4}),)))
    found = _quantized(Scheme(layers=(Rule(names[2], {"weight_groups": 16, "weights": "int4"}),)))
    assert _factors(found) == [None, None, (32, 2), None, None]


def test_a_group_has_some_weights() -> None:
    with pytest.raises(EdgeqError, match="weight-groups 3; accepted: 0, or 4 and more"):
        Scheme(weight_groups=3)


@pytest.mark.parametrize("activations", ["int8", "int16"])
@pytest.mark.parametrize("weights", ["int8", "int4", "int2"])
def test_the_c_equals_the_evaluation(weights: str, activations: str) -> None:
    made = _quantized(Scheme(weights=weights, weight_groups=4, edges="same", activations=activations), 16)
    graph, _ = run_passes(made.graph, pipeline())
    program = build_program(graph, "net")
    assert sum("_groups_" in kernel.name for kernel in program.kernels) == 2
    rng = np.random.default_rng(0)
    for _ in range(3):
        types = [graph.types[v] for v in graph.inputs]
        inputs = [rng.integers(*t.dtype.range, t.shape, endpoint=True).astype(t.dtype.numpy) for t in types]
        values = evaluate(graph, inputs)
        for found, output in zip(kernel_library.run(program, inputs), graph.outputs, strict=True):
            np.testing.assert_array_equal(found, values[output])
