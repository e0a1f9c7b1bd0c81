"""Shape arithmetic: what operators compute from constants without quantization is computed at import.

Exporters leave it in their files, such as SHAPE, STRIDED_SLICE, PACK before a RESHAPE. The operators that compute are
here; those that only move elements fold wherever their nodes are added (`OpContext.emit`).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tflite

from edgeq.errors import Refusal
from edgeq.importers.tflite.builder import require_finite_result
from edgeq.importers.tflite.context import Converter, OpContext
from edgeq.importers.tflite.movement import normalize_axis
from edgeq.ir.graph import Array
from edgeq.ops.op import require_same_elements

_Compute = Callable[[OpContext, Sequence[Array]], Array]


@dataclass(frozen=True)
class Folding:
    """How an operator computes constants.

    Attributes:
        arity: number of inputs.
        compute: its result, after `OpContext.reserve` has granted the size of it.
    """

    arity: int
    compute: _Compute


def fold(op: OpContext) -> bool:
    """Compute an operator whose inputs are constants without quantization; whether that was done.

    Raises:
        Refusal: where the inputs are not such that the operator has a result.
    """
    folding = FOLDINGS.get(op.operator.name)
    if folding is None or op.arity == 0 or not op.all_constant() or op.output_type().quant is not None:
        return False
    if op.arity != folding.arity:
        raise Refusal(f"{op.arity} inputs; accepted: {folding.arity}")
    arrays = [op.constant(i, f"input {i}") for i in range(op.arity)]
    with np.errstate(all="ignore"):
        result = np.asarray(folding.compute(op, arrays))
    require_finite_result(result)
    op.fold(result)
    return True


def _shape(op: OpContext) -> None:
    op.fold(np.array(op.type(0).shape, _integer_output(op)))


def _rank(op: OpContext) -> None:
    op.fold(np.array(len(op.type(0).shape), _integer_output(op)))


def _integer_output(op: OpContext) -> np.dtype[Any]:
    dtype = op.output_type().dtype.numpy
    if dtype not in (np.int32, np.int64):
        raise Refusal(f"the result is declared {dtype}; accepted: int32, int64")
    return dtype


def _elementwise(function: Callable[..., Any], options: type[Any] | None = None) -> _Compute:
    """A function of broadcast elements of one type; `options` is the table with a fused activation, if any."""

    def compute(op: OpContext, arrays: Sequence[Array]) -> Array:
        if len({a.dtype for a in arrays}) > 1:
            raise Refusal(f"inputs of {' and '.join(str(a.dtype) for a in arrays)}; accepted: one type")
        op.reserve(_broadcast_size(arrays))
        result = np.asarray(function(*arrays))
        if options is None:
            return result
        return op.activation(op.options(options).FusedActivationFunction()).apply(result).astype(result.dtype)

    return compute


def _broadcast_size(arrays: Sequence[Array]) -> int:
    try:
        return math.prod(np.broadcast_shapes(*(a.shape for a in arrays)))
    except ValueError as error:
        raise Refusal(f"shapes {[list(a.shape) for a in arrays]} cannot be broadcast to one another") from error


def _divide(a: Array, b: Array) -> Array:
    """C's division: integers towards zero."""
    if a.dtype.kind == "f":
        return np.asarray(a / b)
    quotient = _nonzero(np.floor_divide)(a, b)
    inexact = quotient * b != a
    return np.asarray(quotient + (inexact & ((a < 0) != (b < 0))), a.dtype)


def _nonzero(function: Callable[[Array, Array], Any]) -> Callable[[Array, Array], Array]:
    """A division of which integers by 0 are refused."""

    def divide(a: Array, b: Array) -> Array:
        if not b.all():
            raise Refusal("a constant is divided by 0")
        return np.asarray(function(a, b))

    return divide


def _select(op: OpContext, arrays: Sequence[Array]) -> Array:
    condition, yes, no = arrays
    if condition.dtype != np.bool_ or yes.dtype != no.dtype:
        raise Refusal(f"selects by {condition.dtype} from {yes.dtype} and {no.dtype}; accepted: bool, and one type")
    op.reserve(_broadcast_size(arrays))
    return np.where(condition, yes, no)


def _reduction(function: Callable[..., Any], *, logical: bool = False) -> _Compute:
    def compute(op: OpContext, arrays: Sequence[Array]) -> Array:
        x = arrays[0]
        if logical != (x.dtype == np.bool_):
            raise Refusal(f"reduces {x.dtype}; accepted: {'bool' if logical else 'numbers'}")
        axes = {normalize_axis(a, x.ndim) for a in op.integers(1, "the axes")}
        op.reserve(x.size)
        keep = bool(op.options(tflite.ReducerOptions).KeepDims())
        return np.asarray(function(x, axis=tuple(sorted(axes)), keepdims=keep)).astype(x.dtype)

    return compute


def _cast(op: OpContext, arrays: Sequence[Array]) -> Array:
    x, target = arrays[0], op.output_type().dtype.numpy
    if x.dtype.kind == "f" and target.kind in "iu":
        low, high = np.iinfo(target).min, np.iinfo(target).max
        if x.size and not (low <= float(x.min()) and float(x.max()) <= high):
            raise Refusal(f"{float(x.min())}..{float(x.max())} as {target}; accepted: {low}..{high}")
    op.reserve(x.size)
    return x.astype(target)


def _fill(op: OpContext, arrays: Sequence[Array]) -> Array:
    shape, value = op.integers(0, "the shape"), arrays[1]
    if value.size != 1 or min(shape, default=1) < 1:
        raise Refusal(f"shape {list(shape)} filled with {value.size} elements; accepted: positive sizes, one element")
    op.reserve(math.prod(shape))
    return np.full(shape, value.reshape(())[()], value.dtype)


def _range(op: OpContext, arrays: Sequence[Array]) -> Array:
    """Source: TFLite `range.cc`: the step is added again and again, each sum rounded to the type."""
    dtype = arrays[0].dtype
    if any(a.size != 1 or a.dtype != dtype for a in arrays) or dtype.kind not in "if":
        raise Refusal("a range of other than three numbers of one type")
    start, limit, delta = (a.reshape(())[()].item() for a in arrays)
    if delta == 0:
        raise Refusal("a range in steps of 0; accepted: any other")
    count = math.ceil((limit - start) / delta) if dtype.kind == "f" else -(-(limit - start) // delta)
    if count < 1:
        raise Refusal(f"the range from {start} to {limit} in steps of {delta} is empty; accepted: at least one element")
    op.reserve(count)
    steps = np.full(count, delta, dtype)
    steps[0] = start
    return np.add.accumulate(steps, dtype=dtype)


FOLDINGS: Mapping[str, Folding] = {
    "ABS": Folding(1, _elementwise(np.abs)),
    "ADD": Folding(2, _elementwise(np.add, tflite.AddOptions)),
    "CAST": Folding(1, _cast),
    "DIV": Folding(2, _elementwise(_divide, tflite.DivOptions)),
    "EQUAL": Folding(2, _elementwise(np.equal)),
    "FILL": Folding(2, _fill),
    "FLOOR_DIV": Folding(2, _elementwise(_nonzero(np.floor_divide))),
    "FLOOR_MOD": Folding(2, _elementwise(_nonzero(np.mod))),
    "GREATER": Folding(2, _elementwise(np.greater)),
    "GREATER_EQUAL": Folding(2, _elementwise(np.greater_equal)),
    "LESS": Folding(2, _elementwise(np.less)),
    "LESS_EQUAL": Folding(2, _elementwise(np.less_equal)),
    "LOGICAL_AND": Folding(2, _elementwise(np.logical_and)),
    "LOGICAL_NOT": Folding(1, _elementwise(np.logical_not)),
    "LOGICAL_OR": Folding(2, _elementwise(np.logical_or)),
    "MAXIMUM": Folding(2, _elementwise(np.maximum)),
    "MINIMUM": Folding(2, _elementwise(np.minimum)),
    "MUL": Folding(2, _elementwise(np.multiply, tflite.MulOptions)),
    "NEG": Folding(1, _elementwise(np.negative)),
    "NOT_EQUAL": Folding(2, _elementwise(np.not_equal)),
    "RANGE": Folding(3, _range),
    "REDUCE_ALL": Folding(2, _reduction(np.all, logical=True)),
    "REDUCE_ANY": Folding(2, _reduction(np.any, logical=True)),
    "REDUCE_MAX": Folding(2, _reduction(np.max)),
    "REDUCE_MIN": Folding(2, _reduction(np.min)),
    "REDUCE_PROD": Folding(2, _reduction(np.prod)),
    "SELECT": Folding(3, _select),
    "SELECT_V2": Folding(3, _select),
    "SUB": Folding(2, _elementwise(np.subtract, tflite.SubOptions)),
    "SUM": Folding(2, _reduction(np.sum)),
}


def _fill_quantized(op: OpContext) -> None:
    """Unrolled recurrent layers make their first state like this."""
    if op.arity != FOLDINGS["FILL"].arity:
        raise Refusal(f"{op.arity} inputs; accepted: {FOLDINGS['FILL'].arity}")
    value = op.constant(1, "the value")
    require_same_elements(op.type(1), op.output_type())
    op.fold(_fill(op, [value, value]))


def _run_time(_: OpContext) -> None:
    raise Refusal("computes from values of the run; accepted: constants without quantization, as in shape arithmetic")


CONVERTERS = {
    "SHAPE": Converter(_shape, (), "folded"),
    "RANK": Converter(_rank, (), "folded"),
    **{name: Converter(_run_time, (), "folded: constants without quantization only") for name in FOLDINGS},
    "FILL": Converter(_fill_quantized, (), "folded"),
}
"""What stands for the operators that no other converter takes."""
