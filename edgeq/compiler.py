"""The pipeline, as a table of contents.

    1. import     file bytes              -> Graph      edgeq.importers
    2. quantize   float Graph, data       -> Graph      edgeq.frontend, edgeq.quantize (models of floats only)
    3. passes     Graph                   -> Graph      edgeq.passes
    4. program    Graph                   -> Program    edgeq.program (lowering, selection, memory)
    5. emit       Program                 -> files      edgeq.emit, edgeq.report

`compile_model` runs all five and returns a `CompiledModel`, which can write its files and run them on this machine.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from edgeq.emit import Banner, emit
from edgeq.errors import EdgeqError
from edgeq.frontend import MATCHES, Calibration, ModelFile, Prepared, prepare
from edgeq.goals import Goal
from edgeq.importers import Shapes
from edgeq.ir import Graph
from edgeq.ir.graph import Array
from edgeq.output import MANIFEST, write_file, write_folder
from edgeq.passes import Done, pipeline, run_passes
from edgeq.prices import machine_for
from edgeq.program import Program, build_program
from edgeq.quantize.data import Preprocessing
from edgeq.quantize.quantizer import Quantized, Track, no_progress
from edgeq.quantize.scheme import Scheme, read_scheme
from edgeq.report import ModelInfo, Report, build_report
from edgeq.select import ANY
from edgeq.shortage import arena_shortage
from edgeq.simulate import HostModel
from edgeq.targets import Board, read_target
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
        match: whose arithmetic is computed: "tflm", "onnxruntime", "single" (one rounding), or "auto".
        input_layout: "nhwc", or "keep": ports as the file has them.
        softmax: a softmax at the end is computed.
        target: the board or core whose kernels are taken; None: those that run anywhere.
        optimize: what kernels are chosen for: "speed", "balanced", "size" (flash) or "ram".
    """

    name: str | None = _option(None, "C identifier of the network  [default: from the file name]")
    keep_inputs: bool = _option(False, "A run does not overwrite its inputs; costs arena where it otherwise would.")
    float_ports: bool = _option(
        False, "Float inputs and outputs stay float; the C code then computes with floats there."
    )
    dead_channels: bool = _option(True, "Keep channels that need not be computed, as the model has them.")
    match: str = _option(
        "auto",
        "tflm: compute as TensorFlow Lite Micro; onnxruntime: as ONNX Runtime; single: round once, which is fastest"
        "  [default: as the runtime of a quantized model; single where edgeq quantizes]",
    )
    input_layout: str = _option(
        "nhwc", "nhwc: images at the ports have their channels last; keep: as in the file  [default: nhwc]"
    )
    softmax: bool = _option(True, "Leave out a softmax at the end: the outputs are the scores before it.")
    target: str | None = _option(
        None, "Board or core to compile for; `edgeq targets` lists them  [default: C that runs anywhere]"
    )
    optimize: str = _option(
        "balanced",
        "What to choose kernels for: speed, whatever memory that takes; ram; size, of code and constants; balanced:"
        " speed that costs little memory  [default: balanced]",
    )

    def __post_init__(self) -> None:
        choices = (
            ("match", ("auto", *MATCHES)),
            ("input_layout", ("nhwc", "keep")),
            ("optimize", tuple(goal.value for goal in Goal)),
        )
        for name, accepted in choices:
            if getattr(self, name) not in accepted:
                raise EdgeqError(f"{name.replace('_', '-')} {getattr(self, name)!r}; accepted: {', '.join(accepted)}")

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
        prepared: the model's graph, and what the quantizer did.
        done: what each pass did.
        program: the lowered, planned network.
        report: what was made and what it costs.
        files: every file of the output folder, relative path to content.
    """

    prepared: Prepared
    done: tuple[Done, ...]
    program: Program
    report: Report
    files: Mapping[str, str]

    @property
    def imported(self) -> Graph:
        """The graph as the file has it."""
        return self.prepared.imported

    @property
    def quantized(self) -> Quantized | None:
        """What the quantizer did; None where the model was quantized already."""
        return self.prepared.quantized

    @property
    def data(self) -> bytes:
        """The model file."""
        return self.prepared.file.data

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

    def write_onnx(self, path: str | Path) -> None:
        """Write the quantized network as ONNX with QuantizeLinear and DequantizeLinear, which other runtimes run.

        Raises:
            EdgeqError: where the file cannot be written, or ONNX has no operator for a node.
        """
        write_file(path, self.prepared.to_onnx())


def compile_model(
    model: str | Path | bytes,
    options: Options | None = None,
    *,
    calibrate: Any = None,
    scheme: Scheme | str | Path | None = None,
    shapes: Shapes | None = None,
    preprocessing: Preprocessing | None = None,
    track: Track = no_progress,
    **choices: Any,
) -> CompiledModel:
    """Compile a model file to C.

    Args:
        model: path, or the file's content.
        options: choices; or give the fields of `Options` as keywords.
        calibrate: sample inputs for a model of floats: a path, arrays, an iterable of samples, or a `Calibration`.
        scheme: how such a model is quantized, or the path of a TOML file that says so.
        shapes: shapes of inputs that the file leaves open.
        preprocessing: of the sample inputs.
        track: progress.
        **choices: fields of `Options`.

    Raises:
        EdgeqError: where the model, the data or an option cannot be used, or the target has too little memory.
    """
    options = options or Options(**choices)
    file = ModelFile.read(model)
    name = network_name(file, options)
    prepared = prepare(
        file,
        calibration=as_calibration(calibrate, preprocessing),
        scheme=read_scheme(scheme) if isinstance(scheme, str | Path) else scheme,
        match=options.match,
        input_layout=options.input_layout,
        shapes=shapes,
        final_softmax=options.softmax,
        track=track,
    )
    compiled = compile_prepared(prepared, name, options)
    if options.target is not None:
        require_memory(compiled.program, read_target(options.target))
    return compiled


def compile_prepared(prepared: Prepared, name: str, options: Options) -> CompiledModel:
    """The stages behind the quantizer: passes, program, files; for a target, even one with too little memory."""
    file = prepared.file
    passes = pipeline(float_ports=options.float_ports, dead_channels=options.dead_channels)
    graph, done = run_passes(prepared.graph, passes)
    done = (*prepared.done, *done)
    board = None if options.target is None else read_target(options.target)
    program = build_program(
        graph,
        name,
        keep_inputs=options.keep_inputs,
        machine=machine_for(board.core) if board else ANY,
        goal=Goal(options.optimize),
    )
    source = ModelInfo(file.where, file.format, len(file.data), file.sha256)
    files = emit(program, Banner(__version__, file.where, source.sha256, str(options)))
    report = build_report(
        program,
        source,
        done,
        options=asdict(options),
        version=__version__,
        files=[*files],
        quantized=prepared.quantized,
    )
    return CompiledModel(prepared, done, program, report, {**files, MANIFEST: report.to_json()})


def require_memory(program: Program, board: Board) -> None:
    """Refuse a board whose memory the arena alone does not fit into."""
    capacity = max(memory.size for memory in board.of_kind("ram")) - board.reserved_ram
    shortage = arena_shortage(program, capacity)
    if shortage:
        raise EdgeqError(f"{program.name} does not fit {board.name}: {shortage}")


def as_calibration(source: Any, preprocessing: Preprocessing | None = None) -> Calibration | None:
    """What a user gave for calibration data, with its preprocessing."""
    if source is None or isinstance(source, Calibration):
        return source
    return Calibration(source, preprocessing=preprocessing or Preprocessing())


def network_name(file: ModelFile, options: Options) -> str:
    """The C identifier that is chosen, or made from the file name; EdgeqError where it is none."""
    name = identifier(Path(file.where).stem) if options.name is None else options.name
    if not re.fullmatch(r"[A-Za-z]\w{0,63}", name, re.ASCII):
        raise EdgeqError(f"name {name!r}; accepted: a letter, then up to 63 letters, digits and underscores")
    if _C_HEADERS.fullmatch(name):
        raise EdgeqError(f"name {name!r} would hide the header <{name}.h> of C; accepted: any other name")
    return name


def identifier(text: str) -> str:
    """A C identifier made from any text: what does not fit becomes an underscore."""
    name = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_").lower()[:_LONGEST_NAME]
    plain = name[:1].isalpha() and not _C_HEADERS.fullmatch(name)
    return name if plain else f"net_{name}".rstrip("_")


__all__: Sequence[str] = ("CompiledModel", "Options", "compile_model", "identifier")
