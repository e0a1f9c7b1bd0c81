"""`transpose`: dimensions in another order. A view where only dimensions of size 1 change places."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgeq.errors import Refusal
from edgeq.ir import Shape, TensorType
from edgeq.ops.op import Array, Lowering, Op, require_same_elements
from edgeq.ops.strided_copy import StridedCopyParams, aliases, element_strides, eval_int, strided_copy


@dataclass(frozen=True)
class TransposeAttrs:
    """Dimension k of the output is dimension `perm[k]` of the input."""

    perm: tuple[int, ...]


def _infer(attrs: TransposeAttrs, inputs: Sequence[TensorType | None]) -> tuple[Shape, ...]:
    x = inputs[0]
    if x is None or sorted(attrs.perm) != list(range(len(x.shape))):
        raise Refusal(f"permutation {list(attrs.perm)} of {x}; accepted: each dimension once")
    return (tuple(x.shape[p] for p in attrs.perm),)


def _eval_float(attrs: TransposeAttrs, inputs: Sequence[Any]) -> tuple[Array, ...]:
    return (inputs[0].transpose(attrs.perm),)


def _lower(attrs: TransposeAttrs, lowering: Lowering) -> StridedCopyParams:
    x, output = lowering.input(0), lowering.outputs[0]
    require_same_elements(x, output)
    dense = element_strides(x.shape)
    return strided_copy(output.shape, [dense[p] for p in attrs.perm], 0, x.dtype.bytes)


TRANSPOSE = Op(
    name="transpose",
    attrs=TransposeAttrs,
    infer=_infer,
    eval_float=_eval_float,
    lower=_lower,
    eval_int=eval_int,
    aliases=aliases,
)
