"""Inputs for many runs: read from .npz or .npy files and brought into the ports' types, or random."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np

from edgeq.array_files import assign, open_arrays, shape_text
from edgeq.errors import EdgeqError
from edgeq.ir import DType, Shape, TensorType
from edgeq.ir.graph import Array
from edgeq.ops.quantize import quantize_array
from edgeq.program import Port, Program

Inputs = tuple[Array, ...]
"""Of one run, in the order of the ports."""


class Layout(Enum):
    """How the samples were stacked, and their outputs are."""

    SINGLE = "one sample, no sample axis"
    LEADING = "a sample axis in front of the port's shape"
    BATCH = "samples in the place of a batch of 1"


@dataclass(frozen=True)
class Samples:
    """Inputs of several runs.

    Attributes:
        arrays: one per port, a sample axis in front of the port's shape.
        layout: how they were stacked before.
        notes: what was done to the user's data, a sentence each.
    """

    arrays: tuple[Array, ...]
    layout: Layout = Layout.LEADING
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __iter__(self) -> Iterator[Inputs]:
        return zip(*self.arrays, strict=True)

    def stack(self, outputs: Sequence[Array]) -> Array:
        """One output of all runs, stacked as the inputs were."""
        if self.layout is Layout.SINGLE:
            return outputs[0]
        if self.layout is Layout.BATCH and outputs[0].shape[:1] == (1,):
            return np.concatenate(outputs)
        return np.stack(outputs)


def random_samples(program: Program, count: int, seed: int) -> Samples:
    """Uniform over each port's whole range: the extremes of its integers, or the reals that its quantization holds.

    Integers that stand for no reals are indices or counts; they are drawn from 0..255.
    """
    rng = np.random.default_rng(seed)
    return Samples(tuple(_random(rng, program, port, count) for port in program.inputs))


def _random(rng: np.random.Generator, program: Program, port: Port, count: int) -> Array:
    shape = (count, *port.type.shape)
    if port.type.dtype.is_float:
        return rng.uniform(*_reals(program, port), shape).astype(np.float32)
    if port.type.dtype is DType.BOOL:
        return rng.integers(0, 2, shape).astype(np.bool_)
    low, high = port.type.dtype.range if port.type.quant else (0, min(255, port.type.dtype.range[1]))
    return rng.integers(low, high, shape, port.type.dtype.numpy, endpoint=True)


def _reals(program: Program, port: Port) -> tuple[float, float]:
    """The range of the integers that a float port is quantized to, and a tenth more on either side."""
    for node in program.graph.users.get(port.value, ()):
        type_ = program.graph.types[node.outputs[0]]
        if node.op == "quantize" and type_.quant is not None:
            low, high = ((q - type_.zero_point) * type_.scale for q in type_.dtype.range)
            margin = (high - low) / 10
            return low - margin, high + margin
    return -4.0, 4.0


def load_samples(path: str | Path, ports: Sequence[Port]) -> Samples:
    """Read a .npz, or a .npy where there is one port.

    An array goes to the port of its name, or by number to `in_1`, `in_2` ...; a single port also takes `x`,
    `inputs`, or the only array there is beside labels. Its axes may be in the order of the port or of the model's
    file. Floats are quantized with the port's scale and zero point.

    Raises:
        EdgeqError: where the file cannot be read, an array is missing, or one does not fit its port.
    """
    found = open_arrays(Path(path))
    keys = assign(path, found, [port.name for port in ports])
    notes = []
    unused = [k for k in found if k not in keys]
    if unused:
        notes.append(f"not used: {', '.join(unused)}")
    arrays, layouts = [], []
    for number, (key, port) in enumerate(zip(keys, ports, strict=True), 1):
        where = f"{path}: array {key!r} for in_{number}"
        array, layout, order = _ordered(where, found[key], port)
        converted, note = _converted(where, array, port.type)
        notes += [f"in_{number}: {n}" for n in (order, note) if n]
        arrays.append(converted)
        layouts.append(layout)
    counts = [len(a) for a in arrays]
    if len(set(counts)) > 1:
        each = ", ".join(f"{k!r} has {n}" for k, n in zip(keys, counts, strict=True))
        raise EdgeqError(f"{path}: the inputs have different numbers of samples: {each}")
    return Samples(tuple(arrays), layouts[0], tuple(notes))


def _ordered(where: str, array: Array, port: Port) -> tuple[Array, Layout, str]:
    """The array in the port's order of axes, how it was stacked, and what was done to it ("" where nothing).

    Data that fit both the port and the file are taken as the file's, for which they were made.
    """
    if port.perm is not None:
        of_file = tuple(port.type.shape[port.perm.index(axis)] for axis in range(len(port.perm)))
        try:
            stacked, layout = _stacked(where, array, of_file)
        except EdgeqError:
            pass
        else:
            moved = np.ascontiguousarray(stacked.transpose(0, *(axis + 1 for axis in port.perm)))
            note = f"in the order of the model's file: {shape_text(of_file)} brought into {shape_text(port.type.shape)}"
            return moved, layout, note
    return *_stacked(where, array, port.type.shape), ""


def _stacked(where: str, array: Array, shape: Shape) -> tuple[Array, Layout]:
    """The array with a sample axis in front of the port's shape."""
    if array.shape == shape:
        return array[np.newaxis], Layout.SINGLE
    if array.ndim == len(shape) + 1 and array.shape[1:] == shape and len(array):
        return array, Layout.LEADING
    if shape[:1] == (1,) and array.shape[1:] == shape[1:] and array.ndim == len(shape) and len(array):
        return array[:, np.newaxis], Layout.BATCH
    accepted = [shape_text(shape), shape_text(("N", *shape))]
    if shape[:1] == (1,) and len(shape) > 1:
        accepted.append(shape_text(("N", *shape[1:])))
    one = int(np.prod(shape))
    hint = ""
    if array.size and array.size % one == 0:
        hint = f"; the elements would fill {array.size // one} samples: reshape the array"
    raise EdgeqError(f"{where}: shape {shape_text(array.shape)}; accepted: {', '.join(accepted)}{hint}")


def _converted(where: str, array: Array, type_: TensorType) -> tuple[Array, str]:
    """The array in the port's element type, and what was done to it ("" where nothing)."""
    target = type_.dtype.numpy
    if array.dtype == target:
        return array, ""
    if array.dtype.kind == "f" and type_.quant is not None:
        return _quantized(where, array, type_)
    if type_.dtype.is_float and array.dtype.kind in "fiu":
        return array.astype(np.float32), f"{array.dtype} taken as float32"
    if array.dtype.kind == target.kind and array.dtype.kind in "iu":
        low, high = type_.dtype.range
        if low <= array.min() and array.max() <= high:
            return array.astype(target), ""
        raise EdgeqError(f"{where}: values {array.min()}..{array.max()}; accepted: {low}..{high} ({target})")
    also = ", or floats, which are quantized" if type_.quant is not None else ""
    raise EdgeqError(f"{where}: {array.dtype}; accepted: {target}{also}")


def _quantized(where: str, array: Array, type_: TensorType) -> tuple[Array, str]:
    if not np.isfinite(array).all():
        raise EdgeqError(f"{where}: contains NaN or infinity; accepted: finite numbers")
    result = quantize_array(array, TensorType(array.shape, type_.dtype, type_.quant))
    low, high = ((q - type_.zero_point) * type_.scale for q in type_.dtype.range)
    beyond = float(np.mean((array < low - type_.scale / 2) | (array > high + type_.scale / 2)))
    note = f"{array.dtype} quantized with scale {np.float32(type_.scale)!s}, zero point {type_.zero_point}"
    return result, f"{note}; {beyond:.2%} of the values saturate" if beyond else note
