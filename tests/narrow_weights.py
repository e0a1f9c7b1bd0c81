"""Graphs with weights of fewer bits than they were made with, and with weights in groups."""

from dataclasses import replace
from typing import Any

import numpy as np

from edgeq.ir import DType, Graph, TensorType
from edgeq.kernels import Kernel
from edgeq.ops.weight_groups import Conv2dGroupsParams, Conv2dGroupsS16Params, DenseGroupsParams, DenseGroupsS16Params

_DTYPES = {d.bits: d for d in (DType.S4, DType.S3, DType.S2, DType.B1)}
_GROUPED = (Conv2dGroupsParams, Conv2dGroupsS16Params, DenseGroupsParams, DenseGroupsS16Params)
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


def fitting(graph: Graph, kernel: Kernel, bits: int) -> Graph:
    """The graph with weights as a kernel reads them."""
    narrow = narrowed(graph, bits)
    return in_groups(narrow) if kernel.reads in _GROUPED else narrow


def in_groups(graph: Graph, seed: int = 0) -> Graph:
    """Factors for groups of the weights of its layers, of a multiple of 4 if that divides them.

    Steps of weights and biases become as much finer, so that outputs stay about what they are. Weights with zero points
    stay as they are.
    """
    rng = np.random.default_rng(seed)
    types, constants, nodes = dict(graph.types), dict(graph.constants), []
    for node in graph.nodes:
        weights = node.inputs[1] if node.op in ("conv2d", "dense") else ""
        if weights not in constants or _offset(types[weights]):
            nodes.append(node)
            continue
        outputs, depth = len(constants[weights]), constants[weights][0].size
        sizes = [d for d in range(1, depth + 1) if depth % d == 0]
        size = int(rng.choice([d for d in sizes if d % 4 == 0] or sizes))
        factors, name = rng.integers(1, 16, (outputs, depth // size)).astype(np.uint8), f"{weights}.factors"
        types[name], constants[name] = TensorType(factors.shape, DType.U8), factors
        rest = (*node.inputs[1:3], "")[:2]
        for value in filter(None, rest):
            types[value] = _coarser(types[value], 1 / 8)
        nodes.append(replace(node, inputs=(node.inputs[0], *rest, name)))
    return graph.with_(types=types, constants=constants, nodes=tuple(nodes))


def _offset(type_: TensorType) -> bool:
    return type_.quant is None or any(type_.quant.zero_point)


def _upper(weights: Any, bits: int) -> Any:
    return np.where(weights < 0, -1, 1).astype(np.int8) if bits == 1 else weights >> (8 - bits)


def _coarser(type_: TensorType, factor: float) -> TensorType:
    assert type_.quant is not None
    return replace(type_, quant=replace(type_.quant, scale=tuple(factor * s for s in type_.quant.scale)))
