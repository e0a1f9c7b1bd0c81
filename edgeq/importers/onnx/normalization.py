"""Converters for normalizations. None is an op of the graph: each is composed of means, squares and roots."""

import math
from collections.abc import Sequence

import numpy as np

from edgeq.errors import Refusal
from edgeq.importers.onnx.axes import normalize_axes, normalize_axis
from edgeq.importers.onnx.builder import Converter, OpContext
from edgeq.importers.onnx.layout import axis_back, axis_last, channels_first, channels_last
from edgeq.importers.onnx.weights import floats
from edgeq.ops.dense import DenseAttrs
from edgeq.ops.elementwise import ArithmeticAttrs
from edgeq.ops.l2_normalize import L2NormalizeAttrs
from edgeq.ops.lookup import UnaryAttrs
from edgeq.ops.reduce import ReduceAttrs
from edgeq.ops.unary_real import PowerAttrs

_ARITHMETIC = ArithmeticAttrs()
_UNARY = UnaryAttrs()
_LARGEST_BAND = 1 << 12
"""Channels of an LRN, whose weights are a square matrix of them."""

_OPS = ("mean", "sub", "square", "add", "rsqrt", "mul", "transpose", "reshape")


def _epsilon(op: OpContext, default: float = 1e-5) -> float:
    epsilon = op.float_attr("epsilon", default)
    if not 0 <= epsilon < math.inf:
        raise Refusal(f"epsilon is {epsilon}; accepted: 0 and more")
    return epsilon


def _inverse_deviation(op: OpContext, centred: str, axes: Sequence[int], epsilon: float) -> str:
    """One over the root of the mean of the squares along some axes, which stay with size 1."""
    variance = op.emit("mean", [op.emit("square", [centred], _UNARY)], ReduceAttrs(tuple(axes), keep_dims=True))
    shifted = op.emit("add", [variance, op.add_constant(np.array(epsilon, np.float32), "epsilon")], _ARITHMETIC)
    return op.emit("rsqrt", [shifted], _UNARY)


def _normalized(op: OpContext, x: str, axes: Sequence[int], epsilon: float) -> str:
    """The value with mean 0 and variance 1 along some axes."""
    mean = op.emit("mean", [x], ReduceAttrs(tuple(axes), keep_dims=True))
    centred = op.emit("sub", [x, mean], _ARITHMETIC)
    return op.emit("mul", [centred, _inverse_deviation(op, centred, axes, epsilon)], _ARITHMETIC)


def _affine(op: OpContext, x: str, scale: str, bias: str) -> str:
    scaled = op.emit("mul", [x, scale], _ARITHMETIC) if scale else x
    return op.emit("add", [scaled, bias], _ARITHMETIC) if bias else scaled


def _per_channel(op: OpContext, position: int, channels: int) -> str:
    """An input of one number per channel."""
    value = op.required(position)
    if op.type_of(value).shape != (channels,):
        raise Refusal(f"input {position} is {op.type_of(value)}; accepted: {channels} numbers, one per channel")
    return value


def _channels(op: OpContext, rank: int) -> int:
    """How many channels the input has; Refusal where its rank is less."""
    shape = op.type(0).shape
    if len(shape) < rank:
        raise Refusal(f"input of shape {list(shape)}; accepted: rank {rank} and more")
    return shape[1]


def _batch_normalization(op: OpContext) -> None:
    """A factor and a summand per channel, both computed here."""
    if op.int_attr("training_mode", 0) or op.results > 1:
        raise Refusal("in training mode; accepted: the statistics as they are")
    if op.version < 9 and not op.int_attr("spatial", 1):
        raise Refusal("statistics per position; accepted: per channel")
    channels = _channels(op, 2)
    names = ("the scale", "the bias", "the mean", "the variance")
    scale, bias, mean, variance = (
        floats(op, _per_channel(op, i, channels), name).astype(np.float64) for i, name in enumerate(names, 1)
    )
    if (variance + _epsilon(op) <= 0).any():
        raise Refusal("a variance plus epsilon of 0 or less; accepted: more")
    factor = scale / np.sqrt(variance + _epsilon(op))
    shape = (channels, *(1,) * (len(op.type(0).shape) - 2))
    constants = (factor, bias - mean * factor)
    op.output(
        _affine(op, op.input(0), *(op.add_constant(c.astype(np.float32).reshape(shape), "affine") for c in constants))
    )


def _instance_normalization(op: OpContext) -> None:
    channels = _channels(op, 3)
    x = channels_last(op, op.input(0))
    normalized = _normalized(op, x, range(1, len(op.type_of(x).shape) - 1), _epsilon(op))
    scale, bias = _per_channel(op, 1, channels), _per_channel(op, 2, channels)
    op.output(channels_first(op, _affine(op, normalized, scale, bias)))


def _group_normalization(op: OpContext) -> None:
    """Scale and bias are per channel, below opset 21 per group."""
    channels, groups = _channels(op, 3), op.int_attr("num_groups")
    if groups < 1 or channels % groups:
        raise Refusal(f"{channels} channels in {groups} groups; accepted: groups of one size")
    x = channels_last(op, op.input(0))
    shape = op.type_of(x).shape
    grouped = op.reshape(x, (shape[0], math.prod(shape[1:-1]), groups, channels // groups))
    normalized = op.reshape(_normalized(op, grouped, (1, 3), _epsilon(op)), shape)
    if op.version >= 21:
        scale, bias = _per_channel(op, 1, channels), _per_channel(op, 2, channels)
    else:
        size = channels // groups
        per_group = [floats(op, _per_channel(op, i, groups), "a factor or summand per group") for i in (1, 2)]
        scale, bias = (op.add_constant(np.repeat(a, size), "per_channel") for a in per_group)
    op.output(channels_first(op, _affine(op, normalized, scale, bias)))


def _tail(op: OpContext) -> range:
    """The axes from the attribute `axis` on."""
    rank = len(op.type(0).shape)
    return range(normalize_axis(op.int_attr("axis", -1), rank), rank)


def _layer_normalization(op: OpContext) -> None:
    """The second and third output are the mean and one over the deviation."""
    x, axes = op.required(0), _tail(op)
    mean = op.emit("mean", [x], ReduceAttrs(tuple(axes), keep_dims=True))
    centred = op.emit("sub", [x, mean], _ARITHMETIC)
    inverse = _inverse_deviation(op, centred, axes, _epsilon(op))
    normalized = op.emit("mul", [centred, inverse], _ARITHMETIC)
    op.output(_like(op, _affine(op, normalized, op.required(1), op.input(2))))
    op.output(mean, 1)
    op.output(inverse, 2)


def _rms_normalization(op: OpContext) -> None:
    x = op.required(0)
    normalized = op.emit("mul", [x, _inverse_deviation(op, x, _tail(op), _epsilon(op))], _ARITHMETIC)
    op.output(_like(op, _affine(op, normalized, op.required(1), "")))


def _like(op: OpContext, value: str) -> str:
    """The value, which must have the shape of the first input: scale and bias are broadcast to it."""
    if op.type_of(value).shape != op.type(0).shape:
        raise Refusal(f"scale and bias make {op.type(0)} a {op.type_of(value)}; accepted: what can be broadcast to it")
    return value


def _lp_normalization(op: OpContext) -> None:
    """Divided by the norm along an axis; zeros stay zeros."""
    x, p = op.required(0), op.int_attr("p", 2)
    axis = normalize_axis(op.int_attr("axis", -1), len(op.type(0).shape))
    if p not in (1, 2):
        raise Refusal(f"p = {p}; accepted: 1, 2")
    if p == 2:
        op.output(axis_back(op, op.emit("l2_normalize", [axis_last(op, x, axis)], L2NormalizeAttrs()), axis))
        return
    norm = op.emit("sum", [op.emit("abs", [x], _UNARY)], ReduceAttrs((axis,), keep_dims=True))
    tiny = op.emit("add", [norm, op.add_constant(np.array(1e-30, np.float32), "tiny")], _ARITHMETIC)
    op.output(op.emit("mul", [x, op.emit("reciprocal", [tiny], _UNARY)], _ARITHMETIC))


def _mean_variance_normalization(op: OpContext) -> None:
    """1e-9, which the standard adds to the deviation, is here added to its square."""
    axes = sorted(normalize_axes(op.ints_attr("axes", (0, 2, 3)), len(op.type(0).shape)))
    op.output(_normalized(op, op.input(0), axes, 1e-18))


def _lrn(op: OpContext) -> None:
    """Squares are summed over neighbouring channels by a convolution of 1 x 1, whose weights are a band."""
    channels, size = _channels(op, 2), op.int_attr("size")
    alpha, beta, bias = (op.float_attr(n, d) for n, d in (("alpha", 1e-4), ("beta", 0.75), ("bias", 1.0)))
    if size < 1 or not all(map(math.isfinite, (alpha, beta, bias))):
        raise Refusal(f"{size} channels, alpha {alpha}, beta {beta}, bias {bias}; accepted: finite numbers")
    if channels > _LARGEST_BAND:
        raise Refusal(f"{channels} channels; accepted: up to {_LARGEST_BAND}")
    distance = np.arange(channels)[None, :] - np.arange(channels)[:, None]
    band = (distance >= -((size - 1) // 2)) & (distance <= size - 1 - (size - 1) // 2)
    weights = op.add_constant(band.astype(np.float32) * np.float32(alpha / size), "neighbours")
    bases = op.add_constant(np.full(channels, bias, np.float32), "bias")
    x = channels_last(op, op.input(0))
    sums = op.emit("dense", [op.emit("square", [x], _UNARY), weights, bases], DenseAttrs())
    factor = op.emit("power", [sums], PowerAttrs(-beta))
    op.output(channels_first(op, op.emit("mul", [x, factor], _ARITHMETIC)))


CONVERTERS = {
    "BatchNormalization": Converter(_batch_normalization, ("mul", "add"), "constant statistics"),
    "GroupNormalization": Converter(_group_normalization, _OPS),
    "InstanceNormalization": Converter(_instance_normalization, _OPS),
    "LRN": Converter(_lrn, ("square", "dense", "power", "mul", "transpose")),
    "LayerNormalization": Converter(_layer_normalization, _OPS),
    "LpNormalization": Converter(
        _lp_normalization, ("l2_normalize", "abs", "sum", "add", "reciprocal", "mul", "transpose"), "p of 1 and 2"
    ),
    "MeanVarianceNormalization": Converter(_mean_variance_normalization, _OPS),
    "RMSNormalization": Converter(_rms_normalization, ("square", "mean", "add", "rsqrt", "mul")),
}
