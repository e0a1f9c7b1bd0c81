"""What depends on constants only is computed at import, by ONNX's own reference implementation."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import helper, shape_inference
from onnx.reference import ReferenceEvaluator

from edgeq.errors import Refusal
from edgeq.importers.onnx.builder import OpContext
from edgeq.ir.graph import Array

_LARGEST = 1 << 24
"""Elements of one folded value; more cannot be the weights of a model for a microcontroller."""

_KEPT = frozenset({"DequantizeLinear", "If", "Loop", "Scan", "Constant", "DynamicQuantizeLinear"})
"""Not folded: the integers behind a DequantizeLinear are what the model was quantized to; subgraphs have converters."""

_RANDOM = frozenset(
    {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial", "Bernoulli"}
)


def fold(op: OpContext) -> bool:
    """Compute a node whose inputs are all constant and bind its outputs; whether that was done.

    Raises:
        Refusal: where the reference cannot compute it, or the result would be too large.
    """
    node = op.node
    if node.op_type in _KEPT or node.domain not in ("", "ai.onnx") or op.arity == 0:
        return False
    if not all(op.is_constant(i) for i in range(op.arity) if op.has(i)):
        return False
    if node.op_type in _RANDOM:
        raise Refusal("makes random numbers; accepted: what is the same in every run")
    arrays = {name: op.builder.arrays[name] for name in node.input if name}
    _require_small(op, arrays)
    for index, result in enumerate(_compute(op, arrays)):
        if not isinstance(result, np.ndarray | np.generic):
            raise Refusal(f"the constant result is a {type(result).__name__}; accepted: tensors")
        op.fold(np.asarray(result), index)
    return True


def _compute(op: OpContext, arrays: Mapping[str, Array]) -> Sequence[object]:
    graph = helper.make_graph(
        [op.node],
        "constant",
        [helper.make_tensor_value_info(name, _elem_type(a), a.shape) for name, a in arrays.items()],
        [helper.make_empty_tensor_value_info(name) for name in op.node.output if name],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", max(1, op.version))])
    try:
        with np.errstate(all="ignore"):
            results = list(ReferenceEvaluator(model).run(None, dict(arrays)))
    except Exception as error:  # the reference raises whatever NumPy raises
        raise Refusal(f"cannot be computed from its constants ({type(error).__name__}: {error})") from error
    named = iter(results)
    return [next(named) if name else np.zeros(0) for name in op.node.output]


def _elem_type(array: Array) -> int:
    return helper.np_dtype_to_tensor_dtype(array.dtype)


def _require_small(op: OpContext, arrays: Mapping[str, Array]) -> None:
    """A broken shape could ask for any amount of memory; the sizes are inferred before anything is computed."""
    try:
        schema = onnx.defs.get_schema(op.node.op_type, op.version, "")
        types = {n: helper.make_tensor_type_proto(_elem_type(a), a.shape) for n, a in arrays.items()}
        small = {n: onnx.numpy_helper.from_array(a, n) for n, a in arrays.items() if a.size <= 64}
        inferred = shape_inference.infer_node_outputs(
            schema, op.node, types, small, opset_imports=[helper.make_opsetid("", op.version)]
        )
    except Exception as error:  # the same
        raise Refusal(f"is not a valid {op.node.op_type} of opset {op.version} ({error})") from error
    for type_ in inferred.values():
        dims = [d.dim_value for d in type_.tensor_type.shape.dim]
        if math.prod(dims) > _LARGEST:
            raise Refusal(f"a constant of {math.prod(dims)} elements; accepted: up to {_LARGEST}")
