"""Arguments that several commands take: the model, its calibration data, the fields of `Options` and of `Scheme`."""

import dataclasses
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from edgeq.array_files import open_arrays
from edgeq.cli.console import safe, tracking
from edgeq.compiler import CompiledModel, Options, compile_model
from edgeq.errors import EdgeqError
from edgeq.frontend import Calibration, ModelFile, Prepared, prepare
from edgeq.ir.graph import Array
from edgeq.quantize.data import Preprocessing
from edgeq.quantize.quantizer import Track
from edgeq.quantize.scheme import AUTO, Scheme, read_scheme
from edgeq.search import Setting, search

_Command = TypeVar("_Command", bound=Callable[..., Any])
_Decorator = Callable[[_Command], _Command]

model_argument = click.argument("model", type=click.Path())

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")

labels_option = click.option(
    "--labels", metavar="NAME|FILE", help="Classes: array of the data's .npz, or a .npy  [default: y or labels, if any]"
)


def labels_from(labels: str, source: str) -> Array:
    """The array of a .npy, or that of this name beside the data; EdgeqError where there is none."""
    file = Path(labels if labels.endswith(".npy") else source)
    if file.is_dir():
        raise EdgeqError(f"{file}: is a folder, and has no array {labels!r}; accepted: labels as a .npy file")
    arrays = open_arrays(file)
    name = file.name if labels.endswith(".npy") else labels
    if name not in arrays:
        raise EdgeqError(f"{file}: has no array {name!r}; accepted: {', '.join(arrays)}, or a .npy file")
    return arrays[name]


_SCHEME = tuple(f for f in dataclasses.fields(Scheme) if f.metadata)


class ShapeType(click.ParamType[Any]):
    """`name=1,3,96,96`."""

    name = "NAME=D1,D2,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The name and the dimensions."""
        name, _, dims = str(value).rpartition("=")
        try:
            shape = tuple(int(d) for d in dims.split(","))
        except ValueError:
            shape = ()
        if not name or not shape or min(shape) < 1:
            self.fail(f"{value!r}; accepted: an input's name, =, and positive sizes, as x=1,3,96,96", param, ctx)
        return name, shape


class NumbersType(click.ParamType[Any]):
    """One number, or one per channel: `127.5` or `123.7,116.3,103.5`."""

    name = "NUMBERS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """A float, or a tuple of floats."""
        try:
            numbers = tuple(float(v) for v in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r}; accepted: a number, or one per channel, separated by commas", param, ctx)
        return numbers[0] if len(numbers) == 1 else numbers


_CALIBRATION = (
    click.option(
        "--calibrate",
        type=click.Path(),
        metavar="DATA",
        help="Sample inputs that a float model is quantized with: .npz, .npy, or a folder of images.",
    ),
    click.option("--calibration-samples", type=click.IntRange(1), metavar="N", help="How many of them  [default: all]"),
    click.option("--calibration-seed", type=click.IntRange(0), default=0, metavar="N", help="Of which ones."),
    click.option("--mean", type=NumbersType(), default=0.0, help="Inputs are (x - MEAN) / STD of the data."),
    click.option("--std", type=NumbersType(), default=1.0, help="See --mean."),
    click.option(
        "--shape",
        "shapes",
        type=ShapeType(),
        multiple=True,
        help="Size of an input whose dimensions the file leaves open.",
    ),
    click.option("--scheme", type=click.Path(), metavar="FILE", help="TOML file with choices, also layer by layer."),
)


def _scheme_option(field: dataclasses.Field[Any]) -> _Decorator[Any]:
    flag, text = field.name.replace("_", "-"), field.metadata["help"]
    accepted = field.metadata["accepted"]
    if accepted:
        kind = click.Choice((*accepted, AUTO) if field.name == "weights" else accepted)
        return click.option(f"--{flag}", f"scheme_{field.name}", type=kind, help=f"{text}  [default: {field.default}]")
    if type(field.default) is int:
        shown = f"{text}  [default: {field.default}]"
        return click.option(f"--{flag}", f"scheme_{field.name}", type=click.IntRange(0), metavar="N", help=shown)
    negated = field.default is True
    names = f"--no-{flag}" if negated else f"--{flag}", f"scheme_{field.name}"
    # Without a default click takes False for it, which is no choice of the user's and not the scheme's default.
    return click.option(*names, flag_value=not negated, default=None, help=text)


def model_options(command: _Command) -> _Command:
    """The model, what it is quantized with and how, and an option for every field of `Options`.

    The command takes them as keywords and gives them to `compile_from`.
    """
    return _with_scheme(compiler_options(command))


def quantizer_options(command: _Command) -> _Command:
    """The same for a command that makes no C, which gives its keywords to `quantize_from`."""
    return _with_scheme(_field_options(command, [f for f in dataclasses.fields(Options) if f.name in _OF_QUANTIZER]))


_OF_QUANTIZER = ("match", "softmax")
"""Options that concern the network, not its C code."""


def _with_scheme(command: _Command) -> _Command:
    for field in reversed(_SCHEME):
        command = _scheme_option(field)(command)
    for option in reversed(_CALIBRATION):
        command = option(command)
    return model_argument(command)


@dataclasses.dataclass(frozen=True)
class Source:
    """What `model_options` gave to a command, in the library's terms."""

    model: str
    calibration: Calibration | None
    scheme: Scheme
    shapes: Mapping[str, tuple[int, ...]]
    options: Options
    auto: bool = False
    """Whether weights are as narrow as `edgeq.search` finds to do, with the limits that it has by itself."""

    def resolved(self, track: Track) -> "Source":
        """With the search done, if one was asked for."""
        if not self.auto:
            return self
        if self.calibration is None:
            raise EdgeqError("--weights auto without samples to choose by; accepted: --calibrate DATA")
        setting = Setting(ModelFile.read(self.model), self.calibration, self.scheme, self.options, self.shapes)
        found = search(setting, jobs=os.cpu_count() or 1, track=track)
        return dataclasses.replace(self, scheme=found.scheme, auto=False)


def source_from(model: str, choices: Mapping[str, Any]) -> Source:
    """Sort the keywords out; EdgeqError where the scheme cannot be read."""
    rest = dict(choices)
    preprocessing = Preprocessing(mean=rest.pop("mean"), std=rest.pop("std"))
    path, count, seed = (rest.pop(k) for k in ("calibrate", "calibration_samples", "calibration_seed"))
    calibration = None if path is None else Calibration(path, count, seed, preprocessing)
    shapes: Sequence[tuple[str, tuple[int, ...]]] = rest.pop("shapes")
    file = rest.pop("scheme")
    scheme = Scheme() if file is None else read_scheme(file)
    chosen = {f.name: rest.pop(f"scheme_{f.name}") for f in _SCHEME}
    auto = chosen["weights"] == AUTO
    chosen["weights"] = None if auto else chosen["weights"]
    scheme = dataclasses.replace(scheme, **{name: value for name, value in chosen.items() if value is not None})
    return Source(model, calibration, scheme, dict(shapes), options_from(rest), auto)


def as_typed(*without: str) -> str:
    """The arguments of the running command, but for some, as another command that takes them would be typed."""
    context = click.get_current_context()
    words = []
    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        if not given or parameter.name in without:
            continue
        value = context.params[parameter.name or ""]
        if isinstance(parameter, click.Argument):
            words.append(str(value))
        elif isinstance(parameter, click.Option):
            words += _words(parameter, value)
    return shlex.join(safe(word) for word in words)


def _words(option: click.Option, value: Any) -> list[str]:
    flag = option.opts[-1]
    if option.is_flag:
        return [flag]
    if isinstance(option.type, ShapeType):
        return [w for name, shape in value for w in (flag, f"{name}={','.join(map(str, shape))}")]
    return [flag, ",".join(map(str, value)) if isinstance(value, tuple) else str(value)]


def compile_from(model: str, choices: Mapping[str, Any]) -> CompiledModel:
    """Compile what a command was given, with progress on a terminal."""
    with tracking(f"compiling {model}") as track:
        return compile_source(source_from(model, choices), track)


def compile_source(source: Source, track: Track) -> CompiledModel:
    """Compile what a command was given."""
    source = source.resolved(track)
    return compile_model(
        source.model,
        source.options,
        calibrate=source.calibration,
        scheme=source.scheme,
        shapes=source.shapes,
        track=track,
    )


def quantize_from(model: str, choices: Mapping[str, Any]) -> Prepared:
    """Quantize what a command was given, with progress on a terminal."""
    with tracking(f"quantizing {model}") as track:
        source = source_from(model, choices).resolved(track)
        return prepare(
            ModelFile.read(source.model),
            calibration=source.calibration,
            scheme=source.scheme,
            match=source.options.match,
            shapes=source.shapes,
            final_softmax=source.options.softmax,
            track=track,
        )


def options_from(choices: Mapping[str, object]) -> Options:
    """The options that `compiler_options` gave to a command."""
    return Options(**choices)  # type: ignore[arg-type]  # made from the fields


def compiler_options(command: _Command) -> _Command:
    """An option for every field of `Options`; the command takes them as keywords."""
    return _field_options(command, dataclasses.fields(Options))


def _field_options(command: _Command, options: Sequence[dataclasses.Field[Any]]) -> _Command:
    for field in reversed(options):
        flag, text = field.name.replace("_", "-"), field.metadata["help"]
        if field.default is True:
            decorate = click.option(f"--no-{flag}", field.name, is_flag=True, callback=_negated, help=text)
        elif field.default is False:
            decorate = click.option(f"--{flag}", field.name, is_flag=True, help=text)
        else:
            decorate = click.option(f"--{flag}", field.name, metavar=flag.upper(), default=field.default, help=text)
        command = decorate(command)
    return command


def _negated(_: click.Context, __: click.Parameter, value: bool) -> bool:
    return not value
