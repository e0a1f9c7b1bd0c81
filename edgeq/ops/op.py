"""What an op is: a record of plain functions that say its meaning, and nothing of formats, machines or C.

    attrs --lower--> Params --+--> eval_int     the integer meaning
                              +--> macs         the work
                              +--> C kernel     (edgeq.kernels)

All arithmetic about scales happens once, in `lower`; right of it there are integers only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from edgeq.errors import Refusal
from edgeq.ir import DType, Shape, TensorType

Array = np.ndarray[Any, Any]

# The fields of a Params class carry the C type of the struct field of the same name.
I32 = Annotated[int, "int32_t"]
F32 = Annotated[float, "float"]
S8Data = Annotated[NDArray[np.int8], "const int8_t *"]
S16Data = Annotated[NDArray[np.int16], "const int16_t *"]
S32Data = Annotated[NDArray[np.int32], "const int32_t *"]
S64Data = Annotated[NDArray[np.int64], "const int64_t *"]
U8Data = Annotated[NDArray[np.uint8], "const uint8_t *"]


@dataclass(frozen=True)
class Params:
    """Base of every op's integers: field names, order and C types equal those of `struct edgeq_<struct>_params`."""

    struct: ClassVar[str]


@dataclass(frozen=True)
class Lowering:
    """All that `lower` may look at.

    Attributes:
        inputs: input types, None for an absent optional input.
        outputs: output types.
        constants: the value of each input that is constant, None for the others.
    """

    inputs: tuple[TensorType | None, ...]
    outputs: tuple[TensorType, ...]
    constants: tuple[Array | None, ...]

    def input(self, index: int) -> TensorType:
        """The type of an input that must be there."""
        type_ = self.inputs[index]
        if type_ is None:
            raise Refusal(f"input {index} is missing")
        return type_

    def constant(self, index: int, what: str) -> Array:
        """The value of an input that must be constant; `what` names it in the refusal."""
        array = self.constants[index] if index < len(self.constants) else None
        if array is None:
            raise Refusal(f"{what} is computed at run time; it must be a constant of the model")
        return array

    def optional(self, index: int, what: str) -> Array | None:
        """The value of an optional input that must be constant where it is there."""
        if index >= len(self.inputs) or self.inputs[index] is None:
            return None
        return self.constant(index, what)


@dataclass(frozen=True)
class Op:
    """One operation of the IR.

    Attributes:
        name: key in `edgeq.ops.OPS`, stem of the kernel names.
        attrs: frozen dataclass of the attributes.
        infer: `(attrs, input types) -> output shapes`; Refusal where the inputs cannot be combined.
        eval_float: `(attrs, inputs as float32) -> outputs as float32`, the meaning on reals.
        lower: `(attrs, Lowering) -> Params`; Refusal where edgeq has no integer meaning for the types.
        eval_int: `(Params, run-time inputs) -> outputs`, the meaning on integers, exactly what C computes.
        operands: how many leading inputs are read at run time; the others are constants that `lower` takes into
            Params. None: all of them.
        macs: multiply-accumulates of one execution.
        aliases: where the output is nothing but its inputs laid side by side, the byte offset of each input in the
            output (negative: the output begins inside the input); None where bytes have to move.
    """

    name: str
    attrs: type
    infer: Callable[[Any, Sequence[TensorType | None]], tuple[Shape, ...]]
    eval_float: Callable[[Any, Sequence[Any]], tuple[Array, ...]]
    lower: Callable[[Any, Lowering], Params]
    eval_int: Callable[[Any, Sequence[Any]], tuple[Array, ...]]
    operands: int | None = None
    macs: Callable[[Any], int] = lambda _: 0
    aliases: Callable[[Any], tuple[int, ...] | None] = lambda _: None


def require_dtype(type_: TensorType, *accepted: DType, what: str = "input") -> None:
    """Refuse a type whose elements are none of `accepted`."""
    if type_.dtype not in accepted:
        names = " or ".join(d.value for d in accepted)
        raise Refusal(f"{what} is {type_.dtype.value}; accepted: {names}")


def require_per_tensor(type_: TensorType, what: str) -> None:
    """Refuse an activation without exactly one scale and zero point."""
    if type_.quant is None:
        raise Refusal(f"{what} {type_} is not quantized; it needs a scale and a zero point")
    if type_.quant.axis is not None:
        raise Refusal(f"{what} is quantized per channel; activations need one scale and zero point")


def require_same_quant(a: TensorType, b: TensorType, what: str) -> None:
    """Refuse two values that must share scale and zero point and do not."""
    if a.quant != b.quant:
        raise Refusal(f"{what} are quantized as {a} and {b}; they must share scale and zero point")


def require_same_elements(x: TensorType, output: TensorType) -> None:
    """Refuse a move between values whose bytes do not mean the same: other element type, scale or zero point."""
    if x.dtype is not output.dtype:
        raise Refusal(f"input is {x.dtype.value} and output {output.dtype.value}; accepted: the same type")
    require_same_quant(x, output, "input and output")
    if x.quant is not None and x.quant.axis is not None:
        raise Refusal("input is quantized per channel; accepted: one scale and zero point")
