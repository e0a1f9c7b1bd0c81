import numpy as np
import pytest
from float_graphs import FloatBuilder

from edgeq.errors import Refusal
from edgeq.evaluate import lower_node
from edgeq.ir import DType, Graph, Node, Quant, TensorType
from edgeq.ops import OPS
from edgeq.ops.l2_normalize import L2NormalizeAttrs
from edgeq.ops.lookup import UnaryAttrs
from edgeq.ops.softmax import LogSoftmaxAttrs, SoftmaxAttrs
from edgeq.quantize.encoding import Encoding
from edgeq.quantize.layers import layer_of
from edgeq.quantize.roles import ROLES, Role, fixed, fixed_encoding, tied_values

_ATTRS = {"softmax": SoftmaxAttrs(), "log_softmax": LogSoftmaxAttrs(), "l2_normalize": L2NormalizeAttrs()}


def test_every_op_has_a_role() -> None:
    assert ROLES.keys() == OPS.keys()


def test_tables_are_the_ops_of_one_value() -> None:
    tables = {name for name, op in OPS.items() if issubclass(op.attrs, UnaryAttrs)}
    assert tables == {name for name, role in ROLES.items() if role is Role.TABLE}


def test_weighted_ops_are_the_layers() -> None:
    b = FloatBuilder(np.random.default_rng(0))
    x = b.input(1, 4, 4, 2)
    b.node("conv2d", x, b.reals(3, 1, 1, 2))
    b.node("depthwise_conv2d", x, b.reals(1, 1, 1, 2))
    b.node("dense", b.reshape(x, 1, 32), b.reals(5, 32))
    y = b.node("transpose_conv2d", x, b.reals(3, 2, 2, 2), size=(8, 8), stride=(2, 2))
    graph = b.graph(y)
    layers = {node.op for node in graph.nodes if layer_of(graph, node) is not None}
    assert layers == {name for name, role in ROLES.items() if role is Role.WEIGHTED}


@pytest.mark.parametrize("op", _ATTRS)
@pytest.mark.parametrize("made", [DType.S8, DType.S16])
def test_ops_take_what_is_fixed(op: str, made: DType) -> None:
    """The op lowers with each input type that it is said to read, and with none other."""
    node = Node("n", op, ("x",), ("y",), _ATTRS[op])
    rule = fixed(node, made)
    assert rule is not None
    lowered = []
    for dtype in (DType.S8, DType.S16):
        x = TensorType((1, 8), dtype, Quant.per_tensor(0.05, 0))
        types = {"x": x, "y": TensorType((1, 8), made, rule.encoding.quant)}
        try:
            lower_node(Graph("g", ("x",), ("y",), (node,), types), node)
        except Refusal:
            continue
        lowered.append(dtype)
    assert tuple(lowered) == rule.reads


def test_what_is_fixed() -> None:
    softmax = Node("n", "softmax", ("x",), ("y",), SoftmaxAttrs())
    assert fixed_encoding(softmax, DType.S8) == Encoding(DType.S8, Quant.per_tensor(1 / 256, -128))
    assert fixed_encoding(Node("n", "add", ("x", "x"), ("y",), None), DType.S8) is None


def test_moves_are_tied_and_indices_are_not() -> None:
    b = FloatBuilder(np.random.default_rng(0))
    x = b.input(1, 4)
    picked = b.node("gather", x, b.constant(np.array([1, 2], np.int32)), axis=1)
    added = b.node("add", picked, picked)
    joined = b.node("concat", added, b.reals(1, 3), axis=1)
    graph = b.graph(joined)
    gather, add, concat = graph.nodes
    assert tied_values(graph, gather) == (x, picked)
    assert tied_values(graph, add) == ()
    assert tied_values(graph, concat) == (added, concat.inputs[1], joined)
