"""Converters for QuantizeLinear and DequantizeLinear, and what integers of ONNX are in the graph.

Unsigned integers become signed ones of the same width, with a zero point that is lower by half their range. What is
quantized keeps its integers: weights behind a DequantizeLinear are those of the file.

ONNX rounds halves to even, the graph's `quantize` away from zero. While a model is imported and calibrated that is no
difference, as both mean the same reals; the integers of float inputs at exactly half a step may differ by one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from onnx import NodeProto, TensorProto, helper

from edgeq.errors import Refusal
from edgeq.importers.onnx.axes import normalize_axis
from edgeq.importers.onnx.builder import Builder, Converter, OpContext
from edgeq.importers.onnx.clamps import clamped
from edgeq.ir import DType, Quant, Shape, TensorType
from edgeq.ir.graph import Array
from edgeq.ops.group_scales import GroupedWeights, grouped_weights
from edgeq.ops.quantize import DequantizeAttrs, QuantizeAttrs
from edgeq.ops.requantize import RequantizeAttrs


@dataclass(frozen=True)
class _Integers:
    """How integers of an ONNX type are kept: in which type, and by how much lower."""

    dtype: DType
    lower: int = 0


_KEPT_AS = {
    "int8": _Integers(DType.S8),
    "uint8": _Integers(DType.S8, 128),
    "int16": _Integers(DType.S16),
    "uint16": _Integers(DType.S16, 32768),
    "int32": _Integers(DType.S32),
}

_NARROW = {
    "int4": _Integers(DType.S4),
    "uint4": _Integers(DType.S4, 8),
    "int2": _Integers(DType.S2),
    "uint2": _Integers(DType.S2, 2),
}
"""Of constants alone."""

_MOVES = frozenset({"broadcast", "concat", "gather", "reshape", "slice", "transpose"})
"""Ops through which integers that stand for nothing yet keep what they will stand for."""


def positive_scales(op: OpContext, position: int, what: str = "the scale") -> Array:
    """A constant input as scales in float32; Refusal naming the first that is none."""
    scales = op.constant(position, what).astype(np.float32)
    wrong = np.argwhere(~(np.isfinite(scales) & (scales > 0)))
    if len(wrong):
        where = f" at {wrong[0].tolist()}" if scales.ndim else ""
        raise Refusal(f"{what} is {scales[tuple(wrong[0])]:g}{where}; accepted: finite numbers above 0")
    if not scales.size:
        raise Refusal(f"{what} is empty; accepted: one number at least")
    return scales


def _integers(dtype: object) -> _Integers:
    if str(dtype) not in _KEPT_AS:
        raise Refusal(f"quantized to {dtype}; accepted: {', '.join(_KEPT_AS)}")
    return _KEPT_AS[str(dtype)]


def _constant(op: OpContext) -> str:
    """Integers of the file; those of less than 8 bits with zero points, which layers do not take, without these."""
    array = op.constant(0, "the input")
    name = str(array.dtype)
    integers = _NARROW.get(name) or _integers(array.dtype)
    quant = _quant(op, array.shape, integers)
    signed = array.astype(np.int64) - integers.lower
    dtype = integers.dtype
    if dtype.is_narrow and any(quant.zero_point):
        along = [-1 if axis == quant.axis else 1 for axis in range(array.ndim)]
        signed = signed - np.reshape(quant.zero_point, () if quant.axis is None else along)
        quant, dtype = replace(quant, zero_point=(0,) * len(quant.zero_point)), DType.S8
    elif dtype.is_narrow:
        dtype = _narrowest(signed, dtype, by_edgeq=op.builder.file.by_edgeq)
    return op.builder.add_constant(signed.astype(dtype.numpy), op.node.input[0], quant, dtype)


def _narrowest(integers: Array, dtype: DType, *, by_edgeq: bool) -> DType:
    """The type of weights that ONNX has no type for: those of one bit are INT2 there, those of three INT4.

    What edgeq did not write may be of 4 bits although three would hold it: few kernels read three.
    """
    if dtype is DType.S2 and integers.size and (np.abs(integers) == 1).all():
        return DType.B1
    low, high = DType.S3.range
    return DType.S3 if by_edgeq and dtype is DType.S4 and ((low <= integers) & (integers <= high)).all() else dtype


def _quant(op: OpContext, shape: Shape, integers: _Integers) -> Quant:
    """Scale and zero point of inputs 1 and 2: one of each, or one per index of an axis."""
    if op.int_attr("block_size", 0):
        raise Refusal(
            f"scales for blocks of {op.int_attr('block_size')}; accepted: one scale, or one per index of an axis"
        )
    scale = positive_scales(op, 1)
    zero = op.constant(2, "the zero point").astype(np.int64) if op.has(2) else np.zeros(scale.shape, np.int64)
    zeros = tuple(int(z) - integers.lower for z in zero.reshape(-1))
    low, high = integers.dtype.range
    if any(not low <= z <= high for z in zeros):
        raise Refusal(f"a zero point that is no {integers.dtype.value}; accepted: one of the type of the integers")
    if scale.size == 1 and zero.size == 1:
        return Quant.per_tensor(float(scale.reshape(())), zeros[0])
    axis = normalize_axis(op.int_attr("axis", 1), len(shape))
    if scale.shape != (shape[axis],) or zero.shape != scale.shape:
        raise Refusal(
            f"scales of shape {list(scale.shape)} and zero points of shape {list(zero.shape)} along axis {axis} of "
            f"{list(shape)}; accepted: one of each, or one per index"
        )
    return Quant(tuple(float(s) for s in scale), zeros, axis)


def _quantize_linear(op: OpContext) -> None:
    """The zero point says to which type; without one that is an attribute, or uint8."""
    x = op.type(0)
    if not x.dtype.is_float:
        raise Refusal(f"quantizes {x}; accepted: floats")
    integers = _integers(op.constant(2, "the zero point").dtype if op.has(2) else _output_dtype(op))
    quant = _quant(op, x.shape, integers)
    value = clamped(op, op.required(0), integers.dtype, quant)
    op.output(op.emit("quantize", [value], QuantizeAttrs(), dtype=integers.dtype, quant=quant))


def _output_dtype(op: OpContext) -> object:
    wanted = op.int_attr("output_dtype", 0) or TensorProto.UINT8
    try:
        return helper.tensor_dtype_to_np_dtype(wanted)
    except KeyError as error:
        raise Refusal(f"quantized to the type {wanted}; accepted: {', '.join(_KEPT_AS)}") from error


def _blocks(op: OpContext) -> str:
    """Weights with a scale, and perhaps a zero point, for every block along an axis.

    Integers and factors behind a `dequantize` where these say it nearly, else floats, what they stand for.
    """
    integers, size = op.constant(0, "the input").astype(np.int64), op.int_attr("block_size")
    scales = positive_scales(op, 1)
    zeros = op.constant(2, "the zero point").astype(np.int64) if op.has(2) else np.zeros(scales.shape, np.int64)
    axis = normalize_axis(op.int_attr("axis", 1), integers.ndim)
    length = integers.shape[axis]
    if size < 1 or length % size:
        raise Refusal(f"blocks of {size} along {length} elements; accepted: sizes that divide them")
    expected = tuple(length // size if i == axis else n for i, n in enumerate(integers.shape))
    if scales.shape != expected or zeros.shape != expected:
        raise Refusal(
            f"scales of shape {list(scales.shape)} and zero points of shape {list(zeros.shape)} for blocks of {size}; "
            f"accepted: {list(expected)}"
        )
    steps = (integers - zeros.repeat(size, axis)).astype(np.float32)
    grouped = _grouped(op, steps, scales, axis)
    if grouped is not None:
        factors = op.builder.add_constant(grouped.factors, f"{op.node.input[0]}.factors")
        kept = op.builder.add_constant(grouped.integers, op.node.input[0], grouped.type.quant, grouped.type.dtype)
        return op.emit("dequantize", [kept, factors], DequantizeAttrs(), dtype=DType.F32)
    return op.builder.add_constant(steps * scales.repeat(size, axis), op.node.input[0])


def _grouped(op: OpContext, integers: Array, scales: Array, axis: int) -> GroupedWeights | None:
    """Weights of layers as integers with factors, where blocks run along the inputs of each output."""
    rows = _outputs_axis(op, integers.ndim)
    if rows is None or axis != (1 - rows if integers.ndim == 2 else 1):
        return None
    low, high = integers.min(initial=0), integers.max(initial=0)
    dtype = next((d for d in _WIDTHS if d.range[0] <= low and high <= d.range[1]), None)
    return None if dtype is None else grouped_weights(integers.astype(np.int8), dtype, scales, rows)


def _outputs_axis(op: OpContext, rank: int) -> int | None:
    """The dimension that counts outputs, for all that read the result; None where one is no layer with such weights."""
    readers = [n for n in op.builder.file.graph.node if op.node.output[0] in n.input]
    found = {_outputs_of(n, rank) if list(n.input).index(op.node.output[0]) == 1 else None for n in readers}
    return found.pop() if len(found) == 1 else None


def _outputs_of(node: NodeProto, rank: int) -> int | None:
    of = _AS_WEIGHTS.get((node.op_type, rank))
    return None if of is None else of(node)


def _of_gemm(node: NodeProto) -> int:
    return 0 if any(a.name == "transB" and a.i for a in node.attribute) else 1


_AS_WEIGHTS: Mapping[tuple[str, int], Callable[[NodeProto], int]] = {
    ("Conv", 4): lambda _: 0,
    ("Gemm", 2): _of_gemm,
    ("MatMul", 2): lambda _: 1,
}
"""By operator and rank of the weights."""

_WIDTHS = (DType.S2, DType.S4, DType.S8)


def _dequantize_linear(op: OpContext) -> None:
    if op.is_constant(0) and op.int_attr("block_size", 0):
        op.output(_blocks(op))
        return
    value = _constant(op) if op.is_constant(0) else _quantized(op)
    op.output(op.emit("dequantize", [value], DequantizeAttrs(), dtype=DType.F32))


def _quantized(op: OpContext) -> str:
    """The input as signed integers with the scale and zero point of the node."""
    value, x = op.required(0), op.type(0)
    if x.quant is not None and x.dtype is not DType.U8:
        known = next(i for i in _KEPT_AS.values() if i.dtype is x.dtype)
        integers = _integers(op.constant(2, "the zero point").dtype) if op.has(2) else known
        quant = _quant(op, x.shape, integers)
        # Without a zero point the type is that of the input, which may have been unsigned.
        same = quant == x.quant if op.has(2) else quant.scale == x.quant.scale
        if x.dtype is not integers.dtype or not same:
            raise Refusal(f"dequantizes {x} as {integers.dtype.value} {quant}; accepted: as it was quantized")
        return value
    if x.dtype not in (DType.S8, DType.U8, DType.S16):
        raise Refusal(f"dequantizes {x}, computed at run time; accepted: bytes and int16")
    return _give(op, value, _quant(op, x.shape, _Integers(x.dtype)))


def real_integers(op: OpContext, value: str) -> str:
    """The reals that the integers of an input count."""
    signed = _give(op, value, Quant.per_tensor(1.0, 0))
    return op.emit("dequantize", [signed], DequantizeAttrs(), dtype=DType.F32)


def _give(op: OpContext, value: str, quant: Quant) -> str:
    """Let integers of an input, as they are or moved, stand for reals; returns them as signed integers."""
    _set_quant(op.builder, value, quant)
    x = op.type_of(value)
    if x.dtype is not DType.U8:
        return value
    signed = replace(quant, zero_point=tuple(z - 128 for z in quant.zero_point))
    return op.emit("requantize", [value], RequantizeAttrs(), dtype=DType.S8, quant=signed)


def _set_quant(builder: Builder, value: str, quant: Quant) -> None:
    x, node = builder.types[value], builder.producer(value)
    if x.quant == quant:
        return
    if x.quant is not None:
        raise Refusal(f"integers {x} are dequantized as {quant} too; accepted: one scale and zero point")
    if node is not None and node.op not in _MOVES:
        raise Refusal(f"dequantizes what {node.label} computes on integers; accepted: integers of an input")
    if node is not None and quant.axis is not None:
        raise Refusal("dequantizes moved integers per channel; accepted: one scale and zero point")
    for source in () if node is None else node.inputs[: None if node.op == "concat" else 1]:
        _set_quant(builder, source, quant)
    builder.types[value] = TensorType(x.shape, x.dtype, quant)


def output_port(builder: Builder, value: str, elem_type: int, source: str) -> str:
    """The value in the element type that the file declares for an output: what is kept signed, unsigned again."""
    x = builder.types[value]
    if elem_type != TensorProto.UINT8 or x.dtype is not DType.S8 or x.quant is None:
        return value
    unsigned = replace(x.quant, zero_point=tuple(z + 128 for z in x.quant.zero_point))
    return builder.add_node("requantize", [value], RequantizeAttrs(), source, DType.U8, unsigned)


_TYPES = f"{', '.join(_KEPT_AS)}; constant scale and zero point, per tensor or per axis"

CONVERTERS = {
    "DequantizeLinear": Converter(
        _dequantize_linear, ("dequantize", "requantize"), f"{_TYPES}; of constants also {', '.join(_NARROW)}"
    ),
    "QuantizeLinear": Converter(_quantize_linear, ("quantize",), _TYPES),
    "com.microsoft.DequantizeLinear": Converter(_dequantize_linear, ("dequantize", "requantize"), _TYPES),
    "com.microsoft.QuantizeLinear": Converter(_quantize_linear, ("quantize",), _TYPES),
}
