"""Golden vectors: inputs that C can make again from a seed, and the outputs that the reference computes for them."""

from dataclasses import dataclass

import numpy as np

from edgeq.evaluate import evaluate
from edgeq.ir import DType, Graph
from edgeq.ir.graph import Array

VECTORS = 2

# How one element of each type comes from the generator's 0..255: in C, and the same in Python.
C_FROM_RANDOM = {
    DType.S8: "(int8_t)((int32_t)next_random(&state) - 128)",
    DType.U8: "(uint8_t)next_random(&state)",
    DType.S16: "(int16_t)(((int32_t)next_random(&state) - 128) * 256)",
    DType.S32: "(int32_t)next_random(&state)",
    DType.S64: "(int64_t)next_random(&state)",
    DType.F32: "(float)((int32_t)next_random(&state) - 128) / 32.0f",
    DType.BOOL: "(uint8_t)(next_random(&state) % 2)",
}


@dataclass(frozen=True)
class Vector:
    """One inference: arrays in port order."""

    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...]


def vectors(graph: Graph) -> list[Vector]:
    """The golden vectors of a graph; the vector's number is the generator's seed."""
    result = []
    for seed in range(VECTORS):
        inputs = _inputs(graph, seed)
        values = evaluate(graph, inputs)
        result.append(Vector(inputs, tuple(values[v] for v in graph.outputs)))
    return result


def _inputs(graph: Graph, seed: int) -> tuple[Array, ...]:
    """Consecutive numbers of the generator fill the ports one after the other, element by element."""
    types = [graph.types[v] for v in graph.inputs]
    stream = _random_bytes(seed, sum(t.size for t in types))
    parts = np.split(stream, np.cumsum([t.size for t in types])[:-1])
    return tuple(_convert(part, t.dtype).reshape(t.shape) for part, t in zip(parts, types, strict=True))


def _random_bytes(state: int, count: int) -> Array:
    """The twin of `next_random` in the generated self-test (Numerical Recipes' constants, top byte)."""
    numbers = np.empty(count, np.int64)
    for i in range(count):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        numbers[i] = state >> 24
    return numbers


def _convert(numbers: Array, dtype: DType) -> Array:
    match dtype:
        case DType.S8:
            return (numbers - 128).astype(np.int8)
        case DType.S16:
            return ((numbers - 128) * 256).astype(np.int16)
        case DType.F32:
            return ((numbers - 128) / 32).astype(np.float32)
        case DType.BOOL:
            return (numbers % 2).astype(np.bool_)
        case _:
            return numbers.astype(dtype.numpy)
