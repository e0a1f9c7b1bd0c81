"""Arguments that several commands take: the model, and the fields of `edgeq.Options`."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from edgeq.compiler import Options

_Command = TypeVar("_Command", bound=Callable[..., Any])

model_argument = click.argument("model", type=click.Path())

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")


def options_from(choices: Mapping[str, object]) -> Options:
    """The options that `compiler_options` gave to a command."""
    return Options(**choices)  # type: ignore[arg-type]  # made from the fields


def compiler_options(command: _Command) -> _Command:
    """An option for every field of `Options`; the command takes them as keywords."""
    for field in reversed(dataclasses.fields(Options)):
        flag, text = field.name.replace("_", "-"), field.metadata["help"]
        if field.default is True:
            decorate = click.option(f"--no-{flag}", field.name, is_flag=True, callback=_negated, help=text)
        elif field.default is False:
            decorate = click.option(f"--{flag}", field.name, is_flag=True, help=text)
        else:
            decorate = click.option(f"--{flag}", field.name, metavar=flag.upper(), help=text)
        command = decorate(command)
    return command


def _negated(_: click.Context, __: click.Parameter, value: bool) -> bool:
    return not value
