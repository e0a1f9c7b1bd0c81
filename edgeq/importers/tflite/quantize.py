"""Converters for QUANTIZE and DEQUANTIZE, which also occur between integers and on constants."""

from edgeq.errors import Refusal
from edgeq.importers.tflite.context import Converter, OpContext
from edgeq.ir import TensorType
from edgeq.ir.graph import Array
from edgeq.ops import OPS, Lowering
from edgeq.ops.quantize import DequantizeAttrs, QuantizeAttrs, quantize_array
from edgeq.ops.requantize import RequantizeAttrs


def _quantize(op: OpContext) -> None:
    """From reals, or between two ways of writing reals in integers."""
    x, output = _only_input(op), op.output_type()
    if output.quant is None:
        raise Refusal(f"output {output} has no scale and zero point")
    if op.is_constant(0):
        _require_same_shape(x, output)
        array = op.constant(0, "the input")
        op.fold(quantize_array(array, output) if x.dtype.is_float else _requantized(array, x, output))
    elif x.dtype.is_float:
        op.emit("quantize", op.inputs(), QuantizeAttrs())
    else:
        op.emit("requantize", op.inputs(), RequantizeAttrs())


def _dequantize(op: OpContext) -> None:
    x, output = _only_input(op), op.output_type()
    floats = x.dtype.is_float and op.is_constant(0)
    if not output.dtype.is_float or (x.quant is None and not floats):
        raise Refusal(f"dequantizes {x} to {output}; accepted: quantized integers and float16 constants to float32")
    if op.is_constant(0):
        op.fold(op.reals(0))
    else:
        op.emit("dequantize", op.inputs(), DequantizeAttrs())


def _only_input(op: OpContext) -> TensorType:
    if op.arity != 1:
        raise Refusal(f"has {op.arity} inputs; expected 1")
    return op.type(0)


def _require_same_shape(x: TensorType, output: TensorType) -> None:
    if x.shape != output.shape:
        raise Refusal(f"input {x} and output {output} differ in shape")


def _requantized(array: Array, x: TensorType, output: TensorType) -> Array:
    requantize = OPS["requantize"]
    params = requantize.lower(RequantizeAttrs(), Lowering((x,), (output,), (array,)))
    return requantize.eval_int(params, [array])[0].astype(output.dtype.numpy)


CONVERTERS = {
    "DEQUANTIZE": Converter(_dequantize, ("dequantize",), "of int8 and uint8 at outputs; of constants, float16 too"),
    "QUANTIZE": Converter(_quantize, ("quantize", "requantize"), "to int8, uint8 and int16; of float32 at inputs"),
}
