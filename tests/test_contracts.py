"""Where two files must agree, they are compared here."""

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

import jinja2
import jinja2.meta
import pytest
from cases import CASES
from kernel_library import include_folders
from pycparser import c_ast, c_generator, c_parser
from toolchains import GCC, M4, compile_objects, symbols

import edgeq
from edgeq import emit, firmware, golden, resources
from edgeq.fixedpoint import Rounding
from edgeq.importers.tflite import CONVERTERS
from edgeq.kernels import KERNELS, Kernel
from edgeq.ops import OPS, Params
from edgeq.targets import read_target

_DIGITS = Path(__file__).parents[1] / "examples" / "digits_int8.tflite"
_INTEGERS = "\n".join(f"typedef int {u}int{bits}_t;" for u in ("", "u") for bits in (8, 16, 32, 64))
_HEADERS = sorted((resources.RUNTIME_INCLUDE / "edgeq").glob("*.h"))
_SOURCES = sorted(resources.RUNTIME_SOURCES.rglob("*.c"))
_INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)


def _declarations(header: Path) -> list[Any]:
    """What a public header declares, as a syntax tree."""
    text = re.sub(r"/\*.*?\*/|^#.*?$", "", header.read_text(), flags=re.DOTALL | re.MULTILINE)
    return list(c_parser.CParser().parse(f"{_INTEGERS}\n{text}").ext)


def _structs(header: Path) -> Iterator[tuple[str, list[str]]]:
    """Name and members of each struct, a member as `type name`."""
    printed = c_generator.CGenerator()
    for declaration in _declarations(header):
        if isinstance(declaration.type, c_ast.Struct) and declaration.type.decls:
            yield declaration.type.name, [printed.visit(member) for member in declaration.type.decls]


def _params_classes(base: type[Params] = Params) -> list[type[Params]]:
    """All that name a struct; the others only hold what several of these share."""
    classes = [cls for direct in base.__subclasses__() for cls in (direct, *_params_classes(direct))]
    return [cls for cls in classes if hasattr(cls, "struct")]


def _member(cls: type[Params], name: str) -> str:
    """A field as its struct member: the C type stands in the annotation, within an optional or not."""
    hint = get_type_hints(cls, include_extras=True)[name]
    annotated = next(h for h in (hint, *get_args(hint)) if hasattr(h, "__metadata__"))
    c_type: str = annotated.__metadata__[0]
    return f"{c_type}{name}" if c_type.endswith("*") else f"{c_type} {name}"


def _words(text: str) -> str:
    """The text on one line, whatever lines it was broken into."""
    return " ".join(re.sub(r"\(\s+", "(", text).split())


@pytest.mark.parametrize("cls", _params_classes(), ids=lambda c: c.__name__)
def test_params_equal_their_struct(cls: type[Params]) -> None:
    structs = dict(struct for header in _HEADERS for struct in _structs(header))
    name = f"edgeq_{cls.struct}_params"
    assert name in structs
    assert structs[name] == [_member(cls, f.name) for f in fields(cls)]


def test_every_struct_has_params() -> None:
    structs = {name for header in _HEADERS for name, _ in _structs(header)}
    assert structs == {f"edgeq_{cls.struct}_params" for cls in _params_classes()}


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.name)
def test_a_header_declares_the_kernel(kernel: Kernel) -> None:
    header = resources.RUNTIME_INCLUDE / kernel.header
    assert _words(header.read_text()).count(_words(kernel.prototype)) == 1


def test_headers_declare_kernels_only() -> None:
    declared = {d.name for h in _HEADERS for d in _declarations(h) if isinstance(d.type, c_ast.FuncDecl)}
    assert declared == {kernel.name for kernel in KERNELS}


def test_one_kernel_one_file() -> None:
    names = [kernel.name for kernel in KERNELS]
    assert len(names) == len(set(names))
    assert sorted(resources.RUNTIME_SOURCES / kernel.source for kernel in KERNELS) == _SOURCES


@pytest.mark.parametrize("source", _SOURCES, ids=lambda s: s.stem)
def test_a_file_has_one_public_function(source: Path, tmp_path: Path) -> None:
    kinds = symbols(GCC, compile_objects(GCC, [source], include_folders(), tmp_path / "objects"))
    assert kinds["T"] == {source.stem}
    assert kinds.keys() <= set("TtUrR"), "only functions and constants"


def test_kernels_need_little_stack(tmp_path: Path) -> None:
    """No frame has an array; all are of a size known to the compiler."""
    compile_objects(M4, _SOURCES, include_folders(), tmp_path / "objects", "-fstack-usage")
    frames = [line.split("\t") for path in tmp_path.rglob("*.su") for line in path.read_text().splitlines()]
    assert len(frames) >= len(KERNELS)
    assert [frame for frame in frames if frame[2] != "static" or int(frame[1]) > 256] == []


def test_no_header_is_left_over() -> None:
    headers = {*_HEADERS, *resources.RUNTIME_SOURCES.rglob("*.h"), *resources.RUNTIME_ROUNDING.rglob("*.h")}
    included = {name for path in (*headers, *_SOURCES) for name in _INCLUDE.findall(path.read_text())}
    roots = [folder for rounding in Rounding for folder in include_folders(rounding)]
    assert {root / name for root in roots for name in included if (root / name).is_file()} == headers
    assert {f"edgeq/{kernel.family}.h" for kernel in KERNELS} == {f"edgeq/{path.name}" for path in _HEADERS}


def test_every_op_has_a_kernel() -> None:
    assert {op for kernel in KERNELS for op in kernel.ops} == OPS.keys()


def test_kernels_are_named_after_what_they_are() -> None:
    for kernel in KERNELS:
        assert kernel.name.startswith("edgeq_")
        assert set(kernel.ops) <= OPS.keys(), kernel.name
        assert issubclass(kernel.params, Params), kernel.name


def test_every_operator_has_cases() -> None:
    """But those that only fold shapes, and those for floats, which `test_float_tflite.py` has."""
    computing = {name for name, converter in CONVERTERS.items() if converter.ops and not converter.floats_only}
    assert computing <= CASES.keys()
    assert CASES.keys() <= CONVERTERS.keys()
    assert {op for converter in CONVERTERS.values() for op in converter.ops} <= OPS.keys()


def test_templates_get_exactly_what_they_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """No name is missing, none is superfluous."""
    assert emit._ENVIRONMENT.undefined is jinja2.StrictUndefined
    given: dict[str, set[str]] = {}
    monkeypatch.setattr(emit, "_render", lambda template, context: given.setdefault(template, set(context)) and "")
    edgeq.compile(_DIGITS)
    for machine, libc in (("arm", True), ("riscv", False)):
        for semihosting in (False, True):
            firmware.harness_files("net", machine, libc=libc, semihosting=semihosting)
    board = read_target("cortex-m4")
    firmware.linker_script("net", board, *board.memories, semihosting=False)
    used = {template: _used(template) for template in given}
    assert {t: used[t] - given[t] for t in given if used[t] - given[t]} == {}
    assert set().union(*given.values()) == set().union(*used.values())
    included = {name for template in given for name in _included(template)}
    assert {path.name for path in resources.TEMPLATES.iterdir()} == given.keys() | included


def _syntax(template: str) -> Any:
    return emit._ENVIRONMENT.parse((resources.TEMPLATES / template).read_text())


def _included(template: str) -> set[str]:
    return {name for name in jinja2.meta.find_referenced_templates(_syntax(template)) if name}


def _used(template: str) -> set[str]:
    names = set(jinja2.meta.find_undeclared_variables(_syntax(template)))
    return names.union(*(_used(included) for included in _included(template)))


def test_golden_inputs_exist_for_every_port_type() -> None:
    c_types = {dtype.rstrip("*") for kernel in KERNELS for dtype in (*kernel.inputs, *kernel.outputs)} - {
        "x8",
        "b1",
        "s4",
    }
    assert c_types <= {dtype.value for dtype in golden.C_FROM_RANDOM}
