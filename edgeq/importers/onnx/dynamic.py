"""Converters for quantization with scales that are found at run time, and for sums of integer products.

What ONNX Runtime's dynamic quantizer writes,

    x --DynamicQuantizeLinear--> y, scale, zero point
    MatMulInteger(y, weights, zero point, ...) --Cast--> Mul(scale * weight scale)

is turned back into the float operator on `x` with dequantized weights; the weights' integers stay. Calibration finds
one range for `x` where the file would find one in every run. Between its ends the pattern consists of names that stand
for no value (`Symbol`); a node that reads one in another way is refused.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from edgeq.errors import Refusal
from edgeq.importers.onnx.builder import Converter, OpContext, Symbol
from edgeq.importers.onnx.conversion import Expansion
from edgeq.ir import Shape
from edgeq.ir.graph import Array

_FOUND_AT_RUN_TIME = "is found at run time; accepted: where MatMulInteger, ConvInteger, Cast and Mul undo it"

_MOVES = frozenset({"Flatten", "Identity", "Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze"})

_ONE = np.ones((), np.float32)


@dataclass(frozen=True)
class _Quantized(Symbol):
    """The integers of `x`, an ONNX name; `scale` is the name of their scale."""

    x: str
    scale: str

    def convert(self, op: OpContext) -> bool:
        """Dequantized, they are what they were; moved, they are the integers of what is moved."""
        node = op.node
        if node.op_type == "DequantizeLinear" and self.scale in node.input[1:2]:
            op.builder.alias(node.output[0], self.x)
        elif node.op_type in _MOVES:
            expansion = Expansion(op)
            moved = expansion.add(node.op_type, [self.x, *node.input[1:]], copied=node.attribute)
            expansion.convert()
            op.builder.bind_symbol(node.output[0], _Quantized(moved, self.scale))
        else:
            return False
        return True

    def value(self) -> str:
        """None."""
        raise Refusal(f"the scale of {self.x!r} {_FOUND_AT_RUN_TIME}")


@dataclass(frozen=True)
class _ZeroPoint(Symbol):
    """The zero point that goes with a scale."""

    scale: str

    def convert(self, op: OpContext) -> bool:  # noqa: ARG002  # as a Symbol has it
        """Only the operators on integers read it."""
        return False

    def value(self) -> str:
        """None."""
        raise Refusal(f"the zero point beside {self.scale!r} {_FOUND_AT_RUN_TIME}")


@dataclass(frozen=True)
class _Scale(Symbol):
    """A product of scales that are found at run time and a constant."""

    scales: tuple[str, ...]
    factor: Array

    def convert(self, op: OpContext) -> bool:
        """Products with constants and with other scales."""
        if op.node.op_type != "Mul":
            return False
        other = _other(op, self)
        if isinstance(other, _Scale):
            product = _Scale(tuple(sorted(self.scales + other.scales)), self.factor * other.factor)
        elif isinstance(other, np.ndarray):
            product = _Scale(self.scales, self.factor * other)
        else:
            return False
        op.builder.bind_symbol(op.node.output[0], product)
        return True

    def value(self) -> str:
        """None."""
        raise Refusal(f"the scale {self.scales[0]!r} {_FOUND_AT_RUN_TIME}")


@dataclass(frozen=True)
class _Sum(Symbol):
    """Sums of products of integers: reals once they are multiplied by `scales`.

    `finish` makes the float operator, its result multiplied by a constant.
    """

    scales: tuple[str, ...]
    finish: Callable[[Array], str]

    def convert(self, op: OpContext) -> bool:
        """A Cast changes nothing; a Mul with the scales makes reals of it."""
        if op.node.op_type == "Cast" and op.int_attr("to") in (
            TensorProto.FLOAT,
            TensorProto.FLOAT16,
            TensorProto.INT32,
        ):
            op.builder.bind_symbol(op.node.output[0], self)
            return True
        if op.node.op_type != "Mul":
            return False
        other = _other(op, self)
        if isinstance(other, _Scale) and other.scales == self.scales:
            op.output(self.finish(other.factor))
        elif isinstance(other, np.ndarray):
            op.builder.bind_symbol(op.node.output[0], _Sum(self.scales, lambda factor: self.finish(factor * other)))
        else:
            return False
        return True

    def value(self) -> str:
        """The sums themselves, where their scale is known."""
        if self.scales:
            raise Refusal(f"the scale {self.scales[0]!r} {_FOUND_AT_RUN_TIME}")
        return self.finish(_ONE)


def _other(op: OpContext, this: Symbol) -> Symbol | Array | None:
    """The other operand of a product: a symbol, a constant, or None for a value."""
    builder, names = op.builder, list(op.node.input)
    other = next((name for name in names if builder.symbols.get(name) is not this), names[0])
    return builder.symbols.get(other, builder.arrays.get(other))


def _dynamic_quantize_linear(op: OpContext) -> None:
    if not op.type(0).dtype.is_float or len(op.node.output) != 3:
        raise Refusal(f"makes {len(op.node.output)} results of {op.type(0)}; accepted: 3 of floats")
    x, scale = op.node.input[0], op.node.output[1]
    symbols = (_Quantized(x, scale), _Scale((scale,), _ONE), _ZeroPoint(scale))
    for name, symbol in zip(op.node.output, symbols, strict=True):
        if name:
            op.builder.bind_symbol(name, symbol)


@dataclass(frozen=True)
class _Operand:
    """An input of a product of integers.

    Attributes:
        name: of its reals, where they are there; else of the integers.
        scales: names of the scales that its integers are multiplied by, to be reals.
        step: of the integers in the reals, where that is known.
        zero_point: of the integers, "" where there is none; None where the reals are there.
        constant: whether the integers are constant.
        rank: number of dimensions.
    """

    name: str
    rank: int
    scales: tuple[str, ...] = ()
    step: float = 1.0
    zero_point: str | None = None
    constant: bool = False


def _operand(op: OpContext, position: int, zero_position: int) -> _Operand:
    name = op.node.input[position]
    zero = op.node.input[zero_position] if op.has(zero_position) else ""
    symbol = op.builder.symbols.get(name)
    if isinstance(symbol, _Quantized):
        if op.builder.symbols.get(zero) != _ZeroPoint(symbol.scale):
            raise Refusal(f"the integers of {symbol.x!r} with another zero point; accepted: their own")
        rank = len(op.type_of(op.builder.value(symbol.x)).shape)
        return _Operand(symbol.x, rank, (symbol.scale,))
    if op.is_constant(position):
        return _Operand(name, len(op.shape(position)), zero_point=zero, constant=True)
    quant = op.type(position).quant
    step = 1.0 if quant is None or quant.axis is not None else quant.scale[0]
    return _Operand(name, len(op.shape(position)), step=step, zero_point=zero)


def _product(op_type: str, *attributes: str) -> Callable[[OpContext], None]:
    """The float operator on what two inputs stand for."""

    def convert(op: OpContext) -> None:
        if op.arity < 2:
            raise Refusal(f"{op.arity} inputs; accepted: 2 to 4")
        x, weights = _operand(op, 0, 2), _operand(op, 1, 3)

        def finish(factor: Array) -> str:
            """Weights take the factor as their scale where they can."""
            factor = np.asarray(factor / (x.step * weights.step), np.float32)
            expansion = Expansion(op)
            absorbed = _per_channel(factor, op_type, x.rank) if weights.constant else None
            kernel = _reals(expansion, weights, 0 if op_type == "Conv" else weights.rank - 1, absorbed)
            copied = expansion.attributes(*attributes)
            result = expansion.add(op_type, [_reals(expansion, x, 0, None), kernel], copied=copied)
            if absorbed is None and not np.array_equal(factor, np.ones_like(factor)):
                result = expansion.add("Mul", [result, expansion.constant(factor)])
            expansion.convert()
            return op.builder.value(result)

        symbol = _Sum(tuple(sorted(x.scales + weights.scales)), finish)
        op.builder.bind_symbol(op.node.output[0], symbol)

    return convert


def _per_channel(factor: Array, op_type: str, rank: int) -> Array | None:
    """One factor, or one per output channel; None where they run along something else, or are no scales."""
    if not (np.isfinite(factor).all() and (factor > 0).all()):
        return None
    if factor.size == 1:
        return factor.reshape(())
    axis = 1 if op_type == "Conv" else rank - 1
    shape: Shape = (1,) * (rank - factor.ndim) + factor.shape
    along = len(shape) == rank and all(n == 1 for i, n in enumerate(shape) if i != axis)
    return factor.reshape(-1) if along else None


def _reals(expansion: Expansion, operand: _Operand, axis: int, scale: Array | None) -> str:
    """The name of an operand's reals, its integers times `scale`, or times their step where that is None."""
    if operand.zero_point is None:
        return operand.name
    steps = np.array(operand.step, np.float32) if scale is None else scale
    zero = [operand.zero_point] if operand.zero_point else []
    counts = [steps.size, *(expansion.op.builder.arrays[z].size for z in zero if z in expansion.op.builder.arrays)]
    if max(counts) > 1:
        steps = np.broadcast_to(steps.reshape(-1), max(counts))
        zero = [_spread(expansion, name, max(counts)) for name in zero]
    return expansion.add("DequantizeLinear", [operand.name, expansion.constant(steps), *zero], axis=axis)


def _spread(expansion: Expansion, name: str, size: int) -> str:
    """A constant zero point, once per channel."""
    if name not in expansion.op.builder.arrays:
        raise Refusal("a zero point is computed at run time; it must be a constant of the model")
    zero = expansion.op.builder.arrays[name].reshape(-1)
    if zero.size not in (1, size):
        raise Refusal(f"{zero.size} zero points for {size} scales; accepted: one, or as many")
    return expansion.constant(np.broadcast_to(zero, size))


def _to_float(op: OpContext) -> None:
    """MatMulIntegerToFloat: MatMulInteger, times both scales, and a bias."""
    expansion = Expansion(op)
    a, b, a_scale, b_scale, a_zero, b_zero, bias = expansion.inputs(*range(7))
    total = expansion.add("MatMulInteger", [a, b, a_zero, b_zero])
    real = expansion.add("Cast", [total], to=TensorProto.FLOAT)
    scale = expansion.add("Mul", [a_scale, b_scale])
    _with_bias(expansion, lambda **out: expansion.add("Mul", [real, scale], **out), bias)


def _dynamic_matmul(op: OpContext) -> None:
    """DynamicQuantizeMatMul: a product with dequantized weights, and a bias."""
    expansion = Expansion(op)
    a, b, b_scale, b_zero, bias = expansion.inputs(*range(5))
    weights = expansion.add("DequantizeLinear", [b, b_scale, *filter(None, [b_zero])], axis=len(op.shape(1)) - 1)
    _with_bias(expansion, lambda **out: expansion.add("MatMul", [a, weights], **out), bias)


def _with_bias(expansion: Expansion, product: Callable[..., str], bias: str) -> None:
    output = expansion.op.node.output[0]
    if bias:
        expansion.add("Add", [product(), bias], output)
    else:
        product(output=output)
    expansion.convert()


_NOTE = "turned back into float operators; ranges are calibrated, not found in every run"

CONVERTERS = {
    "ConvInteger": Converter(
        _product("Conv", "auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"),
        ("dequantize", "conv2d"),
        _NOTE,
    ),
    "DynamicQuantizeLinear": Converter(_dynamic_quantize_linear, (), _NOTE),
    "MatMulInteger": Converter(_product("MatMul"), ("dequantize", "dense", "batch_matmul"), _NOTE),
    "com.microsoft.DynamicQuantizeMatMul": Converter(_dynamic_matmul, ("dequantize", "dense", "batch_matmul"), _NOTE),
    "com.microsoft.MatMulIntegerToFloat": Converter(_to_float, ("dequantize", "dense", "batch_matmul"), _NOTE),
}
