"""Arrays in .npy and .npz files, read without trusting them and without filling memory."""

import errno
import tempfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from edgeq.errors import EdgeqError

Array = NDArray[Any]

LABELS = ("y", "labels")
"""What arrays of classes are called."""

_IN_MEMORY = 1 << 26
"""Bytes of an array in a .npz up to which it is read into memory; a larger one is unpacked to a temporary file."""

_UNREADABLE = (ValueError, TypeError, EOFError, KeyError, OverflowError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What NumPy and zipfile raise for damaged, encrypted and pickled files."""


def open_arrays(path: Path) -> dict[str, Array]:
    """All arrays of a file by name; that of a .npy is called by the file's name.

    Large arrays are memory-mapped, read-only.

    Raises:
        EdgeqError: where the file cannot be read, or holds something else than plain arrays.
    """
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == b"PK"
        if not zipped:
            return {path.name: _mapped(path)}
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.infolist() if m.filename.endswith(".npy")]
            return {m.filename.removesuffix(".npy"): _member(archive, m) for m in members}
    except (OSError, *_UNREADABLE) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # a damaged .npz points to before its begin
            raise EdgeqError(f"{path}: {error.strerror or error}") from error
        raise EdgeqError(
            f"{path}: is no .npz or .npy file of plain arrays; accepted: what numpy.savez writes"
        ) from error


def _mapped(path: Path) -> Array:
    """The array of a .npy; what has no element cannot be mapped and is read."""
    with path.open("rb") as file:
        if 0 in _header(file)[0]:
            file.seek(0)
            return np.asarray(np.lib.format.read_array(file))
    return np.lib.format.open_memmap(path, mode="r")


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Array:
    """One array of a .npz, in which no more is allocated than its length promises."""
    with archive.open(member) as file:
        shape, dtype, start = _header(file)
    if start + dtype.itemsize * int(np.prod(shape, dtype=object)) != member.file_size:
        raise ValueError(member.filename)
    with archive.open(member) as file:
        if member.file_size <= _IN_MEMORY:
            return np.asarray(np.lib.format.read_array(file))
        with tempfile.NamedTemporaryFile() as unpacked:
            while block := file.read(1 << 20):
                unpacked.write(block)
            unpacked.flush()
            return _mapped(Path(unpacked.name))  # the mapping outlives the file's name


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Shape, element type and where the elements begin."""
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    else:
        shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    return shape, dtype, file.tell()


def assign(where: object, found: Mapping[str, Array], names: Sequence[str]) -> list[str]:
    """The key of each input's array: its name, or by number `in_1`, `in_2` ...

    A single input also takes `x`, `inputs`, or the only array there is beside labels.

    Raises:
        EdgeqError: where there is none.
    """
    keys = []
    for number, name in enumerate(names, 1):
        wanted = [name, f"in_{number}"]
        if len(names) == 1:
            alone = [key for key in found if key not in LABELS]
            wanted += ["x", "inputs", *(alone if len(alone) == 1 else ())]
        key = next((k for k in wanted if k in found), None)
        if key is None:
            there = ", ".join(f"{k} {a.dtype}{list(a.shape)}" for k, a in found.items()) or "nothing"
            accepted = " or ".join(dict.fromkeys(repr(k) for k in wanted))
            raise EdgeqError(f"{where}: no array for input {number}; accepted: {accepted}; found: {there}")
        keys.append(key)
    return keys


def shape_text(shape: Sequence[int | str]) -> str:
    """As in `[N,28,28]`."""
    return f"[{','.join(map(str, shape))}]"
