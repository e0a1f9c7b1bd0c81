"""`edgeq quantize`: a model file to ONNX with QuantizeLinear and DequantizeLinear, and a page about it."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from edgeq.cli.console import facts, plural, print_json, safe, size, stdout
from edgeq.cli.options import json_option, quantize_from, quantizer_options
from edgeq.cli.quantization import method_text, tensor_table, weight_table
from edgeq.frontend import Prepared
from edgeq.ir import Graph, TensorType
from edgeq.output import write_file
from edgeq.report import QuantizationInfo, quantization_info


@click.command("quantize", short_help="Quantize a model to an ONNX file.")
@quantizer_options
@click.option("-o", "--output", required=True, type=click.Path(), metavar="OUT", help="The ONNX file to write.")
@click.option("-v", "--verbose", is_flag=True, help="Also list how every tensor was quantized.")
@json_option
def quantize_command(model: str, output: str, *, verbose: bool, as_json: bool, **choices: object) -> None:
    """Quantize MODEL and write it to OUT as ONNX of the QDQ form, which ONNX Runtime runs.

    `edgeq compile OUT` makes the same integers of it as `edgeq compile MODEL` with the same options.
    """
    prepared = quantize_from(model, choices)
    content = prepared.to_onnx()
    write_file(output, content)
    info = None if prepared.quantized is None else quantization_info(prepared.quantized)
    if as_json:
        print_json(_document(prepared, info, output, len(content)))
        return
    console = stdout()
    console.print(_summary(prepared, info, output, len(content)))
    if verbose and info is not None:
        console.print("", tensor_table(info), "", weight_table(info), sep="\n")


def _summary(prepared: Prepared, info: QuantizationInfo | None, output: str, length: int) -> Table:
    file, rounding = prepared.file, prepared.graph.rounding.value
    ports = dict(_ports(prepared.graph))
    return facts(
        {
            "model": f"{safe(file.where)}, {size(len(file.data))}",
            "quantized": "as the file is" if info is None else method_text(info),
            **{
                symbol: Text.assemble((str(p["type"]), "bold"), ("  " + safe(p["tensor"]), "dim"))
                for symbol, p in ports.items()
            },
            "rounding": rounding,
            "nodes": plural(len(prepared.graph.nodes), "op"),
            "written": f"{safe(output)}, {size(length)}",
        }
    )


def _ports(graph: Graph) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each input and output: its symbol in C, its tensor in the file, and the integers behind it."""
    for stem, values in (("in", graph.inputs), ("out", graph.outputs)):
        for number, value in enumerate(values, 1):
            origin = graph.origins.get(value)
            type_ = _integers(graph, value)
            yield f"{stem}_{number}", {"tensor": origin.name if origin else value, "type": str(type_)}


def _integers(graph: Graph, value: str) -> TensorType:
    """The type of a port, or of what is quantized from it or dequantized to it."""
    node = graph.producers.get(value)
    if node is not None and node.op == "dequantize":
        return graph.types[node.inputs[0]]
    quantized = (n.outputs[0] for n in graph.users.get(value, ()) if n.op == "quantize")
    return graph.types[next(quantized, value)]


def _document(prepared: Prepared, info: QuantizationInfo | None, output: str, length: int) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "model": {"file": prepared.file.where, "format": prepared.file.format, "sha256": prepared.file.sha256},
        "output": {"file": output, "bytes": length},
        "rounding": prepared.graph.rounding.value,
        "ports": dict(_ports(prepared.graph)),
        "quantization": None if info is None else asdict(info),
    }
