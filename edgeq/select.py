"""Chooses the C kernel for a node, and says in words why the others were not taken."""

from collections.abc import Sequence

from edgeq.errors import Refusal
from edgeq.ir import TensorType
from edgeq.kernels import KERNELS, Kernel
from edgeq.ops import Params


def select(op: str, params: Params, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Kernel:
    """The kernel for an op with these integers and run-time operand types.

    Raises:
        Refusal: with the reason of every kernel that computes the op.
    """
    reasons = []
    for kernel in KERNELS:
        if op not in kernel.ops:
            continue
        reason = _mismatch(kernel, inputs, outputs) or _other_params(kernel, params) or kernel.refuses(params)
        if reason is None:
            return kernel
        reasons.append(f"{kernel.name}: {reason}")
    raise Refusal("; ".join(reasons) or f"no kernel computes {op}")


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
    wanted = kernel.params.__name__
    return None if isinstance(params, kernel.params) else f"computes {wanted}, not {type(params).__name__}"
