"""`edgeq ops`: what is supported."""

from dataclasses import asdict

import click
from rich.table import Table

from edgeq.cli.console import print_json, stdout, table
from edgeq.cli.options import json_option
from edgeq.supported import TITLES, families, folded, names_markdown, supported, supported_markdown


@click.command("ops", short_help="List the supported operators.")
@click.option("--format", "chosen", type=click.Choice([*TITLES]), help="Of one model format  [default: of all]")
@click.option("--names", is_flag=True, help="Only the names.")
@click.option("--markdown", is_flag=True, help="As Markdown, which is that of the documentation.")
@json_option
def ops_command(*, chosen: str | None, names: bool, markdown: bool, as_json: bool) -> None:
    """List the supported operators of ONNX and TFLite, with the C kernels behind them.

    A kernel is there for several element types, which --markdown and --json show.
    """
    formats = [*TITLES] if chosen is None else [chosen]
    if as_json:
        print_json({"schema_version": 1, "operators": [asdict(s) for s in supported(*formats)]})
    elif markdown:
        parts = [names_markdown(f) if names else supported_markdown(f) for f in formats]
        click.echo("\n".join(parts), nl=False)
    elif names:
        for s in supported(*formats):
            click.echo(s.operator)
    else:
        for index, name in enumerate(formats):
            note = f"computed by the compiler, on shapes and constants: {', '.join(folded(name))}"
            stdout().print(*[""] * (index > 0), _table(name), "", note, sep="\n")


def _table(format_: str) -> Table:
    rows = table(f"{TITLES[format_]} operator", "kernels", "restrictions")
    rows.columns[1].no_wrap = False
    for s in supported(format_):
        if s.kernels:
            kernels = " ".join(stem.removeprefix("edgeq_") for stem, _ in families(s.kernels))
            rows.add_row(s.operator, kernels, s.restrictions)
    return rows
