"""Finds the C kernels that can compute a node, takes the cheapest, and says in words why the others cannot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from edgeq.errors import Refusal
from edgeq.ir import TensorType
from edgeq.kernels import KERNELS, Kernel
from edgeq.ops import Params


@dataclass(frozen=True)
class Prices:
    """What a kernel costs on a core.

    Attributes:
        cycles: per unit of its work (`Kernel.units`).
        code: bytes of its functions.
    """

    cycles: Mapping[str, float]
    code: int


@dataclass(frozen=True)
class Machine:
    """What kernels are chosen for.

    Attributes:
        name: of the core, for messages.
        isas: of the kernels that run on it, the most general first.
        prices: by kernel name, fitted to emulated runs; without a price, the later of `isas` is thought the faster.
    """

    name: str = "any core"
    isas: tuple[str, ...] = ("c",)
    prices: Mapping[str, Prices] = field(default_factory=lambda: MappingProxyType({}))


ANY = Machine()
"""A machine that nothing is known of."""


@dataclass(frozen=True)
class Option:
    """A kernel that can compute a node.

    Attributes:
        kernel: its row.
        params: its integers.
        scratch: bytes that only it uses.
        overlap: how many bytes before its first input its output has to begin to share memory; None: it shares none.
        memory: bytes that it needs beside its input: scratch memory, and what of its output cannot lie over the input.
        constants: bytes of its arrays in flash.
        cycles: by the machine's prices; None where it has none for it.
        code: bytes, likewise.
    """

    kernel: Kernel
    params: Params
    scratch: int
    overlap: int | None
    memory: int
    constants: int
    cycles: float | None
    code: int | None


@dataclass(frozen=True)
class Choice:
    """What computes a node, and what else could have.

    Attributes:
        taken: the kernel.
        options: all kernels that can compute it, the fastest first.
        refused: kernel name and reason of those that cannot, though they are made for operands of these types.
    """

    taken: Option
    options: tuple[Option, ...]
    refused: tuple[tuple[str, str], ...] = ()

    @property
    def others(self) -> tuple[Option, ...]:
        """The options but for the one taken."""
        return tuple(option for option in self.options if option is not self.taken)


def select(
    op: str,
    params: Params,
    inputs: Sequence[TensorType],
    outputs: Sequence[TensorType],
    machine: Machine = ANY,
) -> Choice:
    """The fastest kernel for an op with these integers and run-time operand types, with the graph's rounding in force.

    Raises:
        Refusal: with the reason of every kernel that computes the op.
    """
    options: list[Option] = []
    refused: list[tuple[str, str]] = []
    others: list[tuple[str, str]] = []
    for kernel in KERNELS:
        if op not in kernel.ops:
            continue
        mismatch = _mismatch(kernel, inputs, outputs) or _other_params(kernel, params)
        reason = mismatch or _width(kernel, params) or _isa(kernel, machine) or kernel.refuses(params)
        if reason is None:
            options.append(_option(kernel, params, inputs, outputs, machine))
        else:
            (others if mismatch else refused).append((kernel.name, reason))
    if not options:
        reasons = [f"{name}: {reason}" for name, reason in (*refused, *others)]
        raise Refusal("; ".join(reasons) or f"no kernel computes {op}")
    options.sort(key=lambda option: _slowness(option, machine))
    return Choice(options[0], tuple(options), tuple(refused))


def _option(
    kernel: Kernel, params: Params, inputs: Sequence[TensorType], outputs: Sequence[TensorType], machine: Machine
) -> Option:
    packed = kernel.packed(params)
    prices = machine.prices.get(kernel.name)
    units = kernel.units(packed) if kernel.units else {"call": 1}
    scratch = kernel.scratch(packed) if kernel.scratch else 0
    distance = kernel.overlap(packed)
    output = sum(type_.bytes for type_ in outputs)
    in_place = any(inputs[i].bytes >= output for i in kernel.inplace)
    beside = output if distance is None else min(output, max(0, distance))
    return Option(
        kernel=kernel,
        params=packed,
        scratch=scratch,
        overlap=distance,
        memory=scratch + (0 if in_place else beside),
        constants=sum(value.nbytes for value in vars(packed).values() if hasattr(value, "nbytes")),
        cycles=sum(prices.cycles.get(unit, 0.0) * count for unit, count in units.items()) if prices else None,
        code=prices.code if prices else None,
    )


def _slowness(option: Option, machine: Machine) -> tuple[float, int]:
    """The least is the best."""
    # Where others have a price, what has none was never measured, and is not preferred to what was.
    unknown = float("inf") if machine.prices else 0.0
    cycles = unknown if option.cycles is None else option.cycles
    return cycles, -machine.isas.index(option.kernel.isa)


def _width(kernel: Kernel, params: Params) -> str | None:
    found = getattr(params, "weight_bits", 8)
    if kernel.stored_bits(found) is not None:
        return None
    return f"weights of {found} bits; accepted: {' or '.join(map(str, kernel.weight_bits))}"


def _isa(kernel: Kernel, machine: Machine) -> str | None:
    if kernel.isa in machine.isas:
        return None
    return f"needs {kernel.isa}; {machine.name} has {', '.join(machine.isas)}"


def _mismatch(kernel: Kernel, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> str | None:
    wanted = kernel.inputs * len(inputs) if kernel.variadic else kernel.inputs
    pairs = zip((*wanted, *kernel.outputs), (*inputs, *outputs), strict=False)
    found = ", ".join(t.dtype.value for t in inputs) + " -> " + ", ".join(t.dtype.value for t in outputs)
    if len(wanted) != len(inputs) or len(kernel.outputs) != len(outputs):
        return f"takes {len(wanted)} operands, not {len(inputs)}"
    if any(want.rstrip("*") not in ("x8", type_.dtype.value) for want, type_ in pairs):
        return f"takes {', '.join(kernel.inputs)} -> {', '.join(kernel.outputs)}, not {found}"
    return None


def _other_params(kernel: Kernel, params: Params) -> str | None:
    """Where an op has more than one integer meaning, each has a class of its own."""
    wanted = kernel.reads.__name__
    return None if isinstance(params, kernel.reads) else f"computes {wanted}, not {type(params).__name__}"
