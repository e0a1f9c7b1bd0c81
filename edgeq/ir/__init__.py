"""The intermediate representation: a graph of typed values whose meaning can be executed (see `edgeq.evaluate`)."""

from edgeq.ir.graph import Graph, Node, Origin
from edgeq.ir.tensor import DType, Quant, Shape, TensorType

__all__ = ["DType", "Graph", "Node", "Origin", "Quant", "Shape", "TensorType"]
