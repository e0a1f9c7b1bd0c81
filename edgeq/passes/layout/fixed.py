"""Values that are constants, or constants behind `dequantize` and `transpose`: they come in every layout at no cost."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from edgeq.ir import Graph, Node, TensorType
from edgeq.ir.graph import Array
from edgeq.ops.transpose import TransposeAttrs
from edgeq.passes.layout.order import Layout


@dataclass(frozen=True)
class Fixed:
    """What a value is made of.

    Attributes:
        constant: the constant that it comes from.
        array: its content, in the order of the value.
        type: its type, in that order.
        dequantize: the node that makes reals of it; None where the value is the constant itself.
    """

    constant: str
    array: Array
    type: TensorType
    dequantize: Node | None = None

    def in_layout(self, layout: Layout) -> "Fixed":
        """The same, stored in a layout."""
        type_ = layout.type(self.type)
        assert type_ is not None
        array = self.array if layout.is_plain else layout.apply(self.array)
        return replace(self, array=array, type=type_)

    @property
    def has_free_columns(self) -> bool:
        """Whether the elements of the last dimension may change places: no scales run along it."""
        quant = self.type.quant
        return quant is None or quant.axis != len(self.type.shape) - 1


def fixed_values(graph: Graph) -> Mapping[str, Fixed]:
    """All of them."""
    found = {name: Fixed(name, array, graph.types[name]) for name, array in graph.constants.items()}
    for node in graph.nodes:
        inner = found.get(node.inputs[0]) if node.inputs else None
        if inner is None:
            continue
        if isinstance(node.attrs, TransposeAttrs):
            found[node.outputs[0]] = inner.in_layout(Layout(node.attrs.perm))
        elif node.op == "dequantize" and len(node.inputs) == 1:
            found[node.outputs[0]] = replace(inner, dequantize=node)
    return found
