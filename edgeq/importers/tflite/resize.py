"""Converters for operators that change height and width of images."""

import tflite

from edgeq.errors import Refusal
from edgeq.importers.tflite.context import Converter, OpContext
from edgeq.ops.resize import ResizeAttrs
from edgeq.ops.windows import Pair


def _size(op: OpContext) -> Pair:
    size = op.integers(1, "the new size")
    if len(size) != 2:
        raise Refusal(f"new size {list(size)}; accepted: height and width")
    return size[0], size[1]


def _nearest(op: OpContext) -> None:
    options = op.options(tflite.ResizeNearestNeighborOptions)
    attrs = ResizeAttrs(_size(op), bool(options.AlignCorners()), bool(options.HalfPixelCenters()))
    op.emit("resize_nearest", [op.input(0)], attrs)


def _bilinear(op: OpContext) -> None:
    options = op.options(tflite.ResizeBilinearOptions)
    attrs = ResizeAttrs(_size(op), bool(options.AlignCorners()), bool(options.HalfPixelCenters()))
    if attrs.align_corners and attrs.half_pixel_centers:
        raise Refusal("align_corners together with half_pixel_centers; accepted: one of them, or none")
    op.emit("resize_bilinear", [op.input(0)], attrs)


CONVERTERS = {
    "RESIZE_BILINEAR": Converter(
        _bilinear, ("resize_bilinear",), "constant size; input and output share scale and zero point"
    ),
    "RESIZE_NEAREST_NEIGHBOR": Converter(
        _nearest, ("resize_nearest",), "constant size; input and output share scale and zero point"
    ),
}
