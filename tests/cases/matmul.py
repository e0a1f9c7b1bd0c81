"""Dense layers and matrix products over the spec's domain: ranks, broadcasts, transposes, activations, scales."""

from typing import Any

import numpy as np
from hypothesis import strategies as st
from tflite_writer import TfliteWriter

from cases.case import Case, random_s8, random_weights, scales, seeds, zero_points
from cases.filters import Activations, activations, output_scale, weight_scales

_ABSENT = -1


@st.composite
def fully_connected(draw: st.DrawFn) -> Case:
    rng = np.random.default_rng(draw(seeds))
    features, units = draw(st.integers(1, 40)), draw(st.integers(1, 9))
    keep = draw(st.booleans())
    shape, out_shape = draw(_rows(features, units, keep=keep))
    kind, per_channel = draw(activations), draw(st.booleans())
    x_scale, w_scales = draw(scales), weight_scales(rng, units, per_channel=per_channel)
    m = TfliteWriter()
    x = m.tensor(shape, kind.dtype, scale=x_scale, zero_point=draw(kind.zero_points))
    y_scale = output_scale(x_scale, w_scales, features)
    y = m.tensor(out_shape, kind.dtype, scale=y_scale, zero_point=draw(kind.zero_points))
    w_zero = 0 if per_channel else draw(st.one_of(st.just(0), zero_points))
    w = m.constant(random_weights(rng, (units, features)), scale=w_scales, zero_point=w_zero)
    bias = draw(st.sampled_from(["there", "absent", "left out"]))
    inputs = [x, w]
    if bias != "left out":
        inputs.append(_ABSENT if bias == "absent" else kind.add_bias(m, rng, units, x_scale, w_scales))
    _add_fully_connected(m, inputs, y, keep=keep, activation=draw(st.integers(0, 3)))
    return Case(m.build([x], [y]), (kind.random(rng, shape),))


@st.composite
def fully_connected_at_run_time(draw: st.DrawFn) -> Case:
    """The weights are an input: no constant, and they have a zero point."""
    rng = np.random.default_rng(draw(seeds))
    features, units = draw(st.integers(1, 40)), draw(st.integers(1, 9))
    shape, out_shape = draw(_rows(features, units, keep=False))
    m = TfliteWriter()
    x = m.tensor(shape, scale=draw(scales), zero_point=draw(zero_points))
    w = m.tensor((units, features), scale=draw(scales), zero_point=draw(zero_points))
    y_scale = 3 * output_scale(_scale(m, x), _scale(m, w), features)
    y = m.tensor(out_shape, scale=y_scale, zero_point=draw(zero_points))
    _add_fully_connected(m, [x, w], y, keep=False, activation=draw(st.integers(0, 3)))
    return Case(m.build([x, w], [y]), (random_s8(rng, shape), random_s8(rng, (units, features))))


@st.composite
def _rows(draw: st.DrawFn, features: int, units: int, *, keep: bool) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shapes of input and output; without `keep_num_dims` rows may be spread over the last dimensions."""
    outer = tuple(draw(st.lists(st.integers(1, 3), max_size=3)))
    if keep:
        return (*outer, features), (*outer, units)
    factor = draw(st.sampled_from([f for f in (1, 2, 3, 5) if features % f == 0]))
    shape = draw(st.sampled_from([(*outer, features), (*outer, features // factor, factor)]))
    return shape, (int(np.prod(shape)) // features, units)


def _add_fully_connected(m: TfliteWriter, inputs: list[int], output: int, *, keep: bool, activation: int) -> None:
    m.operator(
        "FULLY_CONNECTED",
        inputs,
        [output],
        "FullyConnectedOptions",
        keepNumDims=keep,
        fusedActivationFunction=activation,
    )


def _scale(m: TfliteWriter, tensor: int) -> Any:
    return m.tensors[tensor].quantization.scale[0]


@st.composite
def batch_matmul(draw: st.DrawFn) -> Case:
    rng = np.random.default_rng(draw(seeds))
    rows, depth, cols = draw(st.integers(1, 6)), draw(st.integers(1, 12)), draw(st.integers(1, 6))
    batch = draw(st.sampled_from([(), (2,), (3, 2), (1, 3), (2, 3, 2), (3, 1, 2)]))
    adj_x, adj_y = draw(st.booleans()), draw(st.booleans())
    shapes = [
        draw(_operand(batch, rows, depth, adjoint=adj_x)),
        draw(_operand(batch, depth, cols, adjoint=adj_y)),
    ]
    out_batch = np.broadcast_shapes(shapes[0][:-2], shapes[1][:-2])
    kind = draw(activations)
    arrays = [kind.random(rng, shape) for shape in shapes]
    constant = draw(st.sampled_from([None, 0, 1]))
    m = TfliteWriter()
    tensors = []
    for position, array in enumerate(arrays):
        quant = {"scale": draw(scales), "zero_point": draw(kind.zero_points)}
        is_constant = position == constant
        tensors.append(m.constant(array, **quant) if is_constant else m.tensor(array.shape, array.dtype, **quant))
    # Both operands have zero points, which makes sums larger than with symmetric weights.
    y_scale = _steps(kind) * 3 * output_scale(_scale(m, tensors[0]), _scale(m, tensors[1]), depth)
    y = m.tensor((*out_batch, rows, cols), kind.dtype, scale=y_scale, zero_point=draw(kind.zero_points))
    m.operator("BATCH_MATMUL", tensors, [y], "BatchMatMulOptions", adjX=adj_x, adjY=adj_y)
    ports = [i for i in range(2) if i != constant]
    return Case(m.build([tensors[i] for i in ports], [y]), tuple(arrays[i] for i in ports))


def _steps(kind: Activations) -> int:
    """How much larger the other operand is than int8 weights are."""
    return 1 if kind.dtype == np.int8 else 256


@st.composite
def _operand(draw: st.DrawFn, batch: tuple[int, ...], rows: int, cols: int, *, adjoint: bool) -> tuple[int, ...]:
    """A shape that can be broadcast to `batch`: some leading dimensions left out, some of the others 1."""
    own = tuple(draw(st.sampled_from([n, n, 1])) for n in batch[draw(st.sampled_from([0, 0, 1, 2, 3])) :])
    return (*own, cols, rows) if adjoint else (*own, rows, cols)


CASES = {
    "BATCH_MATMUL": batch_matmul(),
    "FULLY_CONNECTED": st.one_of(fully_connected(), fully_connected(), fully_connected_at_run_time()),
}
