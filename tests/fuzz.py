"""Mutants of TFLite files, and a worker that compiles mutants of any model file under a limit of memory.

python tests/fuzz.py MODEL FIRST_SEED COUNT    # one line of JSON per mutant that ended badly
"""

import json
import resource
import sys
import time
from dataclasses import replace

import numpy as np
import onnx_mutants

from edgeq.errors import EdgeqError
from edgeq.fixedpoint import Rounding
from edgeq.frontend import Calibration, ModelFile, data_ports, is_float
from edgeq.ir import Graph
from edgeq.passes import normalization, run_passes
from edgeq.program import build_program
from edgeq.quantize.quantizer import quantize
from edgeq.quantize.scheme import Scheme

SECONDS = 1.0
BYTES = 2 << 30
_SMALL = 100_000  # elements of all values
_INTERESTING = (0, 1, 2, 4, 127, 128, 255, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)


def mutant(data: bytes, seed: int) -> bytes:
    """One of six kinds of damage, chosen and placed by the seed."""
    rng = np.random.default_rng(seed)
    damage = (_truncated, _bit_flips, _word, _words, _moved, _random)
    return damage[int(rng.choice(len(damage), p=[0.05, 0.3, 0.35, 0.15, 0.1, 0.05]))](bytearray(data), rng)


def _truncated(data: bytearray, rng: np.random.Generator) -> bytes:
    return bytes(data[: int(rng.integers(0, len(data)))])


def _bit_flips(data: bytearray, rng: np.random.Generator) -> bytes:
    for _ in range(int(rng.integers(1, 9))):
        data[_place(data, rng)] ^= 1 << int(rng.integers(8))
    return bytes(data)


def _word(data: bytearray, rng: np.random.Generator) -> bytes:
    """An offset, a count, a dimension or an index becomes an extreme, or a number near what it was."""
    place = min(_place(data, rng) & ~3, len(data) - 4)
    old = int.from_bytes(data[place : place + 4], "little")
    new = int(rng.choice(_INTERESTING)) if rng.random() < 0.5 else old + int(rng.integers(-8, 9))
    data[place : place + 4] = (new & 0xFFFFFFFF).to_bytes(4, "little")
    return bytes(data)


def _words(data: bytearray, rng: np.random.Generator) -> bytes:
    for _ in range(int(rng.integers(2, 20))):
        data = bytearray(_word(data, rng))
    return bytes(data)


def _moved(data: bytearray, rng: np.random.Generator) -> bytes:
    """A stretch of the file overwrites another."""
    size = int(rng.integers(4, 64))
    source, target = _place(data, rng), _place(data, rng)
    piece = data[source : source + size]
    data[target : target + len(piece)] = piece
    return bytes(data)


def _random(data: bytearray, rng: np.random.Generator) -> bytes:
    """Noise behind an intact magic number, so that it reaches the reader."""
    noise = rng.bytes(len(data) % 4096 + 8)
    return noise[:4] + b"TFL3" + noise[8:] if rng.random() < 0.8 else noise


def _place(data: bytearray, rng: np.random.Generator) -> int:
    """Anywhere, but more often where the tables are than in the weights: runs of varied bytes are weights."""
    place = int(rng.integers(len(data)))
    for _ in range(4):
        if 0 in data[place : place + 8]:
            break
        place = int(rng.integers(len(data)))
    return place


def try_mutant(file: ModelFile) -> str | None:
    """What was wrong with the way this file ended; None if it compiled or was refused in a sentence."""
    start = time.process_time()
    try:
        graph = file.load()
        if is_float(graph):
            graph = _quantized(graph)
        graph, _ = run_passes(graph)
        build_program(graph, "net")
    except EdgeqError as error:
        if not str(error).strip():
            return "an error without a message"
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the finding
        return f"{type(error).__name__}: {error}"
    seconds = time.process_time() - start
    return f"took {seconds:.1f} s" if seconds > SECONDS else None


def _quantized(graph: Graph) -> Graph:
    """By what the file says of it, and where it is small also by two samples."""
    graph, _ = run_passes(graph, normalization())
    small = sum(t.size for t in graph.types.values()) <= _SMALL and graph.inputs
    rng = np.random.default_rng(0)
    samples = {port.name: rng.random((2, *port.shape)).astype(port.dtype.numpy) for port in data_ports(graph)}
    data = Calibration(samples).load(graph) if small else None
    scheme = Scheme(bias_correction=False, weight_rounding="nearest", method="minmax")
    return quantize(graph, data, scheme, Rounding.SINGLE).graph


def main(path: str, first: str, count: str) -> None:
    """Try `count` mutants of one file and print the findings."""
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    file = ModelFile.read(path)
    make = onnx_mutants.mutant if file.format == "onnx" else mutant
    try_mutant(file)  # what is imported at first use does not count
    for seed in range(int(first), int(first) + int(count)):
        finding = try_mutant(replace(file, data=make(file.data, seed)))
        if finding:
            print(json.dumps({"seed": seed, "finding": finding}), flush=True)  # noqa: T201 - the worker's answer


if __name__ == "__main__":
    main(*sys.argv[1:])
