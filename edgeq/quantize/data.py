"""Calibration data: samples of a model's inputs from files, folders of images or Python, in bounded memory."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgeq.array_files import LABELS, open_arrays, shape_text
from edgeq.errors import EdgeqError
from edgeq.ir.graph import Array
from edgeq.quantize.columns import Column, Port, array_column, converted, named_columns
from edgeq.quantize.images import image_column
from edgeq.quantize.spool import as_array, spool

__all__ = ["CalibrationData", "Port", "Preprocessing", "load_calibration"]

Inputs = tuple[Array, ...]
"""Of one run, in the order of the ports."""

_PYTHON = "calibration data"
"""What messages call data that come from Python."""


@dataclass(frozen=True)
class Preprocessing:
    """What the model's float inputs are made of: `(x - mean) / std`.

    Attributes:
        mean: one number, or one per channel. Pixels of images are 0..255.
        std: one number, or one per channel.
        resize: whether images are resized to the input's height and width, bilinearly; else other sizes are refused.
    """

    mean: float | tuple[float, ...] = 0.0
    std: float | tuple[float, ...] = 1.0
    resize: bool = True


@dataclass(frozen=True)
class _Affine:
    """`(x - mean) / std` for one port, shaped to broadcast."""

    mean: Array
    std: Array

    def __call__(self, x: Array) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):  # refused afterwards
            return np.asarray((x - self.mean) / self.std, np.float32)


@dataclass(frozen=True)
class CalibrationData:
    """Samples of a model's inputs; can be iterated any number of times, always in the same order.

    Attributes:
        ports: the model's inputs.
        columns: the samples of each, as the user gave them.
        indices: which of them are meant, in order.
        labels: their classes where the data name them, else None.
        notes: what was done to the data, a sentence each.
    """

    ports: tuple[Port, ...]
    columns: tuple[Column, ...]
    indices: tuple[int, ...]
    labels: Array | None = None
    notes: tuple[str, ...] = ()
    affine: tuple[_Affine | None, ...] = ()

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[Inputs]:
        return (self[number] for number in range(len(self)))

    def __getitem__(self, number: int) -> Inputs:
        """The inputs of one run, in the ports' shapes and types.

        Raises:
            EdgeqError: where the sample cannot be read, or is not finite.
        """
        index = self.indices[number]
        return tuple(
            _sample(column, index, port, affine)
            for column, port, affine in zip(self.columns, self.ports, self.affine, strict=True)
        )

    def batches(self, size: int) -> Iterator[Inputs]:
        """All samples, up to `size` at a time concatenated along the ports' batch axis."""
        for start in range(0, len(self), size):
            runs = [self[number] for number in range(start, min(start + size, len(self)))]
            yield tuple(np.concatenate(arrays) for arrays in zip(*runs, strict=True))

    def split(self, count: int, seed: int = 0) -> "tuple[CalibrationData, CalibrationData]":
        """A random subset of `count` samples, and the rest; both in the order of the data."""
        chosen = np.sort(np.random.default_rng(seed).permutation(len(self))[:count])
        return self._subset(chosen), self._subset(np.setdiff1d(np.arange(len(self)), chosen))

    def _subset(self, numbers: Array) -> "CalibrationData":
        labels = None if self.labels is None else self.labels[numbers]
        return replace(self, indices=tuple(self.indices[n] for n in numbers), labels=labels)


def load_calibration(
    source: Any,
    ports: Sequence[Port],
    preprocessing: Preprocessing | Mapping[str, Preprocessing] = Preprocessing(),
    count: int | None = None,
    seed: int = 0,
) -> CalibrationData:
    """Samples of a model's inputs.

    A sample may come with or without the batch of 1 and other axes of 1, and in the axis order of the port or of the
    model's file. In a .npz or a dict, arrays go by input name, or `in_1`, `in_2` ...; a single input also takes `x`,
    `inputs`, or the only array there is; `y` or `labels` are the classes.

    Args:
        source: path of a .npy or .npz file or of a folder of images; an array; a tuple of arrays, one per port; a
            dict of arrays by input name; or any iterable of samples, which is read once, to its end, into
            temporary files: an array, a tuple or a dict by input name each.
        ports: the model's inputs.
        preprocessing: of the float inputs; of each by name where they differ.
        count: how many samples to take, at random; all of them where None or where there are fewer.
        seed: of that choice.

    Raises:
        EdgeqError: where the data cannot be read or do not fit, with what would be accepted.
    """
    affine = tuple(_affine(preprocessing, port) for port in ports)
    columns, labels, notes = _columns(source, ports, preprocessing)
    data = CalibrationData(tuple(ports), tuple(columns), tuple(range(len(columns[0]))), labels, tuple(notes), affine)
    if count is None:
        return data
    if count < 1:
        raise EdgeqError(f"{count} samples of calibration data asked for; accepted: at least 1")
    if count > len(data):
        return replace(data, notes=(*data.notes, f"{count} samples asked for, there are {len(data)}"))
    return data.split(count, seed)[0]


_Found = tuple[Sequence[Column], Array | None, list[str]]
"""Columns, labels, notes."""


def _columns(source: Any, ports: Sequence[Port], preprocessing: Preprocessing | Mapping[str, Preprocessing]) -> _Found:
    if isinstance(source, str | Path):
        path = Path(source)
        if path.is_dir():
            return _folder(path, ports, preprocessing)
        return _named(str(path), open_arrays(path), ports)
    if isinstance(source, Mapping):
        arrays = {str(key): as_array(f"{_PYTHON}: {key!r}", value) for key, value in source.items()}
        return _named(_PYTHON, arrays, ports)
    if len(ports) == 1 and hasattr(source, "__array__"):
        column, notes = array_column(f"{_PYTHON} for input {ports[0].name}", as_array(_PYTHON, source), ports[0])
        return [column], None, notes
    if isinstance(source, tuple) and len(source) == len(ports) and all(hasattr(a, "__array__") for a in source):
        arrays = {port.name: as_array(_PYTHON, a) for port, a in zip(ports, source, strict=True)}
        return _named(_PYTHON, arrays, ports)
    if isinstance(source, Iterable) and not isinstance(source, bytes):
        columns, notes = spool(_PYTHON, source, ports)
        return columns, None, notes
    raise EdgeqError(
        f"{_PYTHON}: {type(source).__name__}; accepted: path of a .npy or .npz file or of a folder of images, "
        "array, tuple or dict of arrays, iterable of samples"
    )


def _folder(path: Path, ports: Sequence[Port], preprocessing: Preprocessing | Mapping[str, Preprocessing]) -> _Found:
    if len(ports) != 1:
        raise EdgeqError(f"{path}: is a folder, and the model has {len(ports)} inputs; accepted: a .npz file")
    column, notes = image_column(path, ports[0], resize=_of(preprocessing, ports[0]).resize)
    return [column], None, notes


def _named(where: str, arrays: Mapping[str, Array], ports: Sequence[Port]) -> _Found:
    columns, keys, notes = named_columns(where, arrays, ports)
    labels, unused = None, []
    for key, array in arrays.items():
        if key in keys:
            continue
        flat = array.reshape(-1)
        if key in LABELS and labels is None and array.dtype.kind in "iu" and array.shape[:1] == flat.shape:
            labels = flat
        else:
            unused.append(key)
    if labels is not None and len(labels) != len(columns[0]):
        raise EdgeqError(f"{where}: {len(labels)} labels for {len(columns[0])} samples; accepted: one each")
    return columns, labels, [*notes, f"not used: {', '.join(unused)}"] if unused else notes


def _of(preprocessing: Preprocessing | Mapping[str, Preprocessing], port: Port) -> Preprocessing:
    if isinstance(preprocessing, Preprocessing):
        return preprocessing
    return preprocessing.get(port.name, Preprocessing())


def _affine(preprocessing: Preprocessing | Mapping[str, Preprocessing], port: Port) -> _Affine | None:
    """The preprocessing of one port; None where it changes nothing.

    Raises:
        EdgeqError: where a number cannot be used, or there are not as many as channels.
    """
    chosen = _of(preprocessing, port)
    if not port.dtype.is_float or (chosen.mean, chosen.std) == (0.0, 1.0):
        return None
    if not np.isfinite(chosen.mean).all() or not np.isfinite(chosen.std).all() or not np.all(np.greater(chosen.std, 0)):
        raise EdgeqError(f"mean {chosen.mean}, std {chosen.std}; accepted: finite numbers, std greater than 0")
    return _Affine(_broadcast("mean", chosen.mean, port), _broadcast("std", chosen.std, port))


def _broadcast(what: str, value: float | tuple[float, ...], port: Port) -> Array:
    """One number per channel, shaped for the port: along the last axis, or the second where only that fits."""
    numbers = np.asarray(value, np.float32).reshape(-1)
    if len(numbers) == 1:
        return numbers
    axis = next((a for a in (len(port.shape) - 1, 1) if port.shape[a : a + 1] == numbers.shape), None)
    if axis is None:
        raise EdgeqError(
            f"{what} of {len(numbers)} numbers for input {port.name} of shape {shape_text(port.shape)}; "
            "accepted: one number, or one per channel"
        )
    shape = [1] * len(port.shape)
    shape[axis] = -1
    return numbers.reshape(shape)


def _sample(column: Column, index: int, port: Port, affine: _Affine | None) -> Array:
    where = f"{column.where}: sample {index}"
    sample = converted(where, column[index], port)
    if affine is not None:
        sample = affine(sample)
    if port.dtype.is_float and not np.isfinite(sample).all():
        raise EdgeqError(f"{where} contains NaN or infinity (as float32); accepted: finite numbers")
    return sample
