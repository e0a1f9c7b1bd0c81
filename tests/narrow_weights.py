"""Graphs with weights of fewer bits than they were made with."""

from dataclasses import replace
from typing import Any

import numpy as np

from edgeq.ir import DType, Graph, TensorType

_DTYPES = {d.bits: d for d in (DType.S4, DType.S2, DType.B1)}
_OPS = ("conv2d", "depthwise_conv2d", "dense")


def narrowed(graph: Graph, bits: int) -> Graph:
    """The upper bits of the weights of its layers; for one bit, their signs.

    Steps of weights and biases become as much larger, so that outputs stay about what they are. Weights with zero
    points stay as they are.
    """
    types, constants = dict(graph.types), dict(graph.constants)
    for node in graph.nodes:
        rest = node.inputs[1:]
        weights = rest[0] if node.op in _OPS else None
        if bits == 8 or weights not in constants or types[weights].dtype is not DType.S8 or _offset(types[weights]):
            continue
        constants[weights] = _upper(constants[weights], bits)
        types[weights] = replace(types[weights], dtype=_DTYPES[bits])
        for name in rest:
            if name is not None:
                types[name] = _coarser(types[name], 2 ** (8 - bits))
    return graph.with_(types=types, constants=constants)


def _offset(type_: TensorType) -> bool:
    return type_.quant is None or any(type_.quant.zero_point)


def _upper(weights: Any, bits: int) -> Any:
    return np.where(weights < 0, -1, 1).astype(np.int8) if bits == 1 else weights >> (8 - bits)


def _coarser(type_: TensorType, factor: int) -> TensorType:
    assert type_.quant is not None
    return replace(type_, quant=replace(type_.quant, scale=tuple(factor * s for s in type_.quant.scale)))
