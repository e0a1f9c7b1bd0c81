"""From a model file to an integer graph: import, normalize, and quantize what is not quantized yet.

    file --import--> Graph --+-- integers already --------------------------------------> integer Graph
                             +-- floats --NORMALIZE--> float Graph --quantize (data)-----> integer Graph

What a file says of its own quantization is kept: an integer TFLite model is not touched, and the Q/DQ pairs of an ONNX
model become the encodings of its values.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgeq.errors import EdgeqError, Refusal
from edgeq.evaluate import lower_node
from edgeq.exporters.onnx import export_onnx
from edgeq.fixedpoint import Rounding
from edgeq.importers import Shapes, import_model, model_format, read_file
from edgeq.ir import Graph, Node
from edgeq.ir.rewrite import drop_dead
from edgeq.passes import Done, normalization, run_passes
from edgeq.passes.tabulate import tabulate
from edgeq.quantize.columns import Port
from edgeq.quantize.data import CalibrationData, Preprocessing, load_calibration
from edgeq.quantize.outputs import before_softmax
from edgeq.quantize.quantizer import Quantized, Track, no_progress, quantize
from edgeq.quantize.roles import ROLES, Role
from edgeq.quantize.scheme import Scheme

_QUANTIZERS = ("quantize", "dequantize", "requantize")

MATCHES: Mapping[str, Rounding] = {
    "tflm": Rounding.DOUBLE,
    "onnxruntime": Rounding.FLOAT32,
    "single": Rounding.SINGLE,
}
"""Arithmetic contracts by the names that users choose them by."""


@dataclass(frozen=True)
class ModelFile:
    """A model as it was given.

    Attributes:
        where: its file name, without a folder.
        data: its content.
        folder: where it lies; None where it was given as bytes.
    """

    where: str
    data: bytes
    folder: Path | None = None

    @staticmethod
    def read(model: "str | Path | bytes") -> "ModelFile":
        """From a path, or a file's content; EdgeqError where it cannot be read."""
        if isinstance(model, bytes):
            return ModelFile("model", model)
        path = Path(model)
        return ModelFile(path.name, read_file(path), path.parent)

    @property
    def format(self) -> str:
        """`tflite` or `onnx`."""
        return model_format(self.data) or "unknown"

    @property
    def sha256(self) -> str:
        """Of the content."""
        return hashlib.sha256(self.data).hexdigest()

    def load(self, shapes: Shapes | None = None) -> Graph:
        """The graph as the file has it."""
        return import_model(self.data, self.where, shapes, self.folder)


@dataclass(frozen=True)
class Calibration:
    """Sample inputs, and how they become the model's inputs.

    Attributes:
        source: path of a .npy or .npz file or of a folder of images, arrays, or an iterable of samples.
        count: how many samples to take, at random; None: all.
        seed: of that choice.
        preprocessing: of the inputs.
    """

    source: Any
    count: int | None = None
    seed: int = 0
    preprocessing: Preprocessing = field(default_factory=Preprocessing)

    def load(self, graph: Graph) -> CalibrationData:
        """The samples for a graph's inputs."""
        return load_calibration(self.source, data_ports(graph), self.preprocessing, count=self.count, seed=self.seed)


def data_ports(graph: Graph) -> list[Port]:
    """The inputs of a graph, as data have to fit them: under their names in the file, in either order of axes."""
    ports = []
    for value in graph.inputs:
        type_, origin = graph.types[value], graph.origins.get(value)
        perm = origin.perm if origin else None
        file_shape = None if perm is None else tuple(type_.shape[perm.index(axis)] for axis in range(len(perm)))
        ports.append(Port((origin.name if origin else "") or value, type_.shape, type_.dtype, file_shape, perm))
    return ports


@dataclass(frozen=True)
class Prepared:
    """An integer graph, and how it came about.

    Attributes:
        file: the model.
        imported: the graph as the file has it.
        graph: integers.
        quantized: what the quantizer did; None where the file was quantized already.
        done: what the passes before it did.
        data: the calibration data, if any.
    """

    file: ModelFile
    imported: Graph
    graph: Graph
    quantized: Quantized | None = None
    done: tuple[Done, ...] = ()
    data: CalibrationData | None = None

    def to_onnx(self) -> bytes:
        """The integer graph as an ONNX file of the QDQ form.

        Raises:
            UnsupportedModelError: listing the nodes that ONNX has no operator for.
        """
        return export_onnx(self.graph)


def is_float(graph: Graph, *, moves: bool = False) -> bool:
    """Whether a model computes with floats, so that it has to be quantized; ports and tables do not count.

    Args:
        graph: as imported.
        moves: whether a model counts that only moves floats. It can do so in C as well.
    """
    tabulated, _ = tabulate(graph)
    return any(_computes_with_floats(tabulated, node, moves=moves) for node in tabulated.nodes) and not any(
        _computes_with_integers(graph, node) for node in graph.nodes
    )


def _computes_with_floats(graph: Graph, node: Node, *, moves: bool) -> bool:
    if node.op in _QUANTIZERS or not graph.types[node.outputs[0]].dtype.is_float:
        return False
    return moves or not _moves_floats(graph, node)


def _moves_floats(graph: Graph, node: Node) -> bool:
    """Whether there is a kernel that moves floats as it moves bytes."""
    try:
        lower_node(graph, node)
    except Refusal:
        return False
    return True


def _computes_with_integers(graph: Graph, node: Node) -> bool:
    """Moves do not count: ONNX files have them between the operators that read quantized values."""
    moves = node.op in _QUANTIZERS or ROLES[node.op] is Role.MOVE
    return not moves and graph.types[node.outputs[0]].quant is not None


def prepare(
    file: ModelFile,
    *,
    calibration: Calibration | None = None,
    scheme: Scheme | None = None,
    match: str = "auto",
    input_layout: str = "nhwc",
    shapes: Shapes | None = None,
    final_softmax: bool = True,
    track: Track = no_progress,
) -> Prepared:
    """Import a model and quantize it where it is not.

    Args:
        file: the model.
        calibration: sample inputs, for a model that computes with floats.
        scheme: how such a model is quantized.
        match: key of `MATCHES`, or "auto": `tflm` for integer TFLite models, `onnxruntime` for ONNX models that say how
            they are quantized, unless they say how they are rounded too, `single` where edgeq quantizes.
        input_layout: "nhwc", or "keep": that of the file.
        shapes: shapes of inputs that the file leaves open.
        final_softmax: whether a softmax at the end is computed; without it the outputs are its inputs.
        track: progress.

    Raises:
        EdgeqError: where the model or the data cannot be used.
    """
    imported = file.load(shapes)
    if not is_float(imported, moves=calibration is not None):
        if calibration is not None:
            raise EdgeqError(f"{file.where}: is quantized already; accepted: no calibration data")
        graph = imported if final_softmax else without_softmax(imported)
        return Prepared(file, imported, graph.with_(rounding=MATCHES.get(match, imported.rounding)))
    graph, done = normalized(imported, input_layout=input_layout, final_softmax=final_softmax)
    if calibration is None and not any(node.op == "quantize" for node in graph.nodes):
        raise EdgeqError(
            f"{file.where}: computes with floats; accepted: sample inputs to quantize it with, as --calibrate DATA"
        )
    data = None if calibration is None else calibration.load(graph)
    rounding = imported.rounding if data is None else Rounding.SINGLE
    quantized = quantize(graph, data, scheme or Scheme(), MATCHES.get(match, rounding), track)
    return Prepared(file, imported, quantized.graph, quantized, done, data)


def normalized(
    imported: Graph, *, input_layout: str = "nhwc", final_softmax: bool = True
) -> tuple[Graph, tuple[Done, ...]]:
    """An imported float graph as the quantizer takes it, and what the passes did; arguments are those of `prepare`."""
    graph = imported if final_softmax else without_softmax(imported)
    return run_passes(graph, normalization(input_layout=input_layout))


def without_softmax(graph: Graph) -> Graph:
    """The graph whose outputs are what a softmax (or its logarithm) before them reads."""
    outputs = tuple(before_softmax(graph, value) for value in graph.outputs)
    return drop_dead(graph.with_(outputs=outputs))[0]
