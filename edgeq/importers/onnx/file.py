"""Reads an ONNX file and pins every open dimension of its inputs. What is wrong with the file is found here.

Constants are NumPy arrays of any type here: what an int64 shape or a float16 weight becomes in the graph is decided
where it is used (`builder`).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError, Message
from onnx import TensorProto, external_data_helper, inliner, numpy_helper

from edgeq.errors import EdgeqError
from edgeq.fixedpoint import Rounding
from edgeq.ir import Shape
from edgeq.ir.graph import Array

Shapes = Mapping[str, Shape]
"""Input name to the shape that the user pins it to."""

OLDEST_OPSET = 7
NEWEST_OPSET = onnx.defs.onnx_opset_version()

PRODUCER = "edgeq"
"""What files that edgeq writes have for the name of their producer."""

ROUNDING = "edgeq.rounding"
"""Key of the metadata that say how integers are rounded: a value of `Rounding`."""

_PACKED_BITS = {
    TensorProto.DataType.Value(name): bits
    for name, bits in {"INT2": 2, "INT4": 4, "UINT2": 2, "UINT4": 4, "FLOAT4E2M1": 4}.items()
    if name in TensorProto.DataType.keys()  # noqa: SIM118 - as many of them as this version of onnx has
}
"""Bits of the elements of which several share a byte."""
_LARGEST_TENSOR = 1 << 30


@dataclass(frozen=True)
class Input:
    """An input of the model, its shape pinned; `elem_type` is of `onnx.TensorProto`."""

    name: str
    elem_type: int
    shape: Shape


@dataclass(frozen=True)
class OnnxFile:
    """A parsed file.

    Attributes:
        where: the file's name, for messages.
        graph: nodes, names of outputs.
        inputs: those that are no initializers.
        constants: initializers by name.
        opsets: version by domain; "" is ONNX's own.
        rounding: of its integers.
        by_edgeq: whether edgeq wrote it: then every clamp is an operator of its own.
    """

    where: str
    graph: onnx.GraphProto
    inputs: tuple[Input, ...]
    constants: dict[str, Array]
    opsets: Mapping[str, int]
    rounding: Rounding = Rounding.FLOAT32
    by_edgeq: bool = False
    notes: list[str] = field(default_factory=list)


def parse_onnx(data: bytes) -> onnx.ModelProto | None:
    """The model in these bytes; None where they are none."""
    try:
        model = onnx.load_model_from_string(data)
    except (DecodeError, ValueError, TypeError):
        return None
    return model if model.HasField("graph") and model.opset_import else None


def read_onnx(data: bytes, where: str, shapes: Shapes | None = None, folder: Path | None = None) -> OnnxFile:
    """Parse and check a file.

    Args:
        data: its content.
        where: its name, for messages.
        shapes: input shapes that the user pins.
        folder: where tensors that the file keeps beside itself lie.

    Raises:
        EdgeqError: naming what is broken, missing or left open.
    """
    model = parse_onnx(data)
    if model is None:
        raise EdgeqError(f"{where}: is no ONNX model, or is cut off; accepted: an ONNX file with a graph and an opset")
    _require_text(model, where)
    opsets = _opsets(model, where)
    if model.functions:
        model = _inlined(model, where)
    constants = dict(read_initializers(model.graph, where, folder))
    inputs = _inputs(model.graph, constants, shapes or {}, where)
    return OnnxFile(
        where, model.graph, inputs, constants, opsets, _rounding(model, where), model.producer_name == PRODUCER
    )


def _rounding(model: onnx.ModelProto, where: str) -> Rounding:
    """That of ONNX Runtime, unless the file says that it was made for another one, as those that edgeq writes do."""
    stated = next((entry.value for entry in model.metadata_props if entry.key == ROUNDING), Rounding.FLOAT32.value)
    try:
        return Rounding(stated)
    except ValueError as error:
        accepted = ", ".join(rounding.value for rounding in Rounding)
        raise EdgeqError(f"{where}: metadata {ROUNDING} is {stated!r}; accepted: {accepted}") from error


def _require_text(message: Message, where: str) -> None:
    """Refuse names that are no UTF-8: protobuf gives them as bytes, and takes them from nobody."""
    for descriptor, value in message.ListFields():
        values = value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else [value]
        if descriptor.type == descriptor.TYPE_STRING and any(isinstance(v, bytes) for v in values):
            broken = next(v for v in values if isinstance(v, bytes))
            raise EdgeqError(
                f"{where}: {message.DESCRIPTOR.name}.{descriptor.name} {broken!r} is no text; accepted: UTF-8"
            )
        if descriptor.type == descriptor.TYPE_MESSAGE:
            for part in values:
                _require_text(part, where)


def _inlined(model: onnx.ModelProto, where: str) -> onnx.ModelProto:
    """The model with the nodes of its own functions in the place of their calls."""
    try:
        return inliner.inline_local_functions(model)
    except Exception as error:  # onnx raises what it likes
        raise EdgeqError(f"{where}: the model's functions cannot be expanded: {error}") from error


def _opsets(model: onnx.ModelProto, where: str) -> dict[str, int]:
    opsets = {"" if o.domain == "ai.onnx" else o.domain: o.version for o in model.opset_import}
    version = opsets.get("", NEWEST_OPSET)
    if not OLDEST_OPSET <= version <= NEWEST_OPSET:
        raise EdgeqError(f"{where}: opset {version}; accepted: {OLDEST_OPSET} to {NEWEST_OPSET}")
    return opsets


def read_initializers(graph: onnx.GraphProto, where: str, folder: Path | None) -> Iterator[tuple[str, Array]]:
    """Name and content of each initializer; EdgeqError naming the one that cannot be read."""
    if graph.sparse_initializer:
        name = graph.sparse_initializer[0].values.name
        raise EdgeqError(f"{where}: initializer {name!r} is sparse; accepted: dense tensors")
    for tensor in graph.initializer:
        yield tensor.name, read_tensor(tensor, where, folder)


def read_tensor(tensor: TensorProto, where: str, folder: Path | None = None) -> Array:
    """The content of a tensor; EdgeqError where it is missing, too short or no number."""
    name = f"{where}: tensor {tensor.name!r}"
    if any(d < 0 for d in tensor.dims):
        raise EdgeqError(f"{name} has the shape {list(tensor.dims)}; accepted: no negative dimension")
    if tensor.data_type == TensorProto.STRING:
        raise EdgeqError(f"{name} holds strings; accepted: numbers")
    try:
        packed = tensor.data_type in _PACKED_BITS
        itemsize = 1 if packed else onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    except (KeyError, ValueError, TypeError) as error:
        raise EdgeqError(f"{name} has the element type {tensor.data_type}; accepted: those of ONNX") from error
    declared = math.prod(tensor.dims) * itemsize
    if declared > _LARGEST_TENSOR:
        raise EdgeqError(f"{name} is declared with {declared} bytes; accepted: up to {_LARGEST_TENSOR}")
    if external_data_helper.uses_external_data(tensor):
        _load_external(tensor, name, folder)
    if packed:
        _require_whole_bytes(tensor, name)
    try:
        array = numpy_helper.to_array(tensor)
    except (ValueError, TypeError, OverflowError, AttributeError) as error:
        raise EdgeqError(f"{name} of shape {list(tensor.dims)} is cut off or damaged ({error})") from error
    require_finite(array, name)
    return array


def _require_whole_bytes(tensor: TensorProto, name: str) -> None:
    """EdgeqError where elements of less than 8 bits have another number of bytes than they take."""
    bits, count = _PACKED_BITS[tensor.data_type], math.prod(tensor.dims)
    found = len(tensor.raw_data) if tensor.HasField("raw_data") else len(tensor.int32_data)
    needed = -(-count * bits // 8)
    if found != needed:
        raise EdgeqError(
            f"{name} of shape {list(tensor.dims)} is cut off or damaged: it has {found} bytes; accepted: {needed}, for "
            f"{count} elements of {bits} bits"
        )


def require_finite(array: Array, name: str) -> None:
    """Refuse floats that are none."""
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return
    bad = ~np.isfinite(array)
    first = [int(i) for i in np.argwhere(bad)[0]]
    raise EdgeqError(
        f"{name} holds {int(bad.sum())} values that are no finite numbers, the first at {first}; accepted: finite ones"
    )


def _load_external(tensor: TensorProto, name: str, folder: Path | None) -> None:
    places = {entry.key: entry.value for entry in tensor.external_data}
    location = places.get("location", "")
    if folder is None:
        raise EdgeqError(f"{name} lies in the file {location!r}, which was not given; accepted: the model as a path")
    try:
        external_data_helper.load_external_data_for_tensor(tensor, str(folder))
    except Exception as error:  # onnx raises what it likes
        raise EdgeqError(f"{name} lies in the file {location!r} beside the model: {error}") from error
    tensor.data_location = TensorProto.DEFAULT
    del tensor.external_data[:]


def _inputs(graph: onnx.GraphProto, constants: Mapping[str, Array], shapes: Shapes, where: str) -> tuple[Input, ...]:
    declared = [value for value in graph.input if value.name not in constants]
    unknown = set(shapes) - {value.name for value in declared}
    if unknown:
        names = ", ".join(repr(v.name) for v in declared)
        raise EdgeqError(f"{where}: a shape is given for {min(unknown)!r}; the inputs are {names or 'none'}")
    symbols = _symbols(declared, shapes)
    inputs = [_input(value, shapes.get(value.name), symbols, where) for value in declared]
    if len({i.name for i in inputs}) != len(inputs):
        raise EdgeqError(f"{where}: two inputs have one name")
    return tuple(inputs)


def _symbols(declared: Sequence[onnx.ValueInfoProto], shapes: Shapes) -> dict[str, int]:
    """What the pinned shapes say about named dimensions, which other inputs may share."""
    return {
        dim.dim_param: size
        for value in declared
        for dim, size in zip(value.type.tensor_type.shape.dim, shapes.get(value.name, ()), strict=False)
        if dim.dim_param
    }


def _input(value: onnx.ValueInfoProto, pinned: Shape | None, symbols: Mapping[str, int], where: str) -> Input:
    place = f"{where}: input {value.name!r}"
    if not value.type.HasField("tensor_type"):
        raise EdgeqError(f"{place} is no tensor; accepted: tensors")
    tensor = value.type.tensor_type
    if not tensor.HasField("shape") and pinned is None:
        raise EdgeqError(f"{place} has no shape; accepted: --shape {value.name}=D1,D2,...")
    dims = [d.dim_value if d.HasField("dim_value") and d.dim_value > 0 else d.dim_param for d in tensor.shape.dim]
    if pinned is not None:
        fits = len(pinned) == len(dims) and all(isinstance(d, str) or d == p for d, p in zip(dims, pinned, strict=True))
        if (tensor.HasField("shape") and not fits) or any(p < 1 for p in pinned):
            raise EdgeqError(f"{place} is {_written(dims)}; the shape {list(pinned)} given for it does not fit")
        return Input(value.name, tensor.elem_type, tuple(pinned))
    shape: list[int] = []
    for axis, dim in enumerate(dims):
        if isinstance(dim, int):
            shape.append(dim)
        elif dim in symbols:
            shape.append(symbols[dim])
        elif axis == 0:
            shape.append(1)  # the batch
        else:
            wanted = ",".join(str(d) if isinstance(d, int) else (d or "?").upper() for d in dims)
            raise EdgeqError(f"{place} is {_written(dims)}; accepted: its size, as --shape {value.name}={wanted}")
    return Input(value.name, tensor.elem_type, tuple(shape))


def _written(dims: Sequence[int | str]) -> str:
    return "[" + ", ".join(str(d) if d != "" else "?" for d in dims) + "]"
