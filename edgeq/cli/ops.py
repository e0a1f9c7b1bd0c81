"""`edgeq ops`: what is supported."""

from dataclasses import asdict

import click

from edgeq.cli.console import print_json, stdout, table
from edgeq.cli.options import json_option
from edgeq.supported import folded, supported, supported_markdown


@click.command("ops", short_help="List the supported operators.")
@click.option("--markdown", is_flag=True, help="As a Markdown table, which is that of the README.")
@json_option
def ops_command(*, markdown: bool, as_json: bool) -> None:
    """List the supported TFLite operators, with the C kernels behind them."""
    if as_json:
        print_json({"schema_version": 1, "operators": [asdict(s) for s in supported()]})
    elif markdown:
        click.echo(supported_markdown(), nl=False)
    else:
        rows = table("operator", "kernels", "restrictions")
        rows.columns[1].no_wrap = False
        for s in supported():
            if s.kernels:
                rows.add_row(s.operator, " ".join(k.removeprefix("edgeq_") for k in s.kernels), s.note)
        stdout().print(rows, "", f"computed by the compiler, on shapes and constants: {', '.join(folded())}", sep="\n")
