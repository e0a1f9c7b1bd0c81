"""Converters for the quantizers of QONNX, which Brevitas exports: `Quant`, `BipolarQuant`, `Trunc`.

They take reals and give reals, of any width. Weights become integers of the least width that holds them, behind a
`dequantize`. An activation goes through three steps:

    quantize    to int8, in the steps of the quantizer            a layer before makes these of its sums
    levels      clamped to the width, a table of bytes            nothing is left of it where the width is 8
    quantize    to int8, in finer steps: the range of int8 is used up, and biases behind are as much finer

What is quantized to one bit is compared with 0 alone, and is -1 or 1 in int8.

Source of the meaning: the reference implementation `qonnx.custom_op.general`.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from edgeq.errors import Refusal
from edgeq.importers.onnx.builder import Converter, OpContext
from edgeq.importers.onnx.clamps import is_positive
from edgeq.importers.onnx.quantize import positive_scales
from edgeq.ir import DType, Quant
from edgeq.ir.graph import Array
from edgeq.ops.levels import ROUNDINGS, LevelsAttrs
from edgeq.ops.quantize import DequantizeAttrs, QuantizeAttrs

DOMAINS = ("onnx.brevitas", "qonnx.custom_op.general", "finn.custom_op.general")

_WIDEST = 8
_NAMES = {"round": "half_even"}

_FINEST = 2.0**-118
"""Scale of a value: 1/128 of it keeps the precision of float32."""


@dataclass(frozen=True)
class _Width:
    """The integers of a quantizer: how many bits, and which of them."""

    bits: int
    signed: bool
    low: int
    high: int


def _bits(op: OpContext, position: int) -> int:
    value = op.scalar(position, "the bit width")
    if value not in range(1, _WIDEST + 1):
        raise Refusal(f"a bit width of {value:g}; accepted: 1 to {_WIDEST}")
    return int(value)


def _width(op: OpContext, position: int) -> _Width:
    """Source: `min_int` and `max_int` of the reference."""
    bits = _bits(op, position)
    signed, narrow = bool(op.int_attr("signed", 1)), bool(op.int_attr("narrow", 0))
    half = 1 << (bits - 1)
    low, high = (-half + narrow, half - 1) if signed else (0, 2 * half - 1 - narrow)
    if low >= high and not (bits == 1 and signed):
        raise Refusal(f"a bit width of {bits}, narrow, which has one level; accepted: two levels and more")
    return _Width(bits, signed, low, high)


def _rounding(op: OpContext, default: str) -> str:
    name = op.string_attr("rounding_mode", default).lower()
    name = _NAMES.get(name, name)
    if name not in ROUNDINGS:
        raise Refusal(f"rounding_mode {name.upper()}; accepted: ROUND, {', '.join(ROUNDINGS).upper()}")
    return name


def _one(scales: Array) -> float:
    if scales.size != 1:
        raise Refusal(f"{scales.size} scales of a value computed at run time; accepted: one")
    scale = float(scales.reshape(()))
    if scale < _FINEST:
        raise Refusal(f"a scale of {scale:g} of a value computed at run time; accepted: {_FINEST:g} and more")
    return scale


def _zero_point(op: OpContext, position: int) -> int:
    zeros = op.constant(position, "the zero point")
    first = float(zeros.reshape(-1)[0]) if zeros.size else math.nan
    if not (zeros == first).all() or not first.is_integer() or abs(first) > 255:
        raise Refusal("zero points that differ or are no integers; accepted: one integer")
    return int(first)


def _quant(op: OpContext) -> None:
    width, zero, scales = _width(op, 3), _zero_point(op, 2), positive_scales(op, 1)
    rounding = _rounding(op, "ROUND")
    if width.bits == 1 and width.signed:
        _require_no_zero_point(zero)
        _bipolar(op, scales)
    elif op.is_constant(0):
        _require_fits(scales, op.shape(0))
        with np.errstate(over="ignore"):  # infinity saturates
            reals = op.constant(0, "the weights").astype(np.float32) / scales + np.float32(zero)
        integers = np.clip(ROUNDINGS[rounding](reals), width.low, width.high).astype(np.int64)
        op.output(_constant(op, integers - zero, scales))
    else:
        _quantize(op, width, _one(scales), zero, rounding)


def _require_no_zero_point(zero: int) -> None:
    if zero:
        raise Refusal(f"one bit with zero point {zero}; accepted: 0")


def _bipolar_quant(op: OpContext) -> None:
    _bipolar(op, positive_scales(op, 1))


def _bipolar(op: OpContext, scales: Array) -> None:
    """-1 below 0, 1 from 0 on, times a scale."""
    if op.is_constant(0):
        _require_fits(scales, op.shape(0))
        op.output(_constant(op, np.where(op.constant(0, "the weights") >= 0, 1, -1), scales))
        return
    step = _one(scales)
    attrs = LevelsAttrs(factor=1.0, offset=0.0, low=-1, high=0, zero=-0.5, step=2 * step, rounding="floor")
    source, quant = _affine_input(op), Quant.per_tensor(step, 0)
    if source is not None:
        _level_input(op, source, attrs, quant)
    else:
        op.output(_as_int8(op, op.emit("levels", [op.required(0)], attrs), quant))


def _constant(op: OpContext, integers: Array, scales: Array) -> str:
    """Weights as integers of the least width, zero points subtracted, behind a `dequantize`."""
    shape = integers.shape
    if np.array_equal(np.abs(integers), np.ones(shape)):
        dtype = DType.B1
    else:
        fits = (d for d in (DType.S2, DType.S3, DType.S4, DType.S8) if _within(integers, d))
        dtype = next(fits, DType.S16)
    if dtype is DType.S16:
        raise Refusal(f"weights of {integers.min()} to {integers.max()} steps; accepted: what 8 bits with sign hold")
    if scales.size == 1:
        quant = Quant.per_tensor(float(scales.reshape(())), 0)
    else:
        axis = _axis(scales, shape)
        quant = Quant(tuple(float(s) for s in scales.reshape(-1)), (0,) * scales.size, axis)
    value = op.builder.add_constant(integers.astype(np.int8), op.node.input[0], quant, dtype)
    return op.emit("dequantize", [value], DequantizeAttrs(), dtype=DType.F32)


def _within(integers: Array, dtype: DType) -> bool:
    low, high = dtype.range
    return bool(integers.size == 0 or (integers.min() >= low and integers.max() <= high))


def _axis(scales: Array, shape: tuple[int, ...]) -> int:
    aligned = (1,) * (len(shape) - scales.ndim) + scales.shape
    return next(axis for axis, n in enumerate(aligned) if n != 1)


def _require_fits(scales: Array, shape: tuple[int, ...]) -> None:
    aligned = (1,) * (len(shape) - scales.ndim) + scales.shape
    several = [axis for axis, n in enumerate(aligned) if n != 1]
    fits = len(aligned) == len(shape) and len(several) <= 1 and all(aligned[a] == shape[a] for a in several)
    if not fits:
        raise Refusal(
            f"scales {list(scales.shape)} for weights {list(shape)}; accepted: one, or one per index of an axis"
        )


def _quantize(op: OpContext, width: _Width, scale: float, zero: int, rounding: str) -> None:
    """An activation."""
    if rounding != "half_even":
        raise Refusal(f"rounding_mode {rounding.upper()} of a value computed at run time; accepted: ROUND")
    attrs = LevelsAttrs(1 / scale, float(zero), width.low, width.high, float(zero), scale)
    source = _affine_input(op)
    if source is not None and source.name != op.required(0):
        _level_input(op, source, attrs, _fine(width, scale, zero))
        return
    steps = _as_int8(op, op.required(0), _coarse(width, scale, zero))
    op.output(_as_int8(op, op.emit("levels", [steps], attrs), _fine(width, scale, zero)))


def _coarse(width: _Width, scale: float, zero: int) -> Quant:
    """int8 in the steps of the quantizer; the least integer without sign is the least of int8, which saturates."""
    return Quant.per_tensor(scale, _in_range(zero if width.signed else zero - 128))


def _fine(width: _Width, scale: float, zero: int) -> Quant:
    """int8 in steps so fine that the integers of the quantizer reach over all of it."""
    spread = 1 << (_WIDEST - width.bits)
    least = -(1 << (width.bits - 1)) if width.signed else 0
    return Quant.per_tensor(scale / spread, _in_range(spread * (zero - least) - 128))


def _in_range(zero: int) -> int:
    low, high = DType.S8.range
    if not low <= zero <= high:
        raise Refusal("a zero point beyond the quantizer's own integers; accepted: one of them")
    return zero


def _as_int8(op: OpContext, value: str, quant: Quant) -> str:
    integers = op.emit("quantize", [value], QuantizeAttrs(), dtype=DType.S8, quant=quant)
    return op.emit("dequantize", [integers], DequantizeAttrs(), dtype=DType.F32)


@dataclass(frozen=True)
class _Source:
    """`name * factor + addend`: an input of the model, moved or not, only multiplied by and added to numbers."""

    name: str
    factor: float = 1.0
    addend: float = 0.0


def _affine_input(op: OpContext) -> _Source | None:
    """What the node's first input is computed of, if that is an input of the model."""
    source = _Source(op.required(0))
    while (before := _before(op, source)) is not None:
        source = before
    value = source.name
    node = op.builder.producer(value)
    while node is not None and node.op in ("reshape", "transpose"):
        value = node.inputs[0]
        node = op.builder.producer(value)
    return source if node is None and value not in op.builder.constants and source.factor > 0 else None


def _before(op: OpContext, source: _Source) -> _Source | None:
    """One factor or addend less."""
    node = op.builder.producer(source.name)
    if node is None or node.op not in ("add", "mul", "sub"):
        return None
    value, constant = node.inputs
    numbers = op.builder.constants.get(constant)
    if numbers is None or numbers.size != 1 or op.type_of(value).shape != op.type_of(source.name).shape:
        return None
    number = float(numbers.reshape(()))
    if node.op == "mul":
        return _Source(value, source.factor * number, source.addend)
    return _Source(value, source.factor, source.addend + source.factor * (number if node.op == "add" else -number))


def _level_input(op: OpContext, source: _Source, attrs: LevelsAttrs, quant: Quant) -> None:
    """Levels of an input, which is quantized to 256 steps over what they tell apart; the arithmetic becomes theirs."""
    ends = [((level - attrs.zero) * attrs.step - source.addend) / source.factor for level in (attrs.low, attrs.high)]
    low, high = min(0.0, *ends), max(0.0, *ends)
    scale = float(np.float32((high - low) / 255))
    finest = _as_int8(op, source.name, Quant.per_tensor(scale, round(-128 - low / scale)))
    offset = attrs.factor * source.addend + attrs.offset
    shifted = replace(attrs, factor=attrs.factor * source.factor, offset=offset)
    op.output(_as_int8(op, op.emit("levels", [finest], shifted), quant))


def _trunc(op: OpContext) -> None:
    """The lowest bits of an integer go; version 2 says the output's scale, and keeps the reals."""
    scale, zero, rounding = _one(positive_scales(op, 1)), _zero_point(op, 2), _rounding(op, "FLOOR")
    if op.arity == 6:
        width, out_scale = _width(op, 5), _one(positive_scales(op, 4, "the output scale"))
        lost = round(math.log2(out_scale / scale))
    else:
        width, out_scale = _width(op, 4), scale
        lost = _bits(op, 3) - width.bits
    if lost < 0 or width.bits + lost > _WIDEST or zero:
        raise Refusal(
            f"{width.bits + lost} bits, zero point {zero}, to {width.bits} bits; accepted: up to {_WIDEST}, 0, to less"
        )
    if op.arity != 6 and is_positive(op.builder, op.required(0)):
        width = _Width(width.bits, False, 0, (1 << width.bits) - 1)
    wide = _Width(width.bits + lost, width.signed, 0, 0)
    steps = _as_int8(op, op.required(0), _coarse(wide, scale, 0))
    attrs = LevelsAttrs(1 / (scale * 2.0**lost), 0.0, width.low, width.high, 0.0, out_scale, rounding)
    op.output(_as_int8(op, op.emit("levels", [steps], attrs), _fine(width, out_scale, 0)))


_NOTE = f"up to {_WIDEST} bits; constant parameters; weights per tensor or per axis, activations per tensor"
_OPS = ("quantize", "dequantize", "levels")

CONVERTERS = {
    f"{domain}.{name}": Converter(convert, _OPS, _NOTE)
    for domain in DOMAINS
    for name, convert in (("BipolarQuant", _bipolar_quant), ("IntQuant", _quant), ("Quant", _quant), ("Trunc", _trunc))
}
