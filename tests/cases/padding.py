"""Borders around tensors of every rank, on every side."""

from typing import Any

import numpy as np
from hypothesis import strategies as st
from tflite_writer import TfliteWriter

from cases.case import Case, seeds
from cases.elements import F32, S8, S16, S32, S64, Elements, Shape, elements, shapes


def _model(draw: st.DrawFn, name: str, kind: Elements, shape: Shape, pads: Any, *options: str, **fields: Any) -> Case:
    rng = np.random.default_rng(draw(seeds))
    m = TfliteWriter()
    x = kind.tensor(m, shape)
    wide = kind.oracle != "tflm" and draw(st.booleans())
    operands = [x, m.constant(np.array(pads, np.int64 if wide else np.int32).reshape(-1, 2))]
    if name == "PADV2":
        operands.append(kind.constant(m, kind.random(rng, draw(st.sampled_from([(), (1,)])))))
    y = kind.tensor(m, tuple(n + b + a for n, (b, a) in zip(shape, pads, strict=True)))
    m.operator(name, operands, [y], *options, **fields)
    return Case(m.build([x], [y]), (kind.random(rng, shape),), kind.oracle)


@st.composite
def pad(draw: st.DrawFn, name: str) -> Case:
    shape = draw(shapes(1, 6, 4))
    pads = [(draw(st.integers(0, 3)), draw(st.integers(0, 3))) if draw(st.booleans()) else (0, 0) for _ in shape]
    kind = draw(elements(len(shape), tflm=(S8, S16, S32, F32), tflm_rank=5, litert=(S64,), litert_rank=5))
    return _model(draw, name, kind, shape, pads)


@st.composite
def mirror_pad(draw: st.DrawFn) -> Case:
    shape = draw(shapes(1, 5, 4))
    mode = draw(st.integers(0, 1))
    limits = [n - 1 if mode == 0 else n for n in shape]
    pads = [(draw(st.integers(0, n)), draw(st.integers(0, n))) if draw(st.booleans()) else (0, 0) for n in limits]
    kind = draw(elements(len(shape), tflm=(S8, F32), litert=(S16, S32, S64)))
    return _model(draw, "MIRROR_PAD", kind, shape, pads, "MirrorPadOptions", mode=mode)


CASES = {"MIRROR_PAD": mirror_pad(), "PAD": pad("PAD"), "PADV2": pad("PADV2")}
