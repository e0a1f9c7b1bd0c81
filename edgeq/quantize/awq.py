"""Scales the channels that a layer reads strongly up in its weights, and down in the layer before: they round better.

Lin et al. 2023, "AWQ: Activation-aware Weight Quantization for LLM Compression and Acceleration": with s > 0 for each
input channel, Q(W s) (x / s) is W x but for rounding, and the step of a row's weights, which its largest one decides,
hardly grows when only few channels do. The factors are powers of the channels' mean magnitudes (equation 5),

    s = mean(|x|) ** alpha,    alpha in 0..1 the one with the least error of the outputs

1 / s is folded into the layer before. That is exact, in real numbers, where nothing but homogeneous functions stand
between the two (`equalization.scalable_pairs`), and costs the layer before nothing, as each of its output channels has
a scale of its own. What the paper does not count, as its activations are floats, is counted here: the values between
the layers have one scale for all channels, and rounding them costs more where some channels became small.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgeq.ir import Graph
from edgeq.ir.graph import Array
from edgeq.ir.rewrite import drop_dead
from edgeq.quantize.data import CalibrationData
from edgeq.quantize.equalization import Factors, Pair, scalable_pairs, scale_between
from edgeq.quantize.gptq import Moment
from edgeq.quantize.layers import Layer, layer_of
from edgeq.quantize.scheme import WEIGHTS, Choice, Scheme
from edgeq.quantize.stream import Runner, run
from edgeq.quantize.weights import FloatArray, WeightRange, choose_scales, round_to, squared_error

_ALPHAS = np.linspace(0, 1, 21)

_LARGEST_FACTOR = 64.0
"""Between channels: one that is nearly always 0 is not scaled down to nothing."""

_LARGEST = 1 << 23
"""Elements of a layer's Hessian; larger layers are left as they are."""

_WORTH_IT = 1e-2
"""Change of a factor, as natural logarithm, below which all is left as it is."""


@dataclass
class Inputs:
    """What a layer reads in the float net.

    Attributes:
        hessian: second moment of its patches (`edgeq.quantize.layers`), `[groups, in, in]`, per row.
        magnitudes: mean magnitude of each input channel.
        largest: magnitude of each input channel, at most.
    """

    hessian: FloatArray
    magnitudes: FloatArray
    largest: FloatArray


def awq(graph: Graph, data: CalibrationData, scheme: Scheme) -> tuple[Graph, Sequence[str]]:
    """The float graph with salient channels scaled, and a sentence for each pair of layers.

    Args:
        graph: floats; its outputs change by no more than the rounding of floats.
        data: samples.
        scheme: says of each layer how many bits its weights and the values between have.
    """
    found = [(pair, layer) for pair in scalable_pairs(graph) if (layer := _reader(graph, pair, scheme)) is not None]
    sentences = []
    for (pair, layer), inputs in zip(found, _inputs(Runner(graph), data, found), strict=True):
        choice = scheme.of(graph, pair.second.outputs[0])
        matrix = layer.matrix(graph.constants[pair.second.inputs[1]].astype(np.float64))
        between = scheme.of(graph, pair.between[-1])
        factors = awq_factors(matrix, inputs, choice, between)
        if np.abs(np.log(factors)).max() > _WORTH_IT:
            graph = scale_between(graph, pair, 1 / factors)
            spread = factors.max() / factors.min()
            sentences.append(f"AWQ: channels that {pair.second.label} reads scaled by factors 1 : {spread:.3g}")
    return (drop_dead(graph)[0] if sentences else graph), sentences


def awq_factors(matrix: FloatArray, inputs: Inputs, choice: Choice, between: Choice | None = None) -> Factors:
    """Factors on the weights of each input channel with the least error of the outputs.

    Args:
        matrix: weights, `[groups, out, in]`; the columns of a group count its channels fastest.
        inputs: of the layer.
        choice: for the layer: bits, and whether rows share a scale.
        between: for the values that it reads: bits; None: they are not rounded.

    Returns:
        one per channel; all 1 where nothing does better.
    """
    magnitudes = np.maximum(inputs.magnitudes, inputs.magnitudes.max() / _LARGEST_FACTOR)
    if not magnitudes.max() > 0:
        return np.ones_like(inputs.magnitudes)
    options = [magnitudes**alpha for alpha in _ALPHAS]
    options = [s / np.sqrt(s.max() * s.min()) for s in options]
    errors = [_error(matrix, inputs, s, choice, between) for s in options]
    return np.asarray(options[int(np.argmin(errors))])


def _error(matrix: FloatArray, inputs: Inputs, factors: Factors, choice: Choice, between: Choice | None) -> float:
    """Of the outputs, squared: of weights rounded to nearest, and of the values that they are multiplied with."""
    groups, _, size = matrix.shape
    columns = np.tile(factors.reshape(groups, -1), size * groups // len(factors))[:, None, :]
    scaled, bits = matrix * columns, WEIGHTS[choice.weights][0]
    scales = choose_scales(scaled, bits, per_channel=not choice.per_tensor, method=WeightRange.MSE)
    back = np.swapaxes(columns, -1, -2)
    hessian = inputs.hessian / columns / back
    error = squared_error(scaled, round_to(scaled, scales, bits), scales, hessian).sum()
    if between is None:
        return float(error)
    first, last = between.dtype.range
    step = (inputs.largest / factors).max() / (last - first)
    return float(error + np.square(scaled).sum() * step * step / 12)


def _reader(graph: Graph, pair: Pair, scheme: Scheme) -> Layer | None:
    """The second layer of a pair, where scaling its channels means anything and its moments are not too large.

    A depthwise row reads one channel, whose factor its scale takes up.
    """
    layer = layer_of(graph, pair.second)
    if layer is None or layer.groups == layer.channels or scheme.of(graph, pair.first.outputs[0]).per_tensor:
        return None
    groups, _, size = layer.matrix_shape
    return layer if groups * size * size <= _LARGEST else None


def _inputs(runner: Runner, data: CalibrationData, found: Sequence[tuple[Pair, Layer]]) -> Sequence[Inputs]:
    """What the second layer of each pair reads, in one run over the data."""
    hessians = [Moment.zeros(layer.groups, layer.matrix_shape[2]) for _, layer in found]
    totals = [np.zeros(layer.channels) for _, layer in found]
    largest = [np.zeros(layer.channels) for _, layer in found]
    rows = [0] * len(found)
    for chunk in runner.chunks(data) if found else ():
        values = run(chunk)
        for k, (pair, layer) in enumerate(found):
            x: Array = values[pair.second.inputs[0]]
            for patches in layer.patches(x):
                hessians[k].add(patches)
            magnitudes = np.abs(x.reshape(-1, layer.channels))
            totals[k] += magnitudes.sum(axis=0, dtype=np.float64)
            largest[k] = np.maximum(largest[k], magnitudes.max(axis=0))
            rows[k] += len(magnitudes)
    means = (total / max(count, 1) for total, count in zip(totals, rows, strict=True))
    return [
        Inputs(h.total / max(h.rows, 1), mean, most) for h, mean, most in zip(hessians, means, largest, strict=True)
    ]
