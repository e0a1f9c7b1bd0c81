"""Importers turn model files into graphs. They know formats; what an op means stands in `edgeq.ops`."""

from pathlib import Path

from edgeq.errors import EdgeqError
from edgeq.importers.tflite import import_tflite
from edgeq.ir import Graph

LARGEST_FILE = 1 << 30


def read_file(path: str | Path) -> bytes:
    """The bytes of a model file; EdgeqError where it cannot be read or is no model."""
    path = Path(path)
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise EdgeqError(f"{path}: {path.stat().st_size} bytes; models up to {LARGEST_FILE} bytes are accepted")
        return path.read_bytes()
    except OSError as error:
        raise EdgeqError(f"{path}: {error.strerror}") from error


def import_model(data: bytes, where: str) -> Graph:
    """Import a model of any format that edgeq knows.

    Args:
        data: the file's content.
        where: the file's name, for messages.

    Raises:
        EdgeqError: where the content is no such model, or asks for what edgeq does not support.
    """
    if data[4:8] == b"TFL3":
        return import_tflite(data, where)
    found = f"begins with {data[:8]!r}" if data else "is empty"
    raise EdgeqError(f"{where}: {found}; accepted: TFLite files, which have TFL3 at byte 4")
