"""Converters for operators on quantized integers, ONNX's own and those that ONNX Runtime's quantizers write.

Each is short for DequantizeLinear, the float operator, and QuantizeLinear, and is converted as these.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from edgeq.errors import Refusal
from edgeq.importers.onnx.axes import normalize_axis
from edgeq.importers.onnx.builder import Converter, OpContext
from edgeq.importers.onnx.conversion import Expansion
from edgeq.ops.unary_real import SiluAttrs

_WINDOW = ("auto_pad", "ceil_mode", "count_include_pad", "dilations", "group", "kernel_shape", "pads", "strides")


def _real(expansion: Expansion, position: int, axis: int = 1) -> str:
    """The reals of an input that is followed by its scale and its zero point."""
    if not expansion.op.has(position):
        raise Refusal(f"input {position} is missing")
    x, scale, zero = expansion.inputs(position, position + 1, position + 2)
    return expansion.add("DequantizeLinear", [x, scale, *filter(None, [zero])], axis=axis)


def _finish(expansion: Expansion, result: str, position: int) -> None:
    """Quantize the result with the scale at this input and the zero point behind it."""
    scale, zero = expansion.inputs(position, position + 1)
    expansion.add("QuantizeLinear", [result, scale, *filter(None, [zero])], expansion.op.node.output[0])
    expansion.convert()


def _bias(expansion: Expansion, position: int, scale: "np.ndarray[tuple[int, ...], np.dtype[np.float32]]") -> str:
    """The reals of an int32 bias."""
    size = expansion.op.constant(position, "the bias").size
    if scale.size not in (1, size):
        raise Refusal(f"a bias of {size} elements for {scale.size} scales; accepted: one scale, or as many")
    scales = np.broadcast_to(scale.reshape(-1), size) if scale.size > 1 else scale.reshape(())
    return expansion.add("DequantizeLinear", [*expansion.inputs(position), expansion.constant(scales)], axis=0)


def _scales(op: OpContext, *positions: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    """The product of the scales at these inputs."""
    product = np.ones((), np.float32)
    for position in positions:
        product = product * op.constant(position, "a scale").astype(np.float32)
    return product


_TO_FIRST, _TO_LAST = (0, 3, 1, 2), (0, 2, 3, 1)


def _on_image(expansion: Expansion, x: str, compute: Callable[[str], str]) -> str:
    """A computation on an image with channels first, also where the node has them last."""
    if not expansion.op.int_attr("channels_last", 0):
        return compute(x)
    result = compute(expansion.add("Transpose", [x], perm=_TO_FIRST))
    return expansion.add("Transpose", [result], perm=_TO_LAST)


def _conv(op: OpContext) -> None:
    expansion = Expansion(op)
    if op.has_attribute("channels_last") and op.int_attr("channels_last"):
        raise Refusal("channels_last; accepted: 0")
    operands = [_real(expansion, 0), _real(expansion, 3, axis=0)]
    if op.has(8):
        operands.append(_bias(expansion, 8, _scales(op, 1, 4)))
    _finish(expansion, expansion.add("Conv", operands, copied=expansion.attributes(*_WINDOW)), 6)


def _matmul(op: OpContext) -> None:
    expansion = Expansion(op)
    operands = [_real(expansion, 0), _real(expansion, 3, axis=len(op.shape(3)) - 1)]
    _finish(expansion, expansion.add("MatMul", operands), 6)


def _gemm(op: OpContext) -> None:
    """The bias has the scale of the products; without an output scale the result stays real."""
    expansion = Expansion(op)
    alpha = op.float_attr("alpha", 1.0)
    operands = [_real(expansion, 0), _real(expansion, 3, axis=0 if op.int_attr("transB", 0) else 1)]
    if op.has(6):
        operands.append(_bias(expansion, 6, np.float32(alpha) * _scales(op, 1, 4)))
    attributes = expansion.attributes("alpha", "transA", "transB")
    if op.has(7):
        _finish(expansion, expansion.add("Gemm", operands, copied=attributes), 7)
    else:
        expansion.add("Gemm", operands, op.node.output[0], copied=attributes)
        expansion.convert()


def _binary(op_type: str) -> Callable[[OpContext], None]:
    def convert(op: OpContext) -> None:
        expansion = Expansion(op)
        _finish(expansion, expansion.add(op_type, [_real(expansion, 0), _real(expansion, 3)]), 6)

    return convert


def _unary(op_type: str, *attributes: str) -> Callable[[OpContext], None]:
    """One operand; the scale of the output is input 3."""

    def convert(op: OpContext) -> None:
        expansion = Expansion(op)

        def compute(x: str) -> str:
            return expansion.add(op_type, [x], copied=expansion.attributes(*attributes))

        _finish(expansion, _on_image(expansion, _real(expansion, 0), compute), 3)

    return convert


def _softmax(op: OpContext) -> None:
    """The attribute `opset` says what the axis means; at the last one that makes no difference."""
    rank = len(op.type(0).shape)
    axis, meant = normalize_axis(op.int_attr("axis", -1), rank), op.int_attr("opset", 13)
    written = op.builder.file.opsets.get("", 13)
    if axis != rank - 1 and (meant < 13) != (written < 13):
        raise Refusal(f"axis {axis} as in opset {meant}, in a file of opset {written}; accepted: the last axis")
    expansion = Expansion(op)
    _finish(expansion, expansion.add("Softmax", [_real(expansion, 0)], axis=axis), 3)


def _concat(op: OpContext) -> None:
    """Scale and zero point of the output come first."""
    if op.arity < 4 or (op.arity - 2) % 3:
        raise Refusal(f"{op.arity} inputs; accepted: two for the output and three for each part")
    expansion = Expansion(op)
    parts = [_real(expansion, position) for position in range(2, op.arity, 3)]
    _finish(expansion, expansion.add("Concat", parts, axis=op.int_attr("axis")), 0)


def _activated(expansion: Expansion, result: str) -> None:
    """The fused activation of the node, with its parameters by name or in their order."""
    op = expansion.op
    activation = op.string_attr("activation", "")
    if not activation:
        expansion.add("Identity", [result], op.node.output[0])
    elif activation in ("Relu", "Sigmoid", "Tanh"):
        expansion.add(activation, [result], op.node.output[0])
    elif activation in ("LeakyRelu", "HardSigmoid"):
        names = ("alpha", "beta") if activation == "HardSigmoid" else ("alpha",)
        values = list(op.floats_attr("activation_params", ()))
        given = {n: op.float_attr(f"activation_{n}") for n in names if op.has_attribute(f"activation_{n}")}
        parameters: dict[str, Any] = given or dict(zip(names, values, strict=False))
        expansion.add(activation, [result], op.node.output[0], **parameters)
    elif activation == "Clip" and len(op.floats_attr("activation_params", ())) == 2:
        low, high = (expansion.constant(np.array(v, np.float32)) for v in op.floats_attr("activation_params"))
        expansion.add("Clip", [result, low, high], op.node.output[0])
    else:
        raise Refusal(f"activation {activation!r}; accepted: Relu, Sigmoid, Tanh, LeakyRelu, HardSigmoid, Clip")
    expansion.convert()


def _fused_conv(op: OpContext) -> None:
    expansion = Expansion(op)
    x, weights, bias, summand = expansion.inputs(0, 1, 2, 3)
    result = expansion.add("Conv", [x, weights, *filter(None, [bias])], copied=expansion.attributes(*_WINDOW))
    _activated(expansion, expansion.add("Add", [result, summand]) if summand else result)


def _fused_gemm(op: OpContext) -> None:
    expansion = Expansion(op)
    attributes = expansion.attributes("alpha", "beta", "transA", "transB")
    _activated(expansion, expansion.add("Gemm", expansion.inputs(*range(op.arity)), copied=attributes))


def _gelu(approximate: str) -> Callable[[OpContext], None]:
    """Of the input, to which a bias may be added."""

    def convert(op: OpContext) -> None:
        expansion = Expansion(op)
        op.required(0)
        x = expansion.add("Add", expansion.inputs(0, 1)) if op.has(1) else op.node.input[0]
        expansion.add("Gelu", [x], op.node.output[0], approximate=approximate)
        expansion.convert()

    return convert


def _quick_gelu(op: OpContext) -> None:
    op.output(op.emit("silu", [op.required(0)], SiluAttrs(op.float_attr("alpha", 1.702))))


_QUANTIZED = "constant scales and zero points"


def _as(convert: Callable[[OpContext], None], *ops: str, note: str = _QUANTIZED) -> Converter:
    return Converter(convert, ("dequantize", *ops, "quantize"), note)


_FUSED = "activations Relu, Sigmoid, Tanh, LeakyRelu, HardSigmoid, Clip"

CONVERTERS = {
    "QLinearConv": _as(_conv, "conv2d", "depthwise_conv2d"),
    "QLinearMatMul": _as(_matmul, "dense", "batch_matmul"),
    "com.microsoft.BiasGelu": Converter(_gelu("none"), ("add", "gelu")),
    "com.microsoft.FastGelu": Converter(_gelu("tanh"), ("add", "gelu")),
    "com.microsoft.FusedConv": Converter(_fused_conv, ("conv2d", "depthwise_conv2d"), _FUSED),
    "com.microsoft.FusedGemm": Converter(_fused_gemm, ("dense",), _FUSED),
    "com.microsoft.Gelu": Converter(_gelu("none"), ("gelu",)),
    "com.microsoft.QGemm": _as(_gemm, "dense"),
    "com.microsoft.QLinearAdd": _as(_binary("Add"), "add"),
    "com.microsoft.QLinearAveragePool": _as(_unary("AveragePool", *_WINDOW), "avg_pool2d"),
    "com.microsoft.QLinearConcat": _as(_concat, "concat"),
    "com.microsoft.QLinearConv": _as(_conv, "conv2d", "depthwise_conv2d"),
    "com.microsoft.QLinearGlobalAveragePool": _as(_unary("GlobalAveragePool"), "mean"),
    "com.microsoft.QLinearLeakyRelu": _as(_unary("LeakyRelu", "alpha"), "leaky_relu"),
    "com.microsoft.QLinearMul": _as(_binary("Mul"), "mul"),
    "com.microsoft.QLinearReduceMean": _as(_unary("ReduceMean", "axes", "keepdims"), "mean"),
    "com.microsoft.QLinearSigmoid": _as(_unary("Sigmoid"), "logistic"),
    "com.microsoft.QLinearSoftmax": _as(_softmax, "softmax"),
    "com.microsoft.QuickGelu": Converter(_quick_gelu, ("silu",)),
}
