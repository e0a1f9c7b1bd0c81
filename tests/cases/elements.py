"""Tensors of any element type, for operators that move elements without looking at them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from tflite_writer import TfliteWriter

from cases.case import random_s8, scales, zero_points

Shape = tuple[int, ...]

S8, S16, S32, S64, F32, BOOL = (np.dtype(t) for t in (np.int8, np.int16, np.int32, np.int64, np.float32, np.bool_))


@dataclass(frozen=True)
class Elements:
    """An element type; int8 has a scale and zero point, the others have none.

    Attributes:
        oracle: the runtime that moves such elements in the operator at hand.
    """

    dtype: Any
    oracle: str
    quant: dict[str, Any]

    def tensor(self, m: TfliteWriter, shape: Shape) -> int:
        return m.tensor(shape, self.dtype, **self.quant)

    def constant(self, m: TfliteWriter, array: Any) -> int:
        return m.constant(array, **self.quant)

    def random(self, rng: np.random.Generator, shape: Shape) -> Any:
        if self.dtype == S8:
            return random_s8(rng, shape)
        if self.dtype == F32:
            return np.asarray(rng.standard_normal(shape), np.float32)
        if self.dtype == BOOL:
            return np.asarray(rng.random(shape) < 0.5)
        info = np.iinfo(self.dtype)
        return np.asarray(rng.integers(info.min, info.max, shape, dtype=self.dtype, endpoint=True))


@st.composite
def elements(
    draw: st.DrawFn,
    rank: int,
    *,
    tflm: Sequence[Any] = (S8, F32),
    tflm_rank: int = 8,
    litert: Sequence[Any] = (S32, S64),
    litert_rank: int = 8,
) -> Elements:
    """An element type, int8 more often than not, and the oracle that takes it in tensors of this rank."""
    dtype = draw(st.sampled_from([S8, S8, S8, *dict.fromkeys((*tflm, *litert))]))
    quant = {"scale": draw(scales), "zero_point": draw(zero_points)} if dtype == S8 else {}
    if dtype in tflm and rank <= tflm_rank:
        return Elements(dtype, "tflm", quant)
    fits = rank <= litert_rank and (dtype in litert or dtype in (S8, F32))
    return Elements(dtype, "litert" if fits else "", quant)


@st.composite
def shapes(draw: st.DrawFn, min_rank: int = 1, max_rank: int = 6, largest: int = 5) -> Shape:
    """Shapes of every rank alike, with some sizes of 1, of up to 4096 elements."""
    rank = draw(st.sampled_from(range(min_rank, max_rank + 1)))
    shape = [draw(st.sampled_from([1, *range(2, largest + 1)])) for _ in range(rank)]
    while np.prod(shape) > 4096:
        shape[int(np.argmax(shape))] -= 1
    return tuple(shape)
