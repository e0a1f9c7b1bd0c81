"""Mutants of ONNX files: damaged bytes, and files that are whole but say something absurd."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, helper, numpy_helper

Rng = np.random.Generator

_SIZES = (0, -1, 1, 2, 3, 7, 65535, 1 << 20, (1 << 31) - 1, 1 << 31, (1 << 62) + 1, -(1 << 63))
_REALS = (0.0, -0.0, 1e-45, -1.0, 0.5, 3e38, float("inf"), float("-inf"), float("nan"))
_OPSETS = (0, 1, 6, 7, 8, 9, 10, 11, 12, 13, 18, 21, 23, 99, 1 << 40)
_OPS = (
    *("Add", "ArgMax", "AveragePool", "BatchNormalization", "Cast", "Clip", "Concat", "ConstantOfShape", "Conv"),
    *("ConvTranspose", "DepthToSpace", "DequantizeLinear", "Div", "DynamicQuantizeLinear", "Einsum", "Expand"),
    *("Flatten", "Gather", "Gemm", "GlobalMaxPool", "Identity", "If", "LSTM", "LayerNormalization", "Loop", "MatMul"),
    *("MatMulInteger", "MaxPool", "Mod", "NonMaxSuppression", "OneHot", "PRelu", "Pad", "Pow", "QLinearConv"),
    *("QuantizeLinear", "Range", "ReduceMean", "Reshape", "Resize", "Slice", "Softmax", "SpaceToDepth", "Split"),
    *("Squeeze", "Sum", "Tile", "TopK", "Transpose", "Unsqueeze", "Upsample", "Where", "NoSuchOperator", "é\x1b[2J"),
)
_LOCATIONS = ("../../etc/passwd", "/etc/passwd", "weights.bin", "/dev/zero", ".", "", "a\x00b", "..\\..\\x", "é" * 300)


def mutant(data: bytes, seed: int) -> bytes:
    """A third of the mutants have damaged bytes, the others one to three absurdities."""
    rng = np.random.default_rng(seed)
    if rng.random() < 1 / 3:
        return _BYTES[int(rng.integers(len(_BYTES)))](bytearray(data), rng)
    model = onnx.load_from_string(data)
    for _ in range(int(rng.integers(1, 4))):
        _STRUCTURES[int(rng.integers(len(_STRUCTURES)))](model, rng)
    return bytes(model.SerializeToString())


def _pick(items: Sequence[Any], rng: Rng) -> Any:
    return items[int(rng.integers(len(items)))]


# Bytes


def _truncated(data: bytearray, rng: Rng) -> bytes:
    return bytes(data[: int(rng.integers(len(data)))])


def _bit_flips(data: bytearray, rng: Rng) -> bytes:
    for _ in range(int(rng.integers(1, 9))):
        data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
    return bytes(data)


def _other_bytes(data: bytearray, rng: Rng) -> bytes:
    """Tags, lengths and numbers become extremes."""
    for _ in range(int(rng.integers(1, 5))):
        data[int(rng.integers(len(data)))] = int(_pick((0, 1, 0x7F, 0x80, 0xFF), rng))
    return bytes(data)


def _moved(data: bytearray, rng: Rng) -> bytes:
    """A stretch of the file overwrites another, or is put in or taken out."""
    size = int(rng.integers(1, 64))
    source, target = (int(i) for i in rng.integers(len(data), size=2))
    data[target : target + int(_pick((0, size), rng))] = data[source : source + int(_pick((0, size), rng))]
    return bytes(data)


_BYTES: tuple[Callable[[bytearray, Rng], bytes], ...] = (_truncated, _bit_flips, _other_bytes, _moved)


# Nodes


def _node(model: onnx.ModelProto, rng: Rng) -> onnx.NodeProto:
    if not model.graph.node:
        model.graph.node.append(helper.make_node("Relu", ["x"], ["y"]))
    return _pick(model.graph.node, rng)


def _swapped_nodes(model: onnx.ModelProto, rng: Rng) -> None:
    a, b = _node(model, rng), _node(model, rng)
    copy = onnx.NodeProto()
    copy.CopyFrom(a)
    a.CopyFrom(b)
    b.CopyFrom(copy)


def _deleted_node(model: onnx.ModelProto, rng: Rng) -> None:
    model.graph.node.remove(_node(model, rng))


def _doubled_node(model: onnx.ModelProto, rng: Rng) -> None:
    """Its outputs are defined twice, or the copy reads and makes something new."""
    copy = model.graph.node.add()
    copy.CopyFrom(_node(model, rng))
    if rng.random() < 0.5:
        copy.output[:] = [f"{name}.copy" for name in copy.output]


def _other_op(model: onnx.ModelProto, rng: Rng) -> None:
    _node(model, rng).op_type = _pick(_OPS, rng)


def _other_domain(model: onnx.ModelProto, rng: Rng) -> None:
    _node(model, rng).domain = _pick(("com.microsoft", "ai.onnx", "ai.onnx.ml", "local", "\n"), rng)


def _other_edge(model: onnx.ModelProto, rng: Rng) -> None:
    """An input becomes any other name: of what comes later (a cycle), of a constant, of nothing."""
    node = _node(model, rng)
    names = [n for other in model.graph.node for n in (*other.input, *other.output)] + ["", "nothing"]
    names += [tensor.name for tensor in model.graph.initializer]
    side = node.output if rng.random() < 0.3 and node.output else node.input
    if side:
        side[int(rng.integers(len(side)))] = _pick(names, rng)


def _other_arity(model: onnx.ModelProto, rng: Rng) -> None:
    node = _node(model, rng)
    side = _pick((node.input, node.output), rng)
    if side and rng.random() < 0.5:
        side.pop(int(rng.integers(len(side))))
    else:
        side.extend([_pick((*node.input, "", "more"), rng)] * int(_pick((1, 1, 2, 100), rng)))


def _other_attribute(model: onnx.ModelProto, rng: Rng) -> None:
    attributes = [a for node in model.graph.node for a in node.attribute]
    if attributes:
        attribute = _pick(attributes, rng)
        changes = (_other_value, _other_value, _other_kind, _other_name)
        _pick(changes, rng)(attribute, rng)


def _other_value(attribute: AttributeProto, rng: Rng) -> None:
    if attribute.ints:
        attribute.ints[int(rng.integers(len(attribute.ints)))] = _pick(_SIZES, rng)
        if rng.random() < 0.3:
            attribute.ints.extend([int(_pick(_SIZES, rng))] * int(_pick((1, 2, 50), rng)))
    elif attribute.type == AttributeProto.FLOAT:
        attribute.f = _pick(_REALS, rng)
    elif attribute.type == AttributeProto.STRING:
        attribute.s = _pick((b"", b"\xff\xfe", b"nearest", b"SAME_UPPER", b"ij,jk->ik", b"x" * 100_000), rng)
    else:
        attribute.i = _pick((*_SIZES, 4, 5, 6, 8, 10, 16), rng)


def _other_kind(attribute: AttributeProto, rng: Rng) -> None:
    attribute.type = int(_pick(AttributeProto.AttributeType.values(), rng))


def _other_name(attribute: AttributeProto, rng: Rng) -> None:
    attribute.name = _pick(("", "axis", "axes", "perm", "kernel_shape", "auto_pad", "mode", "body", "to"), rng)


def _new_attribute(model: onnx.ModelProto, rng: Rng) -> None:
    name = _pick(("axis", "axes", "perm", "kernel_shape", "group", "pads", "strides", "dilations", "keepdims"), rng)
    size = int(_pick(_SIZES, rng))
    _node(model, rng).attribute.append(helper.make_attribute(name, _pick((size, [size], [size] * 2), rng)))


def _nested(model: onnx.ModelProto, rng: Rng) -> None:
    """A branch in a branch in a branch ..., which may read what is outside."""
    name = model.graph.output[0].name if model.graph.output else "y"
    body = helper.make_graph([helper.make_node("Relu", [name], ["z"])], "g", [], [_value("z")])
    condition = numpy_helper.from_array(np.array(True), "condition")
    for depth in range(int(_pick((1, 5, 15, 25), rng))):
        other = body if depth < 5 else _EMPTY
        node = helper.make_node("If", ["condition"], [f"z{depth}"], then_branch=body, else_branch=other)
        body = helper.make_graph([node], "g", [], [_value(f"z{depth}")])
    model.graph.initializer.append(condition)
    model.graph.node.extend(body.node)


_value = helper.make_empty_tensor_value_info
_EMPTY = helper.make_graph([], "g", [], [])


def _function(model: onnx.ModelProto, rng: Rng) -> None:
    """A function of the model in the place of an operator; it may call itself."""
    node = _node(model, rng)
    called = _pick(("Local", "Relu", node.op_type), rng)
    body = helper.make_node(called, ["a"], ["b"], domain=str(_pick(("local", ""), rng)))
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    model.functions.append(helper.make_function("local", "Local", ["a"], ["b"], [body], opsets))
    model.opset_import.append(helper.make_opsetid("local", 1))
    node.domain, node.op_type = "local", "Local"


# Tensors and ports


def _tensor(model: onnx.ModelProto, rng: Rng) -> TensorProto:
    tensors = [*model.graph.initializer]
    tensors += [a.t for n in model.graph.node for a in n.attribute if a.type == AttributeProto.TENSOR]
    if not tensors:
        tensors.append(model.graph.initializer.add(name="added", data_type=1, dims=[1], float_data=[1.0]))
    return _pick(tensors, rng)


def _other_dims(model: onnx.ModelProto, rng: Rng) -> None:
    dims = _tensor(model, rng).dims
    if dims and rng.random() < 0.7:
        dims[int(rng.integers(len(dims)))] = _pick(_SIZES, rng)
    else:
        dims.extend([int(_pick(_SIZES, rng))] * int(_pick((1, 1, 2, 40), rng)))


def _other_elements(model: onnx.ModelProto, rng: Rng) -> None:
    _tensor(model, rng).data_type = int(_pick((*TensorProto.DataType.values(), 99), rng))


def _other_contents(model: onnx.ModelProto, rng: Rng) -> None:
    """Values of the right type and number: extremes among them."""
    tensor = _tensor(model, rng)
    try:
        array = numpy_helper.to_array(tensor).copy()
    except Exception:  # noqa: BLE001 - another absurdity came before
        return
    if array.size and array.dtype.kind in "iuf":
        extremes = _REALS if array.dtype.kind == "f" else _SIZES
        with np.errstate(all="ignore"):
            array.reshape(-1)[int(rng.integers(array.size))] = np.array(_pick(extremes, rng)).astype(array.dtype)
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))


def _other_length(model: onnx.ModelProto, rng: Rng) -> None:
    tensor = _tensor(model, rng)
    size = max(0, len(tensor.raw_data) + int(_pick((-1, 1, -4, 4, -1000, 4096), rng)))
    tensor.raw_data = (tensor.raw_data + bytes(size))[:size]


def _two_gigabytes(model: onnx.ModelProto, rng: Rng) -> None:
    tensor = _tensor(model, rng)
    tensor.dims[:] = _pick(([1 << 29], [1 << 15, 1 << 14], [1 << 20, 1 << 20, 1 << 30]), rng)


def _external(model: onnx.ModelProto, rng: Rng) -> None:
    tensor = _tensor(model, rng)
    tensor.data_location = TensorProto.EXTERNAL
    places = {"location": _pick(_LOCATIONS, rng), "offset": str(_pick(_SIZES, rng)), "length": str(_pick(_SIZES, rng))}
    for key in rng.choice(list(places), 2, replace=False):
        tensor.external_data.add(key=str(key), value=places[str(key)])


def _lost_initializer(model: onnx.ModelProto, rng: Rng) -> None:
    if model.graph.initializer:
        del model.graph.initializer[int(rng.integers(len(model.graph.initializer)))]


def _renamed_initializer(model: onnx.ModelProto, rng: Rng) -> None:
    names = [n.name for n in (*model.graph.initializer, *model.graph.input, *model.graph.output)] + ["", "x" * 100_000]
    _tensor(model, rng).name = _pick(names, rng)


def _sparse(model: onnx.ModelProto, rng: Rng) -> None:
    del rng
    model.graph.sparse_initializer.add()


def _other_port(model: onnx.ModelProto, rng: Rng) -> None:
    ports = [*model.graph.input, *model.graph.output]
    if not ports:
        return
    port = _pick(ports, rng)
    tensor = port.type.tensor_type
    match int(rng.integers(6)):
        case 0:
            tensor.elem_type = int(_pick((*TensorProto.DataType.values(), 99), rng))
        case 1:
            tensor.shape.dim.add(dim_value=int(_pick(_SIZES, rng)))
        case 2:
            port.name = _pick(("", "nothing", *(n for node in model.graph.node for n in node.output)), rng)
        case 3:
            port.type.Clear()
        case 4:
            _pick((model.graph.input, model.graph.output), rng).add().CopyFrom(port)
        case _ if tensor.shape.dim:
            _pick(tensor.shape.dim, rng).dim_value = int(_pick(_SIZES, rng))


def _lost_ports(model: onnx.ModelProto, rng: Rng) -> None:
    side = _pick((model.graph.input, model.graph.output), rng)
    del side[:]


def _other_opset(model: onnx.ModelProto, rng: Rng) -> None:
    if model.opset_import:
        _pick(model.opset_import, rng).version = int(_pick(_OPSETS, rng))
    if rng.random() < 0.1:
        del model.opset_import[:]


_STRUCTURES: tuple[Callable[[onnx.ModelProto, Rng], None], ...] = (
    *(_swapped_nodes, _deleted_node, _doubled_node, _other_op, _other_op, _other_domain, _other_edge, _other_edge),
    *(_other_arity, _other_attribute, _other_attribute, _other_attribute, _new_attribute, _nested, _function),
    *(_other_dims, _other_dims, _other_elements, _other_contents, _other_contents, _other_contents, _other_length),
    *(_two_gigabytes, _external, _lost_initializer, _renamed_initializer, _sparse, _other_port, _other_port),
    *(_lost_ports, _other_opset),
)
