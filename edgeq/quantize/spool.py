"""Samples from a Python iterable, read once into temporary files: memory is bounded, and they can be read again."""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from edgeq.array_files import assign
from edgeq.errors import EdgeqError
from edgeq.ir.graph import Array
from edgeq.quantize.columns import ArrayColumn, Column, Port, array_column, converted


def spool(where: str, items: Iterable[Any], ports: Sequence[Port]) -> tuple[list[Column], list[str]]:
    """The samples of an iterable, which is read to its end, and notes on how they were read.

    Args:
        where: for messages.
        items: for each sample an array per port: by itself for one port, in a tuple or list, or in a dict by name. An
            array may also hold several samples along a first axis.
        ports: the model's inputs.

    Raises:
        EdgeqError: where an item does not fit, or there is none.
    """
    notes: dict[str, None] = {}
    count = 0
    with ExitStack() as stack:
        files = [stack.enter_context(tempfile.TemporaryFile()) for _ in ports]
        for item in items:
            place = f"{where}: sample {count}"
            columns = []
            for array, port in zip(_arrays(place, item, ports), ports, strict=True):
                column, new = array_column(f"{place}, input {port.name}", array, port)
                columns.append(column)
                notes |= dict.fromkeys(new)
            if len({len(column) for column in columns}) > 1:
                each = ", ".join(f"{p.name} has {len(c)}" for p, c in zip(ports, columns, strict=True))
                raise EdgeqError(f"{place}: the inputs have different numbers of samples: {each}")
            for column, port, file in zip(columns, ports, files, strict=True):
                for index in range(len(column)):
                    file.write(converted(column.where, column[index], port).tobytes())
            count += len(columns[0])
        if not count:
            raise EdgeqError(f"{where}: no samples; accepted: at least one")
        return [
            ArrayColumn(
                f"{where}: input {port.name}",
                np.memmap(file, port.dtype.numpy, "r", shape=(count, *port.shape)),  # outlives the file's name
                stacked=True,
                shape=port.shape,
            )
            for file, port in zip(files, ports, strict=True)
        ], [*notes]


def _arrays(where: str, item: Any, ports: Sequence[Port]) -> list[Array]:
    """The arrays of one item, one per port."""
    names = [port.name for port in ports]
    if isinstance(item, Mapping):
        arrays = {str(key): as_array(f"{where}, {key!r}", value) for key, value in item.items()}
        return [arrays[key] for key in assign(where, arrays, names)]
    in_order = isinstance(item, tuple | list) and len(item) == len(ports)
    if in_order and (len(ports) > 1 or hasattr(item[0], "__array__")):
        return [as_array(f"{where}, input {name}", value) for name, value in zip(names, item, strict=True)]
    if len(ports) == 1:
        return [as_array(where, item)]
    raise EdgeqError(
        f"{where}: {type(item).__name__}; "
        f"accepted: a tuple of {len(ports)} arrays, or a dict with an array for each of {', '.join(names)}"
    )


def as_array(where: str, value: Any) -> Array:
    """What NumPy makes of a user's value; EdgeqError where it makes nothing of it."""
    try:
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise EdgeqError(f"{where}: {type(value).__name__}: {error}; accepted: an array of numbers") from error
