"""Holds nodes against ONNX's own schemas: nothing that a node has may be passed over."""

from onnx import defs

from edgeq.errors import Refusal
from edgeq.importers.onnx.builder import OpContext


def require_signature(op: OpContext) -> None:
    """Refuse inputs, outputs and attributes that the operator does not have; what it lacks, its converter misses."""
    node = op.node
    if node.domain not in ("", "ai.onnx") or not defs.has(node.op_type, op.version, ""):
        return
    schema = defs.get_schema(node.op_type, op.version, "")
    for what, found, most in (
        ("inputs", op.arity, schema.max_input),
        ("outputs", op.results, schema.max_output),
    ):
        if found > most:
            raise Refusal(f"has {found} {what}; accepted in opset {op.version}: up to {most}")
    unknown = [a.name for a in node.attribute if a.name not in schema.attributes]
    if unknown:
        accepted = ", ".join(schema.attributes) or "none"
        raise Refusal(f"has the attribute {unknown[0]!r}; accepted in opset {op.version}: {accepted}")
