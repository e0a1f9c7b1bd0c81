"""Kernels that change height and width of images."""

from edgeq.kernels.kernel import Kernel
from edgeq.kernels.overlap import interpolated, repeated
from edgeq.ops.resize import ResizeBilinearParams, ResizeNearestParams

KERNELS = (
    Kernel(
        name="edgeq_resize_bilinear_s8",
        family="resize",
        ops=("resize_bilinear",),
        params=ResizeBilinearParams,
        inputs=("s8",),
        outputs=("s8",),
        overlap=interpolated("s8"),
    ),
    Kernel(
        name="edgeq_resize_bilinear_s16",
        family="resize",
        ops=("resize_bilinear",),
        params=ResizeBilinearParams,
        inputs=("s16",),
        outputs=("s16",),
        overlap=interpolated("s16"),
    ),
    Kernel(
        name="edgeq_resize_nearest_x8",
        family="resize",
        ops=("resize_nearest",),
        params=ResizeNearestParams,
        inputs=("x8",),
        outputs=("x8",),
        overlap=repeated,
    ),
)
