"""Blocks of an image that go into channels or into the batch, and back."""

from typing import Any

import numpy as np
from hypothesis import strategies as st
from tflite_writer import TfliteWriter

from cases.case import Case, seeds
from cases.elements import F32, S8, S32, S64, Elements, Shape, elements

_sizes = st.integers(1, 3)


def _model(
    draw: st.DrawFn, name: str, kind: Elements, shapes: tuple[Shape, Shape], extra: list[Any], **fields: Any
) -> Case:
    shape, output = shapes
    m = TfliteWriter()
    x = kind.tensor(m, shape)
    constants = [m.constant(c) for c in extra]
    y = kind.tensor(m, output)
    options = {"SPACE_TO_DEPTH": ["SpaceToDepthOptions"], "DEPTH_TO_SPACE": ["DepthToSpaceOptions"]}.get(name, [])
    m.operator(name, [x, *constants], [y], *options, **fields)
    rng = np.random.default_rng(draw(seeds))
    return Case(m.build([x], [y]), (kind.random(rng, shape),), kind.oracle)


@st.composite
def depth(draw: st.DrawFn, name: str) -> Case:
    n, h, w, c, block = draw(_sizes), draw(_sizes), draw(_sizes), draw(_sizes), draw(_sizes)
    space = (n, h * block, w * block, c)
    depth_ = (n, h, w, c * block * block)
    kind = draw(elements(4, tflm=(S8, F32), litert=(S32, S64)))
    shapes = (space, depth_) if name == "SPACE_TO_DEPTH" else (depth_, space)
    return _model(draw, name, kind, shapes, [], blockSize=block)


@st.composite
def batch(draw: st.DrawFn, name: str) -> Case:
    """Rank 3 with one blocked dimension, rank 4 with two: what either runtime takes.

    TFLM pads with a byte that it never initializes, so that LiteRT has to say what is right there.
    """
    spatial = draw(st.integers(1, 2))
    n, c = draw(_sizes), draw(_sizes)
    counts, blocks = [draw(_sizes) for _ in range(spatial)], [draw(_sizes) for _ in range(spatial)]
    wholes = [k * b for k, b in zip(counts, blocks, strict=True)]
    edges = []
    for whole in wholes:
        before = draw(st.integers(0, whole - 1))
        edges.append((before, draw(st.integers(0, whole - 1 - before))))
    space = (n, *(w - b - a for w, (b, a) in zip(wholes, edges, strict=True)), c)
    blocked = (n * int(np.prod(blocks)), *counts, c)
    padded = name == "SPACE_TO_BATCH_ND" and np.any(edges)
    kind = draw(elements(spatial + 2, tflm=() if padded else (S8, F32), litert=(S8, F32, S32, S64)))
    shapes = (space, blocked) if name == "SPACE_TO_BATCH_ND" else (blocked, space)
    return _model(draw, name, kind, shapes, [np.array(blocks, np.int32), np.array(edges, np.int32)])


CASES = {
    "BATCH_TO_SPACE_ND": batch("BATCH_TO_SPACE_ND"),
    "DEPTH_TO_SPACE": depth("DEPTH_TO_SPACE"),
    "SPACE_TO_BATCH_ND": batch("SPACE_TO_BATCH_ND"),
    "SPACE_TO_DEPTH": depth("SPACE_TO_DEPTH"),
}
