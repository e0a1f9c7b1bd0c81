"""A C kernel is one row of one table; prototypes, selection, tests and emitted calls all read that row."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from edgeq.ops.op import Params

_C_TYPES = {
    "b1": "uint32_t",  # 32 bits, the first in the lowest
    "s4": "int8_t",  # two of them
    "s8": "int8_t",
    "u8": "uint8_t",
    "s16": "int16_t",
    "s32": "int32_t",
    "s64": "int64_t",
    "f32": "float",
    "bool": "uint8_t",  # 0 or 1
    "x8": "void",  # any elements, moved as bytes
}


@dataclass(frozen=True)
class Kernel:
    """One C function.

    Attributes:
        name: the C function and the stem of its file.
        family: stem of the header with its struct and prototype, folder of its source.
        ops: the ops whose meaning it computes.
        params: the Params class, twin of the C struct.
        isa: what the core must have: "c" is C that runs anywhere; "swar" likewise, made for cores without SIMD; "dsp"
            and "mve" are Arm's extensions of these names.
        accepts: the op's Params class, where `pack` makes `params` of it.
        pack: offline work: from the op's integers to the kernel's own, with weights in the order of the inner loop.
            Called, as `refuses` is, with the graph's rounding in force.
        inputs: element types of the run-time inputs; `x8` is any, a trailing `*` is an array of any number of them.
        outputs: element types of the outputs.
        refuses: the reason why it cannot run the op's Params, or None.
        scratch: bytes of scratch memory for the kernel's Params; None: the function has no scratch argument.
        inplace: inputs in whose place the output may lie, if it is not larger.
        overlap: how many bytes before the first input the output has to begin, at least, to share memory with it;
            negative where it may begin behind it; None: no sharing. By the kernel's Params.
        weight_bits: widths of the weights that it reads; ops without any have none.
        widened_bits: widths of weights that it has in the next of those.
        units: what the time of a call depends on, by the kernel's Params: names and counts; prices are per unit.
    """

    name: str
    family: str
    ops: tuple[str, ...]
    params: type[Params]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    refuses: Callable[[Any], str | None] = lambda _: None
    scratch: Callable[[Any], int] | None = None
    inplace: tuple[int, ...] = ()
    isa: str = "c"
    accepts: type[Params] | None = None
    pack: Callable[[Any], Params] | None = None
    overlap: Callable[[Any], int | None] = lambda _: None
    weight_bits: tuple[int, ...] = (8,)
    widened_bits: tuple[int, ...] = ()
    units: Callable[[Any], Mapping[str, int]] | None = None

    @property
    def reads(self) -> type[Params]:
        """The Params class of the ops whose integers it takes."""
        return self.accepts or self.params

    def stored_bits(self, bits: int) -> int | None:
        """The width that it has weights of so many bits in; None where it cannot read them."""
        if bits in self.widened_bits:
            return min(width for width in self.weight_bits if width > bits)
        return bits if bits in self.weight_bits else None

    def packed(self, params: Params) -> Params:
        """Its own integers, from those of the op."""
        bits = getattr(params, "weight_bits", None)
        if bits in self.widened_bits:
            params = replace(params, weight_bits=self.stored_bits(bits))  # type: ignore[call-arg]
        return self.pack(params) if self.pack else params

    @property
    def header(self) -> PurePosixPath:
        """The public header, relative to runtime_c/include."""
        return PurePosixPath("edgeq", f"{self.family}.h")

    @property
    def source(self) -> PurePosixPath:
        """The C file, relative to runtime_c/src."""
        return PurePosixPath(self.family, f"{self.name}.c")

    @property
    def variadic(self) -> bool:
        """Whether the inputs are passed as one array of pointers."""
        return self.inputs[:1] != () and self.inputs[0].endswith("*")

    @property
    def prototype(self) -> str:
        """The C declaration that the header must contain."""
        arguments = [f"const struct edgeq_{self.params.struct}_params *params"]
        if self.variadic:
            arguments.append(f"const {c_type(self.inputs[0])} *const *inputs")
        else:
            names = ["input"] if len(self.inputs) == 1 else [f"input{i + 1}" for i in range(len(self.inputs))]
            arguments += [f"const {c_type(t)} *{n}" for t, n in zip(self.inputs, names, strict=True)]
        arguments += [f"{c_type(t)} *output" for t in self.outputs]
        if self.scratch is not None:
            arguments.append("void *scratch")
        return f"void {self.name}({', '.join(arguments)});"


def c_type(dtype: str) -> str:
    """The C element type of a dtype in a kernel row."""
    return _C_TYPES[dtype.rstrip("*")]
