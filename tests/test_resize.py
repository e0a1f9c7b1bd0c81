"""Resized images: what is refused, and magnifications for which TFLite reads behind the image."""

from typing import Any

import kernel_library
import numpy as np
import pytest
from tflite_writer import TfliteWriter

from edgeq.errors import UnsupportedModelError
from edgeq.importers import import_model
from edgeq.program import build_program


def _model(
    shape: tuple[int, ...],
    size: Any,
    output: tuple[int, ...],
    *,
    name: str = "RESIZE_BILINEAR",
    scale: float = 0.5,
    **fields: bool,
) -> bytes:
    m = TfliteWriter()
    x, y = m.tensor(shape, scale=0.5), m.tensor(output, scale=scale)
    options = "ResizeBilinearOptions" if name == "RESIZE_BILINEAR" else "ResizeNearestNeighborOptions"
    m.operator(name, [x, m.constant(np.array(size, np.int32))], [y], options, **fields)
    return m.build([x], [y])


_IMAGE = (1, 2, 2, 1)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (_model((2, 2, 1), [4, 4], (4, 4, 1)), "accepted: batch, height, width, channels"),
        (_model(_IMAGE, [4, 4, 1], (1, 4, 4, 1)), r"new size \[4, 4, 1\]; accepted: height and width"),
        (_model(_IMAGE, [4, -1], (1, 4, 4, 1)), r"accepted: sizes of 1\.\.32767"),
        (_model(_IMAGE, [1, 40000], (1, 1, 40000, 1)), r"accepted: sizes of 1\.\.32767"),
        (_model(_IMAGE, [3000, 3000], (1, 3000, 3000, 1)), "accepted: outputs of up to 8388608 elements"),
        (_model(_IMAGE, [4, 4], (1, 4, 4, 1), scale=0.25), "must share scale and zero point"),
        (_model(_IMAGE, [4, 4], (1, 4, 4, 1), alignCorners=True, halfPixelCenters=True), "accepted: one of them"),
        (_model(_IMAGE, [4, 4], (1, 4, 4, 1), name="RESIZE_NEAREST_NEIGHBOR", scale=0.25), "must share scale"),
    ],
)
def test_refusals(model: bytes, message: str) -> None:
    with pytest.raises(UnsupportedModelError, match=message):
        build_program(import_model(model, "model.tflite"), "net")


@pytest.mark.parametrize("half_pixel_centers", [False, True])
def test_a_magnified_pixel_stays_itself(half_pixel_centers: bool) -> None:
    """The step from 1 to 97 pixels is rounded up to 11/1024: the last one would lie a pixel behind the image."""
    model = _model((2, 1, 1, 2), [97, 97], (2, 97, 97, 2), halfPixelCenters=half_pixel_centers)
    x = np.array([-100, 50, 7, -3], np.int8).reshape(2, 1, 1, 2)
    (found,) = kernel_library.run(build_program(import_model(model, "model.tflite"), "net"), [x])
    np.testing.assert_array_equal(found, np.broadcast_to(x, found.shape))
