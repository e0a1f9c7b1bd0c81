"""The pipeline, as a table of contents.

    1. import     file bytes              -> Graph      edgeq.importers
    2. passes     Graph                   -> Graph      edgeq.passes
    3. program    Graph                   -> Program    edgeq.program (lowering, selection, memory)
    4. emit       Program                 -> files      edgeq.emit, edgeq.report

`compile_model` runs all four and returns a `CompiledModel`, which can write its files and run them on this machine.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from edgeq.emit import Banner, emit
from edgeq.errors import EdgeqError
from edgeq.importers import import_model, read_file
from edgeq.ir import Graph
from edgeq.ir.graph import Array
from edgeq.output import MANIFEST, write_folder
from edgeq.passes import Done, pipeline, run_passes
from edgeq.program import Program, build_program
from edgeq.report import ModelInfo, Report, build_report
from edgeq.simulate import HostModel
from edgeq.version import __version__

_LONGEST_NAME = 48
"""Characters of a name that is made from a file name; C only promises to tell 63 apart."""

_C_HEADERS = re.compile(
    "assert|complex|ctype|errno|fenv|float|inttypes|iso646|limits|locale|math|setjmp|signal|stdarg|stdbool|stddef|stdint"
    "|stdio|stdlib|string|tgmath|time|wchar|wctype"
)
"""The network's header is named after it, and the compiler would find it in the place of these."""

_T = TypeVar("_T")


def _option(default: _T, text: str) -> _T:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class Options:
    """What a user can choose; the defaults are what `edgeq compile MODEL -o OUT` does.

    The command line has an option for every field: a switch that is off is turned on by `--name`, one that is on is
    turned off by `--no-name`.

    Attributes:
        name: C identifier of the network; None: made from the file name.
        keep_inputs: a run must not overwrite its inputs.
        float_ports: float inputs and outputs stay float.
        dead_channels: channels that need not be computed are removed.
    """

    name: str | None = _option(None, "C identifier of the network  [default: from the file name]")
    keep_inputs: bool = _option(False, "A run does not overwrite its inputs; costs arena where it otherwise would.")
    float_ports: bool = _option(
        False, "Float inputs and outputs stay float; the C code then computes with floats there."
    )
    dead_channels: bool = _option(True, "Keep channels that need not be computed, as the model has them.")

    def __str__(self) -> str:
        """As the user would type them."""
        chosen = [(f, getattr(self, f.name)) for f in fields(self) if getattr(self, f.name) != f.default]
        return " ".join(_typed(f.name.replace("_", "-"), value) for f, value in chosen) or "none"


def _typed(flag: str, value: object) -> str:
    if isinstance(value, bool):
        return f"--{flag}" if value else f"--no-{flag}"
    return f"--{flag} {value}"


@dataclass(frozen=True)
class CompiledModel:
    """A model on its way to firmware.

    Attributes:
        imported: the graph as the file has it.
        done: what each pass did.
        program: the lowered, planned network.
        report: what was made and what it costs.
        files: every file of the output folder, relative path to content.
        data: the model file.
    """

    imported: Graph
    done: tuple[Done, ...]
    program: Program
    report: Report
    files: Mapping[str, str]
    data: bytes

    @cached_property
    def host(self) -> HostModel:
        """The generated C, compiled for this machine."""
        return HostModel(self.program, self.files)

    def run(self, *inputs: Array) -> Array | tuple[Array, ...]:
        """Execute the generated C: one array per input port; one array, or a tuple where there are several outputs."""
        outputs = self.host.run(inputs)
        return outputs[0] if len(outputs) == 1 else outputs

    def write(self, folder: str | Path) -> None:
        """Write the files, all or none, in the place of those of a former run; foreign files there stay untouched.

        Raises:
            EdgeqError: where the folder cannot be written, or holds foreign files of these names.
        """
        write_folder(folder, self.files)


def compile_model(model: str | Path | bytes, options: Options | None = None, **choices: Any) -> CompiledModel:
    """Compile a model file to C.

    Args:
        model: path, or the file's content.
        options: choices; or give the fields of `Options` as keywords.
        **choices: fields of `Options`.

    Raises:
        EdgeqError: where the model or an option cannot be used.
    """
    options = options or Options(**choices)
    where = "model" if isinstance(model, bytes) else Path(model).name
    data = model if isinstance(model, bytes) else read_file(model)
    name = identifier(Path(where).stem) if options.name is None else options.name
    if not re.fullmatch(r"[A-Za-z]\w{0,63}", name, re.ASCII):
        raise EdgeqError(f"name {name!r}; accepted: a letter, then up to 63 letters, digits and underscores")
    if _C_HEADERS.fullmatch(name):
        raise EdgeqError(f"name {name!r} would hide the header <{name}.h> of C; accepted: any other name")
    imported = import_model(data, where)
    graph, done = run_passes(imported, pipeline(float_ports=options.float_ports, dead_channels=options.dead_channels))
    program = build_program(graph, name, keep_inputs=options.keep_inputs)
    source = ModelInfo(where, "tflite", len(data), hashlib.sha256(data).hexdigest())
    files = emit(program, Banner(__version__, where, source.sha256, str(options)))
    report = build_report(program, source, done, options=asdict(options), version=__version__, files=[*files])
    return CompiledModel(imported, done, program, report, {**files, MANIFEST: report.to_json()}, data)


def identifier(text: str) -> str:
    """A C identifier made from any text: what does not fit becomes an underscore."""
    name = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_").lower()[:_LONGEST_NAME]
    plain = name[:1].isalpha() and not _C_HEADERS.fullmatch(name)
    return name if plain else f"net_{name}".rstrip("_")


__all__: Sequence[str] = ("CompiledModel", "Options", "compile_model", "identifier")
