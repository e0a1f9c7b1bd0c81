"""Importers turn model files into graphs. They know formats; what an op means stands in `edgeq.ops`."""

from collections.abc import Mapping
from pathlib import Path

from edgeq.errors import EdgeqError
from edgeq.importers.onnx import import_onnx, parse_onnx
from edgeq.importers.tflite import import_tflite
from edgeq.ir import Graph, Shape

LARGEST_FILE = 1 << 30

Shapes = Mapping[str, Shape]
"""Input name to the shape that the user pins it to."""


def read_file(path: str | Path) -> bytes:
    """The bytes of a model file; EdgeqError where it cannot be read or is no model."""
    path = Path(path)
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise EdgeqError(f"{path}: {path.stat().st_size} bytes; models up to {LARGEST_FILE} bytes are accepted")
        return path.read_bytes()
    except OSError as error:
        raise EdgeqError(f"{path}: {error.strerror}") from error


def model_format(data: bytes) -> str | None:
    """`tflite` or `onnx`, by content; None where it is neither."""
    if data[4:8] == b"TFL3":
        return "tflite"
    return "onnx" if parse_onnx(data) is not None else None


def import_model(data: bytes, where: str, shapes: Shapes | None = None, folder: Path | None = None) -> Graph:
    """Import a model of any format that edgeq knows.

    Args:
        data: the file's content.
        where: the file's name, for messages.
        shapes: shapes of inputs whose dimensions the file leaves open.
        folder: the file's folder, where an ONNX file may keep its weights.

    Raises:
        EdgeqError: where the content is no such model, or asks for what edgeq does not support.
    """
    match model_format(data):
        case "tflite":
            return import_tflite(data, where, shapes)
        case "onnx":
            return import_onnx(data, where, shapes, folder)
    found = f"begins with {data[:8]!r}" if data else "is empty"
    raise EdgeqError(f"{where}: {found}; accepted: TFLite files, which have TFL3 at byte 4, and whole ONNX files")
