"""The samples of one input, wherever they lie: shapes matched to the port's, nothing read before it is asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from edgeq.array_files import assign, shape_text
from edgeq.errors import EdgeqError
from edgeq.ir import DType, Shape
from edgeq.ir.graph import Array


@dataclass(frozen=True)
class Port:
    """An input of a model, as its data have to fit it.

    Attributes:
        name: of the input.
        shape: of one run, with the batch of 1 where there is one.
        dtype: of its elements.
        file_shape: in the model's file, where the axes were put into another order since; else None.
        perm: the port's axes among the file's, as `numpy.transpose` takes them; None with `file_shape`.
    """

    name: str
    shape: Shape
    dtype: DType = DType.F32
    file_shape: Shape | None = None
    perm: tuple[int, ...] | None = None


class Column(Protocol):
    """The samples of one input, in the port's shape and the user's element type."""

    @property
    def where(self) -> str:
        """Where they are, for messages."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Array: ...


class Layout(NamedTuple):
    """How an array holds samples."""

    shape: Shape
    stacked: bool

    def __str__(self) -> str:
        return shape_text(("N", *self.shape) if self.stacked else self.shape)

    def fits(self, shape: Shape) -> bool:
        """Whether an array of that shape is laid out so."""
        return (shape[1:] if self.stacked and shape else shape) == self.shape and len(shape) >= self.stacked


def layouts(shape: Shape) -> list[Layout]:
    """How samples of a port's shape may be laid out: with and without the batch of 1, and without axes of 1."""
    shapes = [shape]
    if shape[:1] == (1,):
        shapes += [shape[1:], tuple(n for n in shape[1:] if n != 1)]
    return [Layout(s, stacked) for s in dict.fromkeys(shapes) for stacked in (False, True)]


@dataclass(frozen=True)
class ArrayColumn:
    """Samples in one array, which may be mapped from a file.

    Attributes:
        where: where they are, for messages.
        array: all of them.
        stacked: whether along its first axis; else the array is one sample.
        shape: of a sample before its axes are put in order.
        perm: the order; None where they are.
    """

    where: str
    array: Array
    stacked: bool
    shape: Shape
    perm: tuple[int, ...] | None = None

    def __len__(self) -> int:
        return len(self.array) if self.stacked else 1

    def __getitem__(self, index: int) -> Array:
        sample = np.asarray(self.array[index] if self.stacked else self.array).reshape(self.shape)
        return sample if self.perm is None else sample.transpose(self.perm)


def array_column(where: str, array: Array, port: Port) -> tuple[ArrayColumn, list[str]]:
    """The samples that an array holds, and notes on how they were read.

    An array may be laid out as the model's file is, where the port's axes are in another order. Where both orders
    fit, the file's counts, as data were made for the file.

    Raises:
        EdgeqError: where shape or element type do not fit, or there is no sample.
    """
    notes = check_dtype(where, array.dtype, port)
    mine = _fitting(array, port.shape)
    theirs = None
    if port.file_shape is not None and port.perm is not None:
        theirs = _fitting(array, port.file_shape)
        if theirs is not None and not _same_order(port.file_shape, port.perm):
            also = ", although they fit both" if mine else ""
            order = f"{shape_text(port.file_shape)} brought into {shape_text(port.shape)}"
            notes.append(f"{port.name}: samples taken in the order of the model's file{also}: {order}")
            return _filled(ArrayColumn(where, array, theirs.stacked, port.file_shape, port.perm)), notes
    fit = mine or theirs
    if fit is None:
        raise EdgeqError(f"{where}: shape {shape_text(array.shape)}; accepted: {_accepted(port)}")
    return _filled(ArrayColumn(where, array, fit.stacked, port.shape)), notes


def _fitting(array: Array, shape: Shape) -> Layout | None:
    return next((layout for layout in layouts(shape) if layout.fits(array.shape)), None)


def _filled(column: ArrayColumn) -> ArrayColumn:
    if not len(column):
        raise EdgeqError(f"{column.where}: no samples; accepted: at least one")
    return column


def _same_order(shape: Shape, perm: Sequence[int]) -> bool:
    """Whether the permutation moves axes of 1 only, so that the elements stay in order."""
    moved = [axis for axis in perm if shape[axis] != 1]
    return moved == sorted(moved)


def _accepted(port: Port) -> str:
    texts = [str(layout) for layout in layouts(port.shape)]
    if port.file_shape is not None:
        texts += [str(layout) for layout in layouts(port.file_shape)]
    return ", ".join(dict.fromkeys(texts))


def check_dtype(where: str, dtype: np.dtype[Any], port: Port) -> list[str]:
    """A note where the elements are converted; EdgeqError where they cannot be."""
    wanted = port.dtype.numpy
    kinds = "fiu" if port.dtype.is_float else "iu" if wanted.kind in "iu" else wanted.kind
    if dtype.kind not in kinds:
        accepted = {"fiu": "float32, or other floats and integers", "iu": f"{wanted} or other integers"}
        raise EdgeqError(f"{where}: {dtype}; accepted: {accepted.get(kinds, wanted)}")
    return [f"{port.name}: {dtype} taken as {wanted}"] if dtype != wanted else []


def converted(where: str, sample: Array, port: Port) -> Array:
    """A sample in the port's element type; EdgeqError where integers do not fit it."""
    wanted = port.dtype.numpy
    if wanted.kind in "iu" and sample.dtype != wanted and sample.size:
        low, high = port.dtype.range
        if sample.min() < low or sample.max() > high:
            raise EdgeqError(f"{where}: values {sample.min()}..{sample.max()}; accepted: {low}..{high} ({wanted})")
    with np.errstate(over="ignore"):  # what float32 cannot hold is refused as infinite
        return sample.astype(wanted, order="C")


def named_columns(
    where: str, found: Mapping[str, Array], ports: Sequence[Port]
) -> tuple[list[Column], list[str], list[str]]:
    """The columns of arrays by name, the keys they were found under, and notes."""
    keys = assign(where, found, [port.name for port in ports])
    columns: list[Column] = []
    notes: list[str] = []
    for key, port in zip(keys, ports, strict=True):
        column, new = array_column(f"{where}: array {key!r} for input {port.name}", found[key], port)
        columns.append(column)
        notes += new
    counts = [len(column) for column in columns]
    if len(set(counts)) > 1:
        each = ", ".join(f"{key!r} has {n}" for key, n in zip(keys, counts, strict=True))
        raise EdgeqError(f"{where}: the inputs have different numbers of samples: {each}")
    return columns, keys, notes
