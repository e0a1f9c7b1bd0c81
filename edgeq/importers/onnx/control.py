"""Converters for constants, for what is known of shapes, for branches, and for operators that compute nothing."""

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import TensorProto, helper

from edgeq.errors import Refusal
from edgeq.importers.onnx.builder import Converter, OpContext
from edgeq.importers.onnx.conversion import convert_nodes
from edgeq.importers.onnx.file import read_initializers
from edgeq.importers.onnx.quantize import real_integers
from edgeq.ir import DType


def _constant(op: OpContext) -> None:
    if op.has_attribute("value"):
        op.fold(op.tensor_attr("value"))
    elif op.has_attribute("value_float"):
        op.fold(np.array(op.float_attr("value_float"), np.float32))
    elif op.has_attribute("value_floats"):
        op.fold(np.array(op.floats_attr("value_floats"), np.float32))
    elif op.has_attribute("value_int"):
        op.fold(np.array(op.int_attr("value_int"), np.int64))
    elif op.has_attribute("value_ints"):
        op.fold(np.array(op.ints_attr("value_ints"), np.int64))
    else:
        found = ", ".join(a.name for a in op.node.attribute) or "none"
        raise Refusal(f"has the attribute {found}; accepted: value, value_float, value_floats, value_int, value_ints")


def _shape(op: OpContext) -> None:
    shape = op.type(0).shape
    end = op.int_attr("end") if op.has_attribute("end") else None
    op.fold(np.array(shape[op.int_attr("start", 0) : end], np.int64))


def _size(op: OpContext) -> None:
    op.fold(np.array(op.type(0).size, np.int64))


def _identity(op: OpContext) -> None:
    op.output(op.required(0))


def _dropout(op: OpContext) -> None:
    """Nothing is dropped at inference; the mask is all true."""
    ratio = op.scalar(1, "the ratio") if op.has(1) else 0.5
    if op.has(2) and op.scalar(2, "the training mode") and ratio:
        raise Refusal("drops elements at random, for training; accepted: training_mode 0")
    op.output(op.required(0))
    op.fold(np.broadcast_to(np.array(True), op.type(0).shape), 1)


_REALS = frozenset({TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE})
_INTEGERS: dict[int, DType] = {TensorProto.INT32: DType.S32, TensorProto.INT64: DType.S64}


def _cast(op: OpContext) -> None:
    _cast_to(op, op.int_attr("to"))


def _cast_like(op: OpContext) -> None:
    if op.is_constant(1):
        _cast_to(op, helper.np_dtype_to_tensor_dtype(op.constant(1, "the type").dtype))
    else:
        like = op.type(1)
        if like.quant is not None or not like.dtype.is_float:
            raise Refusal(f"casts to the type of {like}; accepted: floats")
        _cast_to(op, TensorProto.FLOAT)


def _cast_to(op: OpContext, wanted: int) -> None:
    """Floats are float32 whatever their width; bytes become the reals that they count."""
    x, value = op.type(0), op.required(0)
    if wanted in _REALS and x.dtype.is_float:
        op.output(value)
    elif wanted in _REALS and x.dtype in (DType.S8, DType.U8) and x.quant is None:
        op.output(real_integers(op, value))
    elif wanted in _INTEGERS and x.dtype in (DType.S32, DType.S64):
        op.output(_other_width(op, value, _INTEGERS[wanted]))
    else:
        name = TensorProto.DataType.Name(wanted) if wanted in TensorProto.DataType.values() else str(wanted)
        raise Refusal(f"casts {x} to {name} at run time; accepted: between floats, from bytes to floats, of indices")


def _other_width(op: OpContext, value: str, dtype: DType) -> str:
    """The same indices in another integer type: their op writes them so. Those of an input keep their type."""
    builder, node = op.builder, op.builder.producer(value)
    if builder.types[value].dtype is dtype or node is None or node.op not in ("arg_max", "arg_min", "reshape"):
        return value
    inputs = [_other_width(op, v, dtype) if node.op == "reshape" else v for v in node.inputs]
    return builder.add_node(node.op, inputs, node.attrs, node.source, dtype, None)


def _if(op: OpContext) -> None:
    """The branch that a constant condition chooses takes the node's place."""
    taken = bool(op.scalar(0, "the condition"))
    branch = op.graph_attr("then_branch" if taken else "else_branch")
    if len(branch.output) != len(op.node.output):
        raise Refusal(f"{len(op.node.output)} outputs of a branch of {len(branch.output)}")
    prefix = next((name for name in op.node.output if name), "if")
    branch = _renamed(branch, _own_names(branch, prefix))
    builder = op.builder
    for name, array in read_initializers(branch, builder.file.where, None):
        builder.bind_constant(name, array)
    convert_nodes(builder, branch.node)
    for name, output in zip(op.node.output, branch.output, strict=True):
        if name and output.name in builder.unknown:
            builder.unknown.add(name)
        elif name:
            builder.alias(name, output.name)


def _own_names(branch: onnx.GraphProto, prefix: str) -> dict[str, str]:
    """New names for what a branch defines, as two branches may use the same ones."""
    defined = [tensor.name for tensor in branch.initializer]
    defined += [name for node in branch.node for name in node.output if name]
    return {name: f"{prefix}/{name}" for name in defined}


def _renamed(graph: onnx.GraphProto, names: Mapping[str, str]) -> onnx.GraphProto:
    """A copy in which these values have other names, also where subgraphs read them."""
    copy = onnx.GraphProto()
    copy.CopyFrom(graph)
    for item in (*copy.initializer, *copy.output):
        item.name = names.get(item.name, item.name)
    for node in copy.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                attribute.g.CopyFrom(_renamed(attribute.g, names))
    return copy


CONVERTERS = {
    "Cast": Converter(_cast, (), "between floats; from bytes at inputs to floats; between int32 and int64"),
    "CastLike": Converter(_cast_like, (), "as Cast"),
    "Constant": Converter(_constant, (), "dense numbers"),
    "Dropout": Converter(_dropout, (), "not in training mode"),
    "Identity": Converter(_identity, ()),
    "If": Converter(_if, (), "constant condition"),
    "Shape": Converter(_shape, ()),
    "Size": Converter(_size, ()),
}
