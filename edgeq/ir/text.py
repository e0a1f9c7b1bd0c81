"""Graphs as text and back: what `edgeq inspect` prints, what generated C quotes, what tests are written in.

    graph net
    input  %x: s8[1,4] @0.5+0
    const  %w: s8[2,4] @0.1+0 = AQIDBAUGBwg=
    %y: s8[1,2] @0.25-3 = dense(%x, %w, -) {"activation": "relu"}  # FULLY_CONNECTED #0
    output %y

The first line of a graph that is requantized with one rounding is `graph net rounding=single`.
Constants are base64 of their little-endian bytes, or `...` where the reader does not want them; text with `...`
cannot be read back.
"""

import base64
import dataclasses
import json
import re
from enum import Enum
from typing import Any

import numpy as np

from edgeq.errors import EdgeqError
from edgeq.fixedpoint import Rounding
from edgeq.ir.graph import Array, Graph, Node, Origin
from edgeq.ir.tensor import DType, Quant, TensorType


def print_graph(graph: Graph, *, constants: bool = True) -> str:
    """The whole graph; `constants=False` prints `...` in the place of their bytes."""
    rounding = "" if graph.rounding is Rounding.DOUBLE else f" rounding={graph.rounding.value}"
    lines = [f"graph {graph.name}{rounding}"]
    lines += [f"input  %{name}: {graph.types[name]}{_origin(graph, name)}" for name in graph.inputs]
    for name, array in graph.constants.items():
        content = base64.b64encode(_little_endian(array).tobytes()).decode() if constants else "..."
        lines.append(f"const  %{name}: {graph.types[name]} = {content}{_origin(graph, name)}")
    for node in graph.nodes:
        lines.append(print_node(graph, node) + (f"  # {node.source}" if node.source else ""))
        lines += [f"origin %{name}:{_origin(graph, name)}" for name in node.outputs if name in graph.origins]
    lines += [f"output %{name}" for name in graph.outputs]
    return "\n".join(lines) + "\n"


def print_node(graph: Graph, node: Node) -> str:
    """One line: outputs with their types, op, inputs, attributes that differ from their defaults."""
    outputs = ", ".join(f"%{name}: {graph.types[name]}" for name in node.outputs)
    inputs = ", ".join(f"%{name}" if name else "-" for name in node.inputs)
    fields = {
        f.name: getattr(node.attrs, f.name)
        for f in dataclasses.fields(node.attrs)
        if getattr(node.attrs, f.name) != f.default
    }
    attrs = f" {json.dumps(fields, default=_jsonable)}" if fields else ""
    return f"{outputs} = {node.op}({inputs}){attrs}"


def parse_graph(text: str, attrs: dict[str, type]) -> Graph:
    """Read back what `print_graph` wrote.

    Args:
        text: a graph with its constants.
        attrs: attribute class of each op (`{op.name: op.attrs}` of `edgeq.ops.OPS`).

    Raises:
        EdgeqError: with the line that cannot be read.
    """
    reader = _Reader(attrs)
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                reader.read(line)
            except (ValueError, KeyError, TypeError) as error:
                raise EdgeqError(f"graph text, line {number}: cannot read {line.strip()!r} ({error})") from error
    return reader.graph()


def _jsonable(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    raise TypeError(f"attribute of type {type(value).__name__} has no text form")


def _little_endian(array: Array) -> Array:
    return array.astype(array.dtype.newbyteorder("<"))


def _origin(graph: Graph, name: str) -> str:
    origin = graph.origins.get(name)
    if origin is None:
        return ""
    order = [] if origin.perm is None else [origin.perm]
    return f"  # {json.dumps([origin.name, origin.index, origin.channels, *order])}"


_TYPE = re.compile(r"(?P<dtype>\w+)\[(?P<shape>[\d,]*)\](?: @(?:(?P<axis>\d+)\{(?P<many>[^}]*)\}|(?P<one>[^\s,]+)))?")
_PAIR = re.compile(r"(?P<scale>.+?)(?P<zero>[+-]\d+)$")
_VALUE = re.compile(r"%(?P<name>\S+): ")
_CALL = re.compile(r" = (?P<op>\w+)\((?P<inputs>[^)]*)\)(?P<attrs> \{.*?\})?(?:  # (?P<source>.*))?$")


def parse_type(text: str) -> TensorType:
    """Read a type such as `s8[1,16] @0.05+3`; ValueError where it is none."""
    match = _TYPE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no tensor type")
    shape = tuple(int(d) for d in match["shape"].split(",") if d)
    quant = None
    if match["one"] or match["many"]:
        pairs = [_PAIR.fullmatch(p) for p in (match["one"] or match["many"]).split(",")]
        if not all(pairs):
            raise ValueError(f"{text!r} has no scale and zero point after @")
        quant = Quant(
            tuple(float(np.float32(p["scale"])) for p in pairs if p),
            tuple(int(p["zero"]) for p in pairs if p),
            int(match["axis"]) if match["axis"] else None,
        )
    return TensorType(shape, DType(match["dtype"]), quant)


class _Reader:
    """Collects the parts of a graph line by line."""

    def __init__(self, attrs: dict[str, type]) -> None:
        self._attrs = attrs
        self._name = ""
        self._rounding = Rounding.DOUBLE
        self._inputs: list[str] = []
        self._outputs: list[str] = []
        self._nodes: list[Node] = []
        self._types: dict[str, TensorType] = {}
        self._constants: dict[str, Array] = {}
        self._origins: dict[str, Origin] = {}

    def graph(self) -> Graph:
        return Graph(
            self._name,
            tuple(self._inputs),
            tuple(self._outputs),
            tuple(self._nodes),
            self._types,
            self._constants,
            self._origins,
            self._rounding,
        )

    def read(self, line: str) -> None:
        keyword, _, rest = line.partition(" ")
        rest = rest.strip()
        match keyword:
            case "graph":
                self._name, _, rounding = rest.partition(" rounding=")
                self._rounding = Rounding(rounding or Rounding.DOUBLE)
            case "input":
                declaration, _, origin = rest.partition("  # ")
                self._inputs.append(self._declare(declaration, origin))
            case "const":
                declaration, _, origin = rest.partition("  # ")
                declaration, _, content = declaration.partition(" = ")
                name = self._declare(declaration, origin)
                type_ = self._types[name]
                if content == "...":
                    raise ValueError("the constant's bytes were left out")
                raw = np.frombuffer(base64.b64decode(content), type_.dtype.numpy.newbyteorder("<"))
                self._constants[name] = raw.astype(type_.dtype.numpy).reshape(type_.shape)
            case "output":
                self._outputs.append(rest.removeprefix("%"))
            case "origin":
                declaration, _, origin = rest.partition(":  # ")
                self._add_origin(declaration.removeprefix("%"), origin)
            case _:
                self._node(line.strip())

    def _declare(self, text: str, origin: str) -> str:
        match = _VALUE.match(text)
        if match is None:
            raise ValueError("expected %name: type")
        self._types[match["name"]] = parse_type(text[match.end() :])
        if origin:
            self._add_origin(match["name"], origin)
        return match["name"]

    def _add_origin(self, name: str, origin: str) -> None:
        tensor, index, *lists = json.loads(origin)
        self._origins[name] = Origin(tensor, index, *(None if found is None else tuple(found) for found in lists))

    def _node(self, line: str) -> None:
        match = _CALL.search(line)
        if match is None:
            raise ValueError("expected %value: type = op(%input, ...)")
        outputs = [self._declare(part, "") for part in re.split(r", (?=%)", line[: match.start()])]
        inputs = tuple("" if v == "-" else v.removeprefix("%") for v in match["inputs"].split(", ") if v)
        cls = self._attrs[match["op"]]
        attrs = _read_attrs(cls, json.loads(match["attrs"] or "{}"))
        self._nodes.append(
            Node(f"n{len(self._nodes)}", match["op"], inputs, tuple(outputs), attrs, match["source"] or "")
        )


def _read_attrs(cls: type, fields: dict[str, Any]) -> Any:
    """Build an attribute dataclass from JSON: lists become tuples, strings the enum that the field wants."""
    declared = {f.name: f.type for f in dataclasses.fields(cls)}
    return cls(**{name: _read_field(declared[name], value) for name, value in fields.items()})


def _read_field(declared: Any, value: Any) -> Any:
    if isinstance(declared, type) and issubclass(declared, Enum):
        return declared(value)
    return _tuples(value)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value
