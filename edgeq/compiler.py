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
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from edgeq import __version__
from edgeq.emit import Banner, emit
from edgeq.errors import EdgeqError
from edgeq.importers import import_model, read_file
from edgeq.ir import Graph
from edgeq.ir.graph import Array
from edgeq.passes import Done, run_passes
from edgeq.program import Program, build_program
from edgeq.simulate import HostModel


@dataclass(frozen=True)
class Options:
    """What a user can choose; the defaults are what `edgeq compile MODEL -o OUT` does.

    Attributes:
        name: C identifier of the network; None: made from the file name.
        keep_inputs: a run must not overwrite its inputs.
    """

    name: str | None = None
    keep_inputs: bool = False

    def __str__(self) -> str:
        return "--keep-inputs" if self.keep_inputs else "none"


@dataclass(frozen=True)
class CompiledModel:
    """A model on its way to firmware.

    Attributes:
        imported: the graph as the file has it.
        done: what each pass did.
        program: the lowered, planned network.
        files: every file of the output folder, relative path to content.
    """

    imported: Graph
    done: tuple[Done, ...]
    program: Program
    files: Mapping[str, str]

    @cached_property
    def host(self) -> HostModel:
        """The generated C, compiled for this machine."""
        return HostModel(self.program, self.files)

    def run(self, *inputs: Array) -> Array | tuple[Array, ...]:
        """Execute the generated C: one array per input port; one array, or a tuple where there are several outputs."""
        outputs = self.host.run(inputs)
        return outputs[0] if len(outputs) == 1 else outputs


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
    name = options.name or identifier(Path(where).stem)
    if not re.fullmatch(r"[A-Za-z]\w*", name):
        raise EdgeqError(f"name {name!r} is no C identifier; accepted: a letter, then letters, digits and underscores")
    imported = import_model(data, where)
    graph, done = run_passes(imported)
    program = build_program(graph, name, keep_inputs=options.keep_inputs)
    banner = Banner(__version__, where, hashlib.sha256(data).hexdigest(), str(options))
    return CompiledModel(imported, done, program, emit(program, banner))


def identifier(text: str) -> str:
    """A C identifier made from any text: what does not fit becomes an underscore."""
    name = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_").lower()
    return name if name and name[0].isalpha() else f"net_{name}".rstrip("_")


__all__: Sequence[str] = ("CompiledModel", "Options", "compile_model", "identifier")
