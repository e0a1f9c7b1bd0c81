"""Prints a Program as C files. The only module that knows Jinja; the templates decide nothing.

The folder is self-contained: the kernels that the model uses are copied into `kernels/` with the prefix `edgeq` in
every identifier and file name replaced by the network's, so that several networks, even of different edgeq versions,
link into one image.
"""

import math
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import PurePosixPath
from typing import Any

import jinja2
import numpy as np

from edgeq import golden, resources
from edgeq.fixedpoint import quantize_multiplier
from edgeq.ir import DType, TensorType
from edgeq.ir.graph import Array
from edgeq.kernels.kernel import c_type
from edgeq.program import ArenaRef, ConstantRef, Layer, Port, Program

_COLUMNS = 100  # of a generated line, as .clang-format has it for the kernels
_WHOLE_WORDS: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}
_INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)


@dataclass(frozen=True)
class Banner:
    """What every generated file says of its origin: no date and no path, so that the same input gives the same bytes.

    Attributes:
        version: of edgeq.
        source: the model's file name.
        sha256: of the model file.
        options: as the user would type them.
    """

    version: str
    source: str
    sha256: str
    options: str


def emit(program: Program, banner: Banner) -> dict[str, str]:
    """All C and CMake files of a program: relative path to content, sorted."""
    kernels = _kernel_files(program)
    context = _context(program, banner)
    test = context | _golden_context(program)
    sources = [f"{program.name}.c", f"{program.name}_weights.c", *sorted(p for p in kernels if p.endswith(".c"))]
    files = {
        f"{program.name}.h": _render("model.h.j2", context),
        f"{program.name}.c": _render("model.c.j2", context),
        f"{program.name}_weights.h": _render("weights.h.j2", context),
        f"{program.name}_weights.c": _render("weights.c.j2", context),
        f"{program.name}_test.h": _render("test.h.j2", test),
        f"{program.name}_test.c": _render("test.c.j2", test),
        "CMakeLists.txt": _render("CMakeLists.txt.j2", context | {"sources": [*sources, f"{program.name}_test.c"]}),
        **kernels,
    }
    return dict(sorted(files.items()))


_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(resources.TEMPLATES),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,  # noqa: S701 - C, not HTML
)


def render(template: str, context: dict[str, Any]) -> str:
    """A template with its holes filled."""
    return _render(template, context)


def _render(template: str, context: dict[str, Any]) -> str:
    return _ENVIRONMENT.get_template(template).render(context)


def _context(program: Program, banner: Banner) -> dict[str, Any]:
    name = program.name
    calls = [layer for layer in program.layers if layer.kernel]
    return {
        "title": f"{name}: {len(program.layers)} layers, {program.macs} MACs, {program.plan.size} bytes of arena",
        "version": banner.version,
        "source": _comment(banner.source),
        "sha256": banner.sha256,
        "options": _comment(banner.options),
        "name": name,
        "NAME": name.upper(),
        "arena_size": program.plan.size,
        "arena_align": program.plan.alignment,
        "weights_size": program.weight_bytes,
        "macs": program.macs,
        "inputs_fate": "keeps them" if program.keeps_inputs else "may overwrite them",
        "port_groups": [
            {"kind": "IN", "ports": [_port(program, p, "in", i) for i, p in enumerate(program.inputs, 1)]},
            {"kind": "OUT", "ports": [_port(program, p, "out", i) for i, p in enumerate(program.outputs, 1)]},
        ],
        "headers": sorted({_renamed_file(program, layer.kernel.header.name) for layer in calls if layer.kernel}),
        "calls": [_definition(program, layer) for layer in calls],
        "layers": [_call(program, layer) for layer in program.layers],
        "arrays": [_array(f"{name}_{symbol}", array) for symbol, array in program.constants.items()],
    }


def _comment(text: str) -> str:
    """Text that cannot end a C comment, start one within it, or leave its line."""
    printable = "".join(c if c.isprintable() else "?" for c in text)
    return printable.replace("*/", "* /").replace("/*", "/ *")


def _statement(opening: str, items: Sequence[str], closing: str) -> str:
    """A statement around a list of expressions, broken between them where it is too long for a line."""
    inner = ", ".join(items) + closing
    for text in (f"    {opening}{inner}", f"    {opening}\n        {inner}"):
        if max(map(len, text.splitlines())) <= _COLUMNS:
            return text
    glued = ", ".join(item.replace(" ", "\N{NO-BREAK SPACE}") for item in items)
    text = opening.replace(" ", "\N{NO-BREAK SPACE}") + glued + closing
    lines = textwrap.fill(text, _COLUMNS, initial_indent=" " * 4, subsequent_indent=" " * 8, **_WHOLE_WORDS)
    return lines.replace("\N{NO-BREAK SPACE}", " ")


def _c_string(text: str) -> str:
    """A C string literal; anything beyond ASCII becomes an octal escape."""
    octets = [chr(b) if 32 <= b < 127 and chr(b) not in '"\\?' else f"\\{b:03o}" for b in text.encode()]
    return '"' + "".join(octets) + '"'


def _port(program: Program, port: Port, kind: str, number: int) -> dict[str, Any]:
    type_ = port.type
    shape = "{" + ", ".join(str(d) for d in type_.shape or (1,)) + "}"
    macros = [
        ("NAME", _c_string(port.name)),
        ("RANK", len(type_.shape) or 1),
        ("SHAPE", shape),
        ("SIZE", f"{type_.size}u"),
        ("SIZE_BYTES", f"{type_.bytes}u"),
        ("TYPE", c_type(type_.dtype.value)),
        ("ALIGNMENT", f"{math.gcd(port.offset, program.plan.alignment)}u"),
        ("OFFSET", f"{port.offset}u"),
        *_quant_macros(type_),
    ]
    return {
        "comment": f"{_comment(port.name)}: {type_}",
        "prefix": f"{program.name.upper()}_{kind.upper()}_{number}",
        "symbol": f"{kind}_{number}",
        "ctype": c_type(type_.dtype.value),
        "pointer": _pointer(f"context->arena + {port.offset}", type_.dtype.value),
        "macros": [{"name": n, "value": v} for n, v in macros],
        "from_random": golden.C_FROM_RANDOM[type_.dtype],
    }


def _quant_macros(type_: TensorType) -> list[tuple[str, str | int]]:
    """`real = (q - ZERO_POINT) * SCALE`; SCALE again as MULTIPLIER * 2^(SHIFT - 31) for code without floats."""
    if type_.quant is None:
        return []
    multiplier, shift = quantize_multiplier(type_.scale)
    return [
        ("SCALE", f"{float_literal(type_.scale)}"),
        ("SCALE_MULTIPLIER", multiplier),
        ("SCALE_SHIFT", f"({shift})"),
        ("ZERO_POINT", f"({type_.zero_point})"),
    ]


def float_literal(value: float) -> str:
    """A C float literal that reads back as the same float32."""
    text = str(np.float32(value))
    return text + ("f" if "." in text or "e" in text else ".0f")


def _definition(program: Program, layer: Layer) -> dict[str, Any]:
    return {
        "name": layer.name,
        "struct": f"{program.name}_{layer.params.struct}_params",
        "fields": [{"name": f.name, "value": _field(program, layer, f.name)} for f in fields(layer.params)],
    }


def _field(program: Program, layer: Layer, name: str) -> str:
    value = getattr(layer.params, name)
    if name in layer.symbols:
        return f"{program.name}_{layer.symbols[name]}"
    if value is None:
        return "NULL"
    if isinstance(value, float):
        return float_literal(value)
    return "INT32_MIN" if value == -(2**31) else str(value)


def _call(program: Program, layer: Layer) -> dict[str, Any]:
    return {"index": layer.index, "comment": _layer_comment(layer), "call": _call_text(program, layer)}


def _layer_comment(layer: Layer) -> str:
    """What the layer is in the model, and in the graph; as a comment in a function body goes on."""
    note = "" if layer.kernel else " (a view: nothing to do)"
    texts = [f"{layer.index}: {layer.node.source or layer.node.op}{note}", layer.line]
    width = _COLUMNS - len("     *  */")
    return "\n     * ".join(line for text in texts for line in textwrap.wrap(_comment(text), width, **_WHOLE_WORDS))


def _call_text(program: Program, layer: Layer) -> str | None:
    kernel = layer.kernel
    if kernel is None:
        return None
    wanted = kernel.inputs * len(layer.inputs) if kernel.variadic else kernel.inputs
    inputs = [_operand(program, i, t, const=True) for i, t in zip(layer.inputs, wanted, strict=True)]
    outputs = [_operand(program, o, t) for o, t in zip(layer.outputs, kernel.outputs, strict=True)]
    scratch = [] if kernel.scratch is None else [f"arena + {layer.scratch}" if layer.scratch is not None else "NULL"]
    statements = []
    if kernel.variadic:
        array = f"{layer.name}_inputs"
        statements.append(_statement(f"const {c_type(kernel.inputs[0])} *const {array}[] = {{", inputs, "};"))
        inputs = [array]
    arguments = [f"&{layer.name}", *inputs, *outputs, *scratch]
    statements.append(_statement(f"{_renamed(program, kernel.name)}(", arguments, ");"))
    return "\n".join(statements)


def _operand(program: Program, operand: ArenaRef | ConstantRef, dtype: str, *, const: bool = False) -> str:
    if isinstance(operand, ConstantRef):
        return f"{program.name}_{operand.symbol}"
    return _pointer(f"arena + {operand.offset}", dtype, const=const)


def _pointer(place: str, dtype: str, *, const: bool = False) -> str:
    """A place in the arena, which is an array of uint8_t, as a pointer to elements of another type."""
    element = c_type(dtype)
    if element in ("void", "uint8_t"):
        return place
    # Through void where only the planner knows that the offset is aligned.
    through = "" if element == "int8_t" else "(void *)"
    return f"({'const ' if const else ''}{element} *){through}({place})"


def _array(symbol: str, array: Array) -> dict[str, Any]:
    dtype = DType.of(array.dtype)
    flat = array.reshape(-1).tolist()
    literals = [float_literal(v) if dtype.is_float else _int_literal(int(v), dtype) for v in flat]
    widest = max(map(len, literals), default=0) + len(", ")
    count = next(n for n in (16, 8, 4, 2, 1) if n * widest <= _COLUMNS - 4)
    rows = [", ".join(literals[i : i + count]) for i in range(0, len(literals), count)]
    return {"symbol": symbol, "ctype": c_type(dtype.value), "size": array.size, "rows": rows}


def _int_literal(value: int, dtype: DType) -> str:
    """The most negative value has no literal of its own type in C."""
    if dtype in (DType.S32, DType.S64) and value == dtype.range[0]:
        return f"INT{8 * dtype.bytes}_MIN"
    return str(value)


def _golden_context(program: Program) -> dict[str, Any]:
    vectors = golden.vectors(program.graph)
    outputs = range(len(program.outputs))
    ports = [_port(program, p, "in", i) for i, p in enumerate(program.inputs, 1)]
    return {
        "vectors": len(vectors),
        "inputs": ports,
        "outputs": [_port(program, p, "out", i) for i, p in enumerate(program.outputs, 1)],
        "expected": [
            _array(f"expected_out_{i + 1}", np.concatenate([v.outputs[i].reshape(-1) for v in vectors]))
            for i in outputs
        ],
    }


def _kernel_files(program: Program) -> dict[str, str]:
    """The used kernels and everything they include, renamed and flattened into `kernels/`."""
    files: dict[str, str] = {}
    pending: list[PurePosixPath] = [PurePosixPath("src") / k.source for k in program.kernels]
    while pending:
        path = pending.pop()
        target = f"kernels/{_renamed_file(program, _flat_name(path))}"
        if target in files:
            continue
        text = (resources.RUNTIME / path).read_text(encoding="utf-8")
        pending += [_resolve(program, include) for include in _INCLUDE.findall(text)]
        flat = _INCLUDE.sub(lambda m: f'#include "{_renamed_file(program, _flat_name(_resolve(program, m[1])))}"', text)
        files[target] = _renamed(program, flat)
    return files


def _resolve(program: Program, include: str) -> PurePosixPath:
    """Public headers are `edgeq/...` below include/, private ones lie below src/; how to round is for the graph."""
    if include in ("rounding.h", "stage.h"):
        return PurePosixPath("rounding", program.graph.rounding.value, include)
    return PurePosixPath("include" if include.startswith("edgeq/") else "src", include)


def _flat_name(path: PurePosixPath) -> str:
    """A file name that is unique without its folder: private headers of a family get the family in front."""
    private_to_family = path.suffix == ".h" and len(path.parts) == 3 and path.parts[0] == "src"
    return f"{path.parts[1]}_{path.name}" if private_to_family else path.name


def _renamed_file(program: Program, name: str) -> str:
    return f"{program.name}_{name.removeprefix('edgeq_')}"


def _renamed(program: Program, text: str) -> str:
    """Replace the prefix of every identifier."""
    text = re.sub(r"\bedgeq_", f"{program.name}_", text)
    return re.sub(r"\bEDGEQ_", f"{program.name.upper()}_", text)
