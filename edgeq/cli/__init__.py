"""The command line: one file per command; `console` has what they share."""

import os
import sys
import traceback
from typing import Any

import click

from edgeq.cli import compare, explain, inspect, ops, profile, quantize, run, search, targets, verify
from edgeq.cli import compile as compile_
from edgeq.cli.console import print_error
from edgeq.errors import EdgeqError
from edgeq.version import __version__

_HELP = """Compile quantized neural networks to integer-only C99 for microcontrollers.

\b
  edgeq compile model.tflite -o model    C sources, ready for a firmware project
  edgeq verify model.tflite              is that C equal to TensorFlow Lite Micro?
"""

_INTERRUPTED = 130  # 128 + SIGINT, as shells have it
_INTERNAL_ERROR = 70  # EX_SOFTWARE of sysexits.h


class _Group(click.Group):
    """Turns exceptions into one message and an exit status."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except EdgeqError as error:
            print_error(str(error))
            ctx.exit(1)
        except KeyboardInterrupt:
            print_error("interrupted")
            ctx.exit(_INTERRUPTED)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:  # noqa: BLE001 - the last resort: no user should meet a traceback
            _report_bug(error)
            ctx.exit(_INTERNAL_ERROR)


def _report_bug(error: Exception) -> None:
    if os.environ.get("EDGEQ_TRACEBACK"):
        traceback.print_exc()
    what = str(error).strip()
    print_error(f"this is a bug in edgeq, not in your model: {type(error).__name__}{f': {what}' if what else ''}")
    print_error("EDGEQ_TRACEBACK=1 shows where; please report it with the model, or the operator at which it happens")


@click.group(cls=_Group, help=_HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="edgeq", message="%(prog)s %(version)s")
def cli() -> None:
    """The group of all commands."""


for _command in (
    compile_.compile_command,
    compare.compare_command,
    search.search_command,
    quantize.quantize_command,
    run.run_command,
    verify.verify_command,
    profile.profile_command,
    explain.explain_command,
    targets.targets_command,
    inspect.inspect_command,
    ops.ops_command,
):
    cli.add_command(_command)


def main() -> None:
    """The `edgeq` program."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # what the terminal cannot show becomes a "?"
    cli()
