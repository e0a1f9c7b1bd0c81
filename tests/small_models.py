"""A few models of a few operators, small enough for tests of everything around the operators."""

from typing import Any

import numpy as np
from tflite_writer import TfliteWriter


def _conv(m: TfliteWriter, x: int, y: int, weights: Any, dtype: Any, *, valid: bool = False) -> None:
    """Weights of uint8 files have the zero point 128."""
    zero = 128 if dtype == np.uint8 else 0
    w = m.constant((weights.astype(np.int16) + zero).astype(dtype), scale=0.01, zero_point=zero)
    bias = m.constant(np.zeros(len(weights), np.int32), scale=0.0005)
    options = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
    m.operator("CONV_2D", [x, w, bias], [y], "Conv2DOptions", padding=int(valid), **options)


def _weights(*shape: int) -> Any:
    return np.random.default_rng(0).integers(-127, 128, shape).astype(np.int8)


def convolutions(dtype: Any = np.int8, *, dead: int = 0, batch: int = 1) -> bytes:
    """Two convolutions and a reshape; the last `dead` of the first one's four channels have no weights."""
    zero = 128 if dtype == np.uint8 else 0
    m = TfliteWriter()
    x = m.tensor((batch, 8, 8, 3), dtype, scale=0.05, zero_point=3 + zero, name="image")
    y = m.tensor((batch, 8, 8, 4), dtype, scale=0.2, zero_point=-3 + zero, name="features")
    z = m.tensor((batch, 1, 1, 2), dtype, scale=0.5, zero_point=5 + zero, name="scores/4d")
    s = m.tensor((batch, 2), dtype, scale=0.5, zero_point=5 + zero, name="scores")
    first = _weights(4, 3, 3, 3)
    first[4 - dead :] = 0
    _conv(m, x, y, first, dtype)
    _conv(m, y, z, _weights(2, 8, 8, 4), dtype, valid=True)
    m.operator("RESHAPE", [z, m.constant(np.array([batch, 2], np.int32))], [s])
    return m.build([x], [s])


def two_ports() -> bytes:
    """Inputs `a` and `b`; outputs their sum, and their maximum."""
    m = TfliteWriter()
    a, b = (m.tensor((1, 4), scale=0.5, zero_point=3, name=name) for name in "ab")
    total = m.tensor((1, 4), scale=1.0, zero_point=-2, name="sum")
    largest = m.tensor((1, 4), scale=0.5, zero_point=3, name="max")
    m.operator("ADD", [a, b], [total], "AddOptions")
    m.operator("MAXIMUM", [a, b], [largest], "MaximumMinimumOptions")
    return m.build([a, b], [total, largest])


def joined_inputs() -> bytes:
    """Inputs of 3 and of 5 elements, which lie side by side: the output is their concatenation."""
    m = TfliteWriter()
    a, b = (m.tensor((1, size), scale=0.5, zero_point=3) for size in (3, 5))
    both = m.tensor((1, 8), scale=0.5, zero_point=3)
    m.operator("CONCATENATION", [a, b], [both], "ConcatenationOptions", axis=1)
    return m.build([a, b], [both])


def float_border() -> bytes:
    """Reals outside, int8 inside: QUANTIZE, TANH, DEQUANTIZE."""
    m = TfliteWriter()
    x = m.tensor((1, 6), np.float32, name="x")
    q = m.tensor((1, 6), scale=0.02, zero_point=7, name="q")
    t = m.tensor((1, 6), scale=1 / 128, zero_point=0, name="t")
    y = m.tensor((1, 6), np.float32, name="y")
    m.operator("QUANTIZE", [x], [q])
    m.operator("TANH", [q], [t])
    m.operator("DEQUANTIZE", [t], [y])
    return m.build([x], [y])


def open_batch() -> bytes:
    """An image is split into four; the file declares the images behind that as one, as their number is open."""
    m = TfliteWriter()
    quant: dict[str, Any] = {"scale": 0.5, "zero_point": 3}
    x = m.tensor((1, 4, 4, 1), **quant, signature=(-1, 4, 4, 1), name="image")
    parts = m.tensor((1, 2, 2, 1), **quant, signature=(-1, 2, 2, 1), name="parts")
    y = m.tensor((1, 4, 4, 1), **quant, signature=(-1, 4, 4, 1), name="whole")
    blocks, none = m.constant(np.array([2, 2], np.int32)), m.constant(np.zeros((2, 2), np.int32))
    m.operator("SPACE_TO_BATCH_ND", [x, blocks, none], [parts])
    m.operator("BATCH_TO_SPACE_ND", [parts, blocks, none], [y])
    return m.build([x], [y])


def unsupported() -> bytes:
    """Two operators that no version of edgeq will know."""
    m = TfliteWriter()
    x = m.tensor((1, 4), scale=0.5, name="x")
    y = m.tensor((1, 4), scale=0.5, name="y")
    z = m.tensor((1, 4), scale=0.5, name="z")
    m.operator("HASHTABLE_LOOKUP", [x], [y])
    m.operator("SKIP_GRAM", [y], [z])
    return m.build([x], [z])
