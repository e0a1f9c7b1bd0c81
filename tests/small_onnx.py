"""Small ONNX models for tests of the importer, the command line and the comparison with other runtimes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = np.ndarray[Any, Any]


class OnnxWriter:
    """Collects nodes and constants; `build` makes a file of them."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, array: Any, name: str = "") -> str:
        """An initializer; returns its name."""
        name = name or f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def narrow(self, integers: Any, elem_type: int) -> str:
        """An initializer of an element type that NumPy does not have, such as INT4."""
        name, array = f"c{len(self.constants)}", np.asarray(integers)
        self.constants.append(helper.make_tensor(name, elem_type, array.shape, array.reshape(-1).tolist()))
        return name

    def weights(self, *shape: int) -> str:
        """Normal floats that keep the power of what they multiply."""
        fan_in = int(np.prod(shape[1:])) if len(shape) > 1 else 10
        return self.constant((self.rng.normal(size=shape) / np.sqrt(fan_in)).astype(np.float32))

    def integers(self, *values: int) -> str:
        """A constant vector of int64."""
        return self.constant(np.array(values, np.int64))

    def add(self, op: str, *inputs: str, outputs: int = 1, domain: str = "", name: str = "", **attributes: Any) -> str:
        """A node; returns the name of its first output, the others are that with `_1`, `_2` ... behind it."""
        first = f"v{len(self.nodes)}"
        names = [first, *(f"{first}_{i}" for i in range(1, outputs))]
        self.nodes.append(helper.make_node(op, inputs, names, domain=domain, name=name, **attributes))
        return first

    def build(
        self,
        inputs: dict[str, Sequence[int | str]],
        outputs: Sequence[str],
        *,
        elem_type: int = TensorProto.FLOAT,
        output_type: int = TensorProto.FLOAT,
        opset: int = 17,
    ) -> bytes:
        """The file."""
        graph = helper.make_graph(
            self.nodes,
            "net",
            [helper.make_tensor_value_info(name, elem_type, shape) for name, shape in inputs.items()],
            [helper.make_tensor_value_info(name, output_type, None) for name in outputs],
            self.constants,
        )
        domains = {"com.microsoft", *(node.domain for node in self.nodes if node.domain)}
        opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(name, 1) for name in sorted(domains))]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        return bytes(onnx.shape_inference.infer_shapes(model).SerializeToString())


def convolutions(shape: Sequence[int | str] = (1, 3, 8, 8)) -> bytes:
    """Input `image` in NCHW; two convolutions, one of them depthwise, pooling, a dense layer: 5 scores."""
    m = OnnxWriter()
    a = m.add("Conv", "image", m.weights(8, 3, 3, 3), m.weights(8), pads=[1, 1, 1, 1], name="first")
    a = m.add("Relu", m.add("BatchNormalization", a, *(m.constant(np.ones(8, np.float32)) for _ in range(4))))
    b = m.add("Conv", a, m.weights(8, 1, 3, 3), pads=[1, 1, 1, 1], group=8, name="second")
    b = m.add("Clip", b, m.constant(np.float32(0)), m.constant(np.float32(6)))
    c = m.add("MaxPool", m.add("Add", a, b), kernel_shape=[2, 2], strides=[2, 2])
    c = m.add("Concat", c, m.add("HardSigmoid", c), axis=1)
    d = m.add("Flatten", m.add("GlobalAveragePool", c))
    e = m.add("Gemm", d, m.weights(5, 16), m.weights(5), transB=1, name="last")
    return m.build({"image": shape}, [e])


def attention(shape: Sequence[int | str] = (1, 6, 8)) -> bytes:
    """Input `tokens`; attention with arithmetic on shapes, a branch, a resize and gathers."""
    m = OnnxWriter(1)
    shape_of = m.add("Shape", "tokens")
    batch = m.add("Gather", shape_of, m.constant(np.int64(0)), axis=0)
    tokens = m.add("Slice", shape_of, m.integers(1), m.integers(2))
    half = m.add("Div", tokens, m.integers(2))
    q, k, v = (m.add("MatMul", "tokens", m.weights(8, 8)) for _ in range(3))
    heads = m.add("Concat", m.add("Unsqueeze", batch, m.integers(0)), tokens, m.integers(2, 4), axis=0)
    q, k, v = (m.add("Transpose", m.add("Reshape", x, heads), perm=[0, 2, 1, 3]) for x in (q, k, v))
    scores = m.add("MatMul", q, m.add("Transpose", k, perm=[0, 1, 3, 2]))
    scores = m.add("Softmax", m.add("Mul", scores, m.constant(np.float32(0.5))), axis=-1)
    mixed = m.add("Transpose", m.add("MatMul", scores, v), perm=[0, 2, 1, 3])
    x = m.add("Add", "tokens", m.add("Reshape", mixed, m.integers(0, 0, 8)))
    x = m.add("LayerNormalization", x, m.constant(np.ones(8, np.float32)), m.constant(np.zeros(8, np.float32)), axis=-1)
    longer = m.add("Equal", half, m.integers(3))
    x = m.add("If", longer, then_branch=_branch(x, "Relu"), else_branch=_branch(x, "Tanh"))
    x = m.add("Unsqueeze", x, m.integers(1))
    x = m.add("Resize", x, "", m.constant(np.array([1, 1, 2, 2], np.float32)), mode="nearest", nearest_mode="floor")
    x = m.add("Gather", x, m.constant(np.array([0, 2, 4], np.int64)), axis=2)
    x = m.add("ReduceMean", m.add("Where", m.constant(np.array([True])), x, x), axes=[2], keepdims=0)
    table = m.add("ConstantOfShape", m.integers(16), value=numpy_helper.from_array(np.array([0.5], np.float32)))
    first = m.add("Split", m.add("Mul", x, table), m.integers(6, 10), outputs=2, axis=-1)
    return m.build({"tokens": shape}, [first, f"{first}_1"])


def _branch(x: str, op: str) -> onnx.GraphProto:
    node = helper.make_node(op, [x], ["y"])
    return helper.make_graph([node], op, [], [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])


class QdqWriter(OnnxWriter):
    """With quantizers, as exporters of quantized models write them."""

    def rounded(self, x: str, scale: float, zero: int) -> str:
        """A value in int8 and back."""
        parameters = self.constant(np.float32(scale)), self.constant(np.int8(zero))
        return self.add("DequantizeLinear", self.add("QuantizeLinear", x, *parameters), *parameters)

    def kernel(self, *shape: int) -> str:
        """Weights, quantized per channel."""
        integers = self.constant(self.rng.integers(-127, 128, shape).astype(np.int8))
        scales = self.constant(self.rng.uniform(0.002, 0.005, shape[0]).astype(np.float32))
        zeros = self.constant(np.zeros(shape[0], np.int8))
        return self.add("DequantizeLinear", integers, scales, zeros, axis=0)


def qdq(shape: Sequence[int | str] = (1, 3, 8, 8), *, softmax: bool = False) -> bytes:
    """A model with quantizers around every layer."""
    m = QdqWriter(2)
    x = m.rounded("image", 0.02, -5)
    a = m.add("Relu", m.add("Conv", x, m.kernel(4, 3, 3, 3), pads=[1, 1, 1, 1], name="first"))
    a = m.rounded(a, 0.05, -128)
    b = m.rounded(m.add("MaxPool", a, kernel_shape=[2, 2], strides=[2, 2]), 0.05, -128)
    c = m.add("Reshape", b, m.integers(1, -1))
    bias = m.constant(np.zeros(5, np.float32))
    d = m.rounded(m.add("Gemm", c, m.kernel(5, 64), bias, transB=1, name="last"), 0.1, 3)
    return m.build({"image": shape}, [m.add("Softmax", d, axis=-1) if softmax else d])


def feature_map() -> bytes:
    """An image in, and an image with other channels out, both in NCHW."""
    m = QdqWriter(4)
    x = m.rounded("image", 0.02, -5)
    y = m.add("Conv", x, m.kernel(4, 3, 3, 3), pads=[1, 1, 1, 1])
    return m.build({"image": (1, 3, 6, 5)}, [m.rounded(y, 0.05, 7)])


def qlinear(shape: Sequence[int | str] = (1, 3, 8, 8)) -> bytes:
    """The same kind of model in operators on integers, uint8 as most runtimes have it."""
    m = OnnxWriter(3)
    scale = [m.constant(np.float32(s)) for s in (0.02, 0.05, 0.1)]
    zero = [m.constant(np.uint8(z)) for z in (123, 3, 128)]
    x = m.add("QuantizeLinear", "image", scale[0], zero[0])
    weights = m.constant(m.rng.integers(-127, 128, (4, 3, 3, 3)).astype(np.int8))
    bias = m.constant(m.rng.integers(-500, 500, 4).astype(np.int32))
    per_channel = m.constant(np.full(4, 0.004, np.float32)), m.constant(np.zeros(4, np.int8))
    convolved = [x, scale[0], zero[0], weights, *per_channel, scale[1], zero[1], bias]
    a = m.add("QLinearConv", *convolved, pads=[1, 1, 1, 1], name="first")
    a = m.add("MaxPool", a, kernel_shape=[2, 2], strides=[2, 2])
    a = m.add("Reshape", a, m.integers(1, -1))
    weights = m.constant(m.rng.integers(-127, 128, (64, 5)).astype(np.int8))
    one = m.constant(np.float32(0.003)), m.constant(np.int8(0))
    b = m.add("QLinearMatMul", a, scale[1], zero[1], weights, *one, scale[2], zero[2], name="last")
    b = m.add("QLinearAdd", b, scale[2], zero[2], b, scale[2], zero[2], scale[2], zero[2], domain="com.microsoft")
    return m.build({"image": shape}, [m.add("DequantizeLinear", b, scale[2], zero[2])])


SEEDS = {
    "convolutions": convolutions,
    "attention": attention,
    "qdq": qdq,
    "qlinear": qlinear,
    "open": lambda: convolutions(("batch", 3, "height", 8)),
}
"""What the importer is fuzzed with."""
