"""`edgeq run`: the generated C on this machine, over a file of inputs."""

import io
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from edgeq.cli.console import facts, plural, print_json, safe, stdout, tracker, working
from edgeq.cli.options import compile_from, json_option, model_options
from edgeq.compiler import CompiledModel
from edgeq.errors import EdgeqError
from edgeq.ir.graph import Array
from edgeq.output import write_file
from edgeq.program import Port
from edgeq.samples import Samples, load_samples


@click.command("run", short_help="Run the generated C on this machine.")
@model_options
@click.option(
    "-i", "--input", "source", required=True, type=click.Path(), metavar="IN", help=".npz or .npy with inputs."
)
@click.option("-o", "--output", required=True, type=click.Path(), metavar="OUT", help=".npz or .npy for the outputs.")
@json_option
def run_command(model: str, source: str, output: str, *, as_json: bool, **choices: object) -> None:
    """Run MODEL's generated C on this machine.

    IN has an array per input, named as the input is or `in_1`, `in_2` ...; a single input also takes `x`, the only
    array of the file, or a .npy. A sample axis in front, or in the place of a batch of 1, makes as many runs. Integers
    are taken as they are, floats are quantized. OUT gets `out_1`, `out_2` ...; a .npy the only output.
    """
    compiled = compile_from(model, choices)
    with working(f"building {compiled.program.name}"):
        _require_suffix(output, compiled)
        samples = load_samples(source, compiled.program.inputs)
        host = compiled.host
    started = time.perf_counter()
    results = [host.run(inputs) for inputs in tracker("running", len(samples))(samples)]
    seconds = time.perf_counter() - started
    arrays = [samples.stack(outputs) for outputs in zip(*results, strict=True)]
    write_file(output, _encoded(output, arrays))
    if as_json:
        print_json(_document(compiled, samples, arrays))
        return
    rows = {
        "ran": f"{plural(len(samples), 'inference')} of {compiled.program.name} in {seconds:.2g} s on this machine",
        **{"note" if i == 0 else "": safe(note) for i, note in enumerate(samples.notes)},
        **{f"out_{i}": f"{a.dtype}{list(a.shape)}  {safe(p.name)}" for i, (a, p) in _numbered(arrays, compiled)},
        "written": safe(output),
    }
    stdout().print(facts(rows))


def _require_suffix(output: str, compiled: CompiledModel) -> None:
    """Refuse before anything runs."""
    suffix = Path(output).suffix
    if suffix not in (".npz", ".npy"):
        raise EdgeqError(f"{output}: accepted: a name that ends in .npz or .npy")
    if suffix == ".npy" and len(compiled.program.outputs) > 1:
        raise EdgeqError(f"{output}: the model has {len(compiled.program.outputs)} outputs; accepted: .npz")


def _numbered(arrays: Sequence[Array], compiled: CompiledModel) -> Iterator[tuple[int, tuple[Array, Port]]]:
    return enumerate(zip(arrays, compiled.program.outputs, strict=True), 1)


def _encoded(output: str, arrays: Sequence[Array]) -> bytes:
    buffer = io.BytesIO()
    if output.endswith(".npy"):
        np.save(buffer, arrays[0])
    else:
        named: dict[str, Any] = {f"out_{i}": a for i, a in enumerate(arrays, 1)}
        np.savez(buffer, **named)
    return buffer.getvalue()


def _document(compiled: CompiledModel, samples: Samples, arrays: Sequence[Array]) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "name": compiled.program.name,
        "samples": len(samples),
        "notes": list(samples.notes),
        "outputs": [
            {"symbol": f"out_{i}", "tensor": p.name, "dtype": str(a.dtype), "shape": list(a.shape)}
            for i, (a, p) in _numbered(arrays, compiled)
        ],
    }
