"""Resized images: up and down, corners aligned, half-pixel centres."""

import numpy as np
from hypothesis import strategies as st
from tflite_writer import TfliteWriter

from cases.case import Case, random_s8, scales, seeds, zero_points


@st.composite
def _resize(draw: st.DrawFn, name: str, modes: list[tuple[bool, bool]]) -> Case:
    batch, channels = draw(st.integers(1, 2)), draw(st.integers(1, 5))
    size = draw(st.tuples(st.integers(1, 12), st.integers(1, 12)))
    # Up to 44 pixels from one: beyond, TFLite's rounded bilinear scale reads behind the image.
    new_size = draw(st.tuples(st.integers(1, 30), st.integers(1, 44)))
    align_corners, half_pixel_centers = draw(st.sampled_from(modes))
    scale, zero = draw(scales), draw(zero_points)
    m = TfliteWriter()
    x = m.tensor((batch, *size, channels), scale=scale, zero_point=zero)
    y = m.tensor((batch, *new_size, channels), scale=scale, zero_point=zero)
    m.operator(
        name,
        [x, m.constant(np.array(new_size, np.int32))],
        [y],
        "ResizeBilinearOptions" if name == "RESIZE_BILINEAR" else "ResizeNearestNeighborOptions",
        alignCorners=align_corners,
        halfPixelCenters=half_pixel_centers,
    )
    rng = np.random.default_rng(draw(seeds))
    return Case(m.build([x], [y]), (random_s8(rng, (batch, *size, channels)),))


_MODES = [(False, False), (True, False), (False, True)]

CASES = {
    "RESIZE_BILINEAR": _resize("RESIZE_BILINEAR", _MODES),
    "RESIZE_NEAREST_NEIGHBOR": _resize("RESIZE_NEAREST_NEIGHBOR", [*_MODES, (True, True)]),
}
