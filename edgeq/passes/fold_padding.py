"""Makes a pad part of the convolution that reads it.

A convolution skips the taps that fall beside its image, and a pixel that holds the input's zero point, real 0,
contributes nothing to any sum. So a border of zero points around height and width may as well not be there:

    conv2d(pad(x, border), padding p)  =  conv2d(x, padding border + p)
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edgeq.errors import Refusal
from edgeq.evaluate import lower_node
from edgeq.ir import Graph, Node
from edgeq.ir.rewrite import apply_rule, drop_dead, replace_node, single_user
from edgeq.ops.conv2d import Conv2dAttrs, DepthwiseConv2dAttrs
from edgeq.ops.pad import PadAttrs, PadParams


def fold_padding(graph: Graph) -> tuple[Graph, Sequence[str]]:
    """The graph with pads in the convolutions after them, and a sentence for each of those."""
    return apply_rule(graph, _fold)


def _fold(graph: Graph, node: Node) -> tuple[Graph, str] | None:
    pad = graph.producers.get(node.inputs[0]) if node.inputs else None
    if not isinstance(node.attrs, Conv2dAttrs | DepthwiseConv2dAttrs) or pad is None:
        return None
    if not isinstance(pad.attrs, PadAttrs) or single_user(graph, pad.outputs[0]) is not node:
        return None
    before, after = pad.attrs.before, pad.attrs.after
    beside_image = (before[0], before[3], after[0], after[3])
    if any(beside_image) or not _is_zero(graph, pad):
        return None
    top, bottom, left, right = node.attrs.padding
    padding = (top + before[1], bottom + after[1], left + before[2], right + after[2])
    attrs = replace(node.attrs, padding=padding)
    folded = replace(node, attrs=attrs, inputs=(pad.inputs[0], *node.inputs[1:]))
    return drop_dead(replace_node(graph, node, folded))[0], f"folded {pad.label} into {node.label}"


def _is_zero(graph: Graph, pad: Node) -> bool:
    """Whether the border stands for 0."""
    type_ = graph.types[pad.inputs[0]]
    try:
        params = lower_node(graph, pad)
    except Refusal:
        return False
    assert isinstance(params, PadParams)
    border = params.value.view(type_.dtype.numpy)
    if type_.quant is None:
        return type_.dtype.is_float and bool(np.all(border == 0))
    return bool(np.all(border == type_.zero_point))
