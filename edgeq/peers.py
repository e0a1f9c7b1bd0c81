"""What the generated C is compared with: the model's file in another runtime, or the same integers in NumPy."""

import math
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from edgeq.compiler import CompiledModel
from edgeq.errors import EdgeqError
from edgeq.evaluate import evaluate
from edgeq.fixedpoint import Rounding
from edgeq.importers.onnx import parse_onnx
from edgeq.importers.tflite.builder import with_name
from edgeq.importers.tflite.file import read_tflite
from edgeq.ir import TensorType
from edgeq.ir.graph import Array
from edgeq.ir.tensor import dequantize
from edgeq.ops.quantize import quantize_array
from edgeq.oracles import ORACLES, OracleProcess
from edgeq.quantize.outputs import before_softmax

AUTO, OWN = "auto", "edgeq"
CHOICES = (AUTO, OWN, *ORACLES)
"""What a user can choose; auto: TFLM where it computes the same, else edgeq's own evaluation."""

_FORMATS = {"tflite": "a TFLite file", "onnx": "an ONNX file"}


class Peer(Protocol):
    """A model somewhere else.

    Attributes:
        title: what computes it there, for people.
        package: what is installed of it.
        version: of the package.
        tolerance: steps by which it may differ without anything being wrong.
        outputs: names of the program's values that are compared as its outputs, one for each.
        values: names of those between its ports that are compared too.
    """

    title: str
    package: str
    version: str
    tolerance: int
    outputs: Sequence[str]
    values: Sequence[str]

    def run(self, inputs: Sequence[Array]) -> Mapping[str, Array]:
        """One inference, of what the program's ports take: `outputs` and `values`, in the program's layout."""

    def close(self) -> None:
        """Let go of it."""


class Evaluation:
    """The program's graph, evaluated in NumPy: integers that are defined apart from the C, bit for bit the same."""

    title = "the integers of the quantized graph, in NumPy"
    package = "numpy"
    version = np.__version__
    tolerance = 0

    def __init__(self, model: CompiledModel, *, layers: bool) -> None:
        self._graph = model.program.graph
        self.outputs: Sequence[str] = self._graph.outputs
        self.values: Sequence[str] = _layer_values(model) if layers else []

    def run(self, inputs: Sequence[Array]) -> Mapping[str, Array]:
        """See `Peer`."""
        return evaluate(self._graph, inputs)

    def close(self) -> None:
        """See `Peer`."""


class _File:
    """The model's file in another runtime."""

    def __init__(self, model: CompiledModel, against: str, *, keep_tensors: bool) -> None:
        oracle = ORACLES[against]
        self.title, self.package, self.tolerance = oracle.title, oracle.package, oracle.tolerance
        self.outputs: Sequence[str] = model.program.graph.outputs
        self.values: Sequence[str] = []
        self._model = model
        self._origins = model.program.graph.origins
        self._process = OracleProcess(against, model.data, _arena(model), keep_tensors=keep_tensors)
        self.version = self._process.version

    def close(self) -> None:
        """See `Peer`."""
        self._process.close()

    def _run(self, inputs: Sequence[Array], tensors: Mapping[str, int | str]) -> dict[str, Array]:
        """The outputs, and values that are these tensors of the file, in the program's order of axes."""
        outputs, kept = self._process.run(self._as_the_file_has(inputs), [*tensors.values()])
        found = [*zip(self._model.program.graph.outputs, outputs, strict=True), *zip(tensors, kept, strict=True)]
        return {value: self._as_the_program_has(value, array) for value, array in found}

    def _as_the_file_has(self, inputs: Sequence[Array]) -> list[Array]:
        """In the file's order of axes; integers as the reals that they stand for, where the file has float ports."""
        imported, arrays = self._model.imported, []
        for x, port, name in zip(inputs, self._model.program.inputs, imported.inputs, strict=True):
            origin = self._origins.get(port.value)
            array = dequantize(x, port.type) if imported.types[name].dtype.is_float else x
            perm = origin.perm if origin else None
            arrays.append(array if perm is None else array.transpose(np.argsort(perm)))
        return arrays

    def _as_the_program_has(self, value: str, array: Array) -> Array:
        """In the program's order of axes, without channels that it does not compute."""
        origin = self._origins.get(value)
        if origin is not None and origin.perm is not None:
            array = array.transpose(origin.perm)
        return array if origin is None or origin.channels is None else array[..., list(origin.channels)]


class TfliteFile(_File):
    """A TFLite file; values between its ports are those that equal tensors of the file."""

    def __init__(self, model: CompiledModel, against: str, *, layers: bool) -> None:
        super().__init__(model, against, keep_tensors=layers)
        self.values = [v for v in _layer_values(model) if v in self._origins] if layers else []

    def run(self, inputs: Sequence[Array]) -> Mapping[str, Array]:
        """See `Peer`."""
        return self._run(inputs, {v: self._origins[v].index for v in self.values})


class OnnxFile(_File):
    """An ONNX file; its reals are rounded to the steps of the program's values.

    Where it ends in a softmax of reals, what that reads is compared: one step there is many behind it.
    """

    def __init__(self, model: CompiledModel, against: str) -> None:
        super().__init__(model, against, keep_tensors=True)
        parsed = parse_onnx(model.data)
        assert parsed is not None
        there = {name for node in parsed.graph.node for name in node.output}
        graph = model.program.graph
        before = [(v, before_softmax(graph, v)) for v in graph.outputs]
        known = {v for v, origin in self._origins.items() if origin.name in there}
        self.outputs = [source if source in known else v for v, source in before]

    def run(self, inputs: Sequence[Array]) -> Mapping[str, Array]:
        """See `Peer`."""
        graph = self._model.program.graph
        tensors: dict[str, int | str] = {v: self._origins[v].name for v in self.outputs if v not in graph.outputs}
        found = self._run(inputs, tensors)
        return {v: self._rounded(found[v], graph.types[v]) for v in self.outputs}

    @staticmethod
    def _rounded(array: Array, type_: TensorType) -> Array:
        if array.dtype.kind != "f" or type_.quant is None:
            return array
        return quantize_array(array.astype(np.float32).reshape(type_.shape), type_)


def open_peer(model: CompiledModel, against: str, *, layers: bool = False) -> Peer:
    """Load a model to compare with.

    Args:
        model: a compiled model.
        against: one of `CHOICES`.
        layers: whether values between the ports are wanted.

    Raises:
        EdgeqError: where the choice is unknown, not installed, or does not compute what this model is.
    """
    if against not in CHOICES:
        raise EdgeqError(f"unknown runtime {against!r}; accepted: {', '.join(CHOICES)}")
    if against == AUTO:
        against = OWN if _obstacle(model, "tflm") else "tflm"
    if against == OWN:
        return Evaluation(model, layers=layers)
    obstacle = _obstacle(model, against)
    if obstacle:
        fitting = [OWN, *(name for name in ORACLES if not _obstacle(model, name))]
        where = model.prepared.file.where
        title = ORACLES[against].title
        raise EdgeqError(f"{where} cannot be compared with {title}: {obstacle}; accepted: {', '.join(fitting)}")
    if ORACLES[against].format == "onnx":
        if layers:
            raise EdgeqError(f"{against} shows no layers of quantized models; accepted: {OWN}, or outputs only")
        return OnnxFile(model, against)
    if not ORACLES[against].infers_shapes:
        _require_declared_shapes(model, against)
    return TfliteFile(model, against, layers=layers)


def _obstacle(model: CompiledModel, against: str) -> str:
    """Why the file in this runtime is not what was compiled; "" where it is."""
    file, oracle = model.prepared.file, ORACLES[against]
    if file.format != oracle.format:
        return f"it is {_FORMATS[file.format]}, and {_FORMATS[oracle.format]} is needed"
    if model.quantized is not None and (model.quantized.samples or oracle.format == "tflite"):
        return "it computes with floats, and edgeq has quantized it"
    if not model.report.options["softmax"]:
        return "its last softmax was left out"
    if oracle.format == "tflite" and model.program.graph.rounding is not Rounding.DOUBLE:
        return "its arithmetic was chosen to be another"
    return ""


def _require_declared_shapes(model: CompiledModel, against: str) -> None:
    """Refuse what a runtime that believes the file's shapes would compute in too little memory.

    Exporters declare what follows from an open batch as if it were 1, also behind an operator that splits images into
    more of them.
    """
    graph, tensors = model.imported, read_tflite(model.data, model.report.model.file).tensors
    for value, origin in graph.origins.items():
        type_, declared = graph.types[value], tensors[origin.index].shape
        if type_.size != math.prod(declared):
            raise EdgeqError(
                f"{ORACLES[against].title} cannot run this model: it believes the file, which declares "
                f"{with_name(f'tensor {origin.index}', origin.name)} as {list(declared)}, but the shape is "
                f"{list(type_.shape)}; accepted: models exported with a fixed batch size, or the runtime litert"
            )


def _layer_values(model: CompiledModel) -> list[str]:
    """What the layers make, in order of execution."""
    return [output.value for layer in model.program.layers for output in layer.outputs]


def _arena(model: CompiledModel) -> int:
    """Plenty for TFLM: all activations at once, as it keeps them all, its bookkeeping, and scratch memory."""
    activations = sum(t.bytes for v, t in model.imported.types.items() if v not in model.imported.constants)
    return 8 * activations + 10 * len(model.data) + (1 << 20)
