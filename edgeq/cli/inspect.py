"""`edgeq inspect`: the graph of a model, before or after optimisation."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from edgeq.cli.console import facts, last, number, print_json, safe, size, stdout, table, working
from edgeq.cli.options import json_option, model_argument
from edgeq.errors import Refusal
from edgeq.evaluate import lower_node
from edgeq.importers import import_model, read_file
from edgeq.ir import Graph
from edgeq.ir.text import print_graph
from edgeq.ops import OPS
from edgeq.passes import run_passes


@dataclass(frozen=True)
class NodeInfo:
    """One node; `macs` is None where edgeq has no integer meaning for it."""

    name: str
    op: str
    output: str
    macs: int | None
    weight_bytes: int
    source: str


@click.command("inspect", short_help="Show a model's graph: operators, shapes, work, weights.")
@model_argument
@click.option("--optimized", is_flag=True, help="The graph that is compiled, not the one of the file.")
@click.option("--text", is_flag=True, help="The graph as text, in edgeq's notation, without the constants' bytes.")
@json_option
def inspect_command(model: str, *, optimized: bool, text: bool, as_json: bool) -> None:
    """Show MODEL's graph: operators, shapes, work and weights."""
    with working(f"reading {model}"):
        imported = import_model(read_file(model), Path(model).name)
        graph = run_passes(imported)[0] if optimized else imported
    nodes = describe(graph)
    if as_json:
        print_json(_document(graph, nodes, optimized=optimized))
    elif text:
        click.echo(safe(print_graph(graph, constants=False)), nl=False)
    else:
        before = f" of {len(imported.nodes)} in the file" if optimized else ""
        stdout().print(_nodes(nodes), "", _totals(graph, nodes, before), sep="\n")


def describe(graph: Graph) -> list[NodeInfo]:
    """What every node does and weighs; a constant counts at the first node that reads it."""
    counted: set[str] = set()
    rows = []
    for node in graph.nodes:
        new = {v for v in node.inputs if v in graph.constants} - counted
        counted |= new
        weights = sum(graph.constants[v].nbytes for v in new)
        try:
            macs = OPS[node.op].macs(lower_node(graph, node))
        except Refusal:
            macs = None
        output = ", ".join(map(str, graph.output_types(node)))
        rows.append(NodeInfo(node.name, node.op, output, macs, weights, node.source))
    return rows


def _nodes(nodes: list[NodeInfo]) -> Table:
    rows = table("node", "op", "output", "MACs", "weights", "source", numbers=("MACs", "weights"))
    for n in nodes:
        macs = "?" if n.macs is None else number(n.macs)
        rows.add_row(n.name, n.op, n.output, macs, number(n.weight_bytes), last(n.source))
    return rows


def _totals(graph: Graph, nodes: list[NodeInfo], before: str) -> Table:
    def port(value: str) -> str:
        origin = graph.origins.get(value)
        return f"{graph.types[value]}  {safe(origin.name) if origin else ''}"

    return facts(
        {
            **{f"in_{i}": port(v) for i, v in enumerate(graph.inputs, 1)},
            **{f"out_{i}": port(v) for i, v in enumerate(graph.outputs, 1)},
            "nodes": f"{len(nodes)}{before}",
            "MACs": number(sum(n.macs or 0 for n in nodes)),
            "weights": size(sum(n.weight_bytes for n in nodes)),
        }
    )


def _document(graph: Graph, nodes: list[NodeInfo], *, optimized: bool) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "name": graph.name,
        "optimized": optimized,
        "inputs": [str(graph.types[v]) for v in graph.inputs],
        "outputs": [str(graph.types[v]) for v in graph.outputs],
        "macs": sum(n.macs or 0 for n in nodes),
        "weight_bytes": sum(n.weight_bytes for n in nodes),
        "nodes": [asdict(n) for n in nodes],
    }
