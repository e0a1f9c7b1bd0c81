"""Layers with constant weights as products of matrices, which is what rounding their weights is about.

    outputs[g] = patches[g] @ matrix[g].T + bias        for each group g

A dense layer or a plain convolution is one group, a depthwise convolution one group per input channel. The rows of
`patches` are all that the kernel ever meets: one row per sample and output position (im2col).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeq.ir import Graph, Node, Shape
from edgeq.ir.graph import Array
from edgeq.ops.conv2d import Conv2dAttrs, DepthwiseConv2dAttrs
from edgeq.ops.dense import DenseAttrs
from edgeq.ops.transpose_conv2d import TransposeConv2dAttrs
from edgeq.ops.windows import windows

_WEIGHTED = (Conv2dAttrs, DepthwiseConv2dAttrs, DenseAttrs, TransposeConv2dAttrs)

_BLOCK = 1 << 22
"""Elements of the patches that exist at one time."""


@dataclass(frozen=True)
class Layer:
    """The weighted sums of one node.

    Attributes:
        attrs: of the node.
        shape: of its weights.
        channels: of its input.
    """

    attrs: Any
    shape: Shape
    channels: int

    @property
    def axis(self) -> int:
        """The dimension of the weights that output channels, and their scales, run along."""
        return 3 if isinstance(self.attrs, DepthwiseConv2dAttrs) else 0

    @property
    def groups(self) -> int:
        """Number of independent matrices."""
        if isinstance(self.attrs, DepthwiseConv2dAttrs):
            return self.channels
        return self.attrs.groups if isinstance(self.attrs, Conv2dAttrs) else 1

    @property
    def matrix_shape(self) -> tuple[int, int, int]:
        """`groups, out, in` of the matrix."""
        out = self.shape[self.axis]
        return self.groups, out // self.groups, math.prod(self.shape) // out

    def matrix(self, weights: Array) -> Array:
        """Weights as `[groups, out, in]`; group by group, `out` counts the output channels in their order."""
        if isinstance(self.attrs, DepthwiseConv2dAttrs):
            return weights.reshape(-1, self.groups, self.shape[3] // self.groups).transpose(1, 2, 0)
        return weights.reshape(self.groups, self.shape[0] // self.groups, -1)

    def weights(self, matrix: Array) -> Array:
        """The inverse of `matrix`."""
        if isinstance(self.attrs, DepthwiseConv2dAttrs):
            return matrix.transpose(2, 0, 1).reshape(self.shape)
        return matrix.reshape(self.shape)

    def patches(self, x: Array) -> Iterator[Array]:
        """What the weights are multiplied with, `[groups, rows, in]`, in blocks of bounded size.

        Args:
            x: a batch of the node's inputs, of any number of samples.
        """
        taps = self._taps(x)
        images = max(1, _BLOCK // taps[0].size)
        lines = max(1, _BLOCK // taps[0, 0].size)
        for first in range(0, taps.shape[0], images):
            for top in range(0, taps.shape[1], lines):
                block = taps[first : first + images, top : top + lines]
                split = block.reshape(-1, *self._kernel, self.groups, self.channels // self.groups)
                yield split.transpose(3, 0, 1, 2, 4).reshape(self.groups, len(split), -1)

    @property
    def _kernel(self) -> tuple[int, int]:
        return (1, 1) if isinstance(self.attrs, DenseAttrs) else (self.shape[1], self.shape[2])

    def _taps(self, x: Array) -> Array:
        """A view `[batch, out_h, out_w, kernel_h, kernel_w, channels]`."""
        attrs = self.attrs
        if isinstance(attrs, DenseAttrs):
            return x.reshape(-1, 1, 1, 1, 1, self.channels)
        if isinstance(attrs, TransposeConv2dAttrs):
            return windows(self._spread(x, attrs), self._kernel, (1, 1), (0, 0, 0, 0))[..., ::-1, ::-1, :]
        return windows(x, self._kernel, attrs.stride, attrs.padding, dilation=attrs.dilation)

    def _spread(self, x: Array, attrs: TransposeConv2dAttrs) -> Array:
        """The input of a transposed convolution with zeros between, so that each output is a window over it.

        The window is as large as the kernel, and meets its taps from the last to the first.
        """
        spread = np.zeros((len(x), *(n + k - 1 for n, k in zip(attrs.size, self._kernel, strict=True)), x.shape[3]))
        geometry = zip(x.shape[1:3], attrs.stride, self._kernel, attrs.padding, strict=True)
        rows, columns = (np.arange(n) * stride + k - 1 - pad for n, stride, k, pad in geometry)
        ys, xs = np.flatnonzero(rows >= 0), np.flatnonzero(columns >= 0)
        spread[:, rows[ys][:, None], columns[xs]] = x[:, ys[:, None], xs]
        return spread


def layer_of(graph: Graph, node: Node) -> Layer | None:
    """The layer that a node is; None where it has no weights, or computes them at run time."""
    if not isinstance(node.attrs, _WEIGHTED) or node.inputs[1] not in graph.constants:
        return None
    return Layer(node.attrs, graph.types[node.inputs[1]].shape, graph.types[node.inputs[0]].shape[-1])
