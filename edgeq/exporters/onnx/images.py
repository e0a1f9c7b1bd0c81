"""Exporters of pools and of resizing."""

from collections.abc import Mapping
from typing import Any

from edgeq.errors import Refusal
from edgeq.exporters.onnx.context import Exporter, NodeContext
from edgeq.ops.windows import Padding


def pads(padding: Padding) -> list[int]:
    """As ONNX orders them: both beginnings, both ends."""
    top, bottom, left, right = padding
    return [top, left, bottom, right]


def _pool(op_type: str) -> Exporter:
    def export(op: NodeContext) -> str:
        return op.result(
            op_type,
            [op.input(0)],
            kernel_shape=op.attrs.kernel,
            strides=op.attrs.stride,
            pads=pads(op.attrs.padding),
        )

    return Exporter(export, image=True)


def _resize(mode: str) -> Exporter:
    """Nearest pixels are rounded down, between corners to the nearest, in the middle of pixels half a pixel further."""

    def export(op: NodeContext) -> str:
        align, half = op.attrs.align_corners, op.attrs.half_pixel_centers
        if align and half:
            raise Refusal("resizes with aligned corners and half pixel centers; accepted: one of both")
        batch, channels = op.shape(0)[:2]
        sizes = op.integers((batch, channels, *op.attrs.size), "sizes")
        place = "align_corners" if align else "half_pixel" if half else "asymmetric"
        rounding: dict[str, Any] = (
            {} if mode == "linear" else {"nearest_mode": "round_prefer_ceil" if align or half else "floor"}
        )
        return op.result(
            "Resize", [op.input(0), "", "", sizes], mode=mode, coordinate_transformation_mode=place, **rounding
        )

    return Exporter(export, image=True)


EXPORTERS: Mapping[str, Exporter] = {
    "avg_pool2d": _pool("AveragePool"),
    "max_pool2d": _pool("MaxPool"),
    "resize_bilinear": _resize("linear"),
    "resize_nearest": _resize("nearest"),
}
