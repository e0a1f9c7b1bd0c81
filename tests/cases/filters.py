"""What cases with constant weights share: scales, biases, and output scales that use the output's range."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from tflite_writer import TfliteWriter

from cases.case import random_s8, random_s16, zero_points


@dataclass(frozen=True)
class Activations:
    """The type of inputs and outputs: int8, or int16 with zero points of 0 and biases of int64."""

    dtype: Any

    @property
    def zero_points(self) -> st.SearchStrategy[int]:
        return zero_points if self.dtype == np.int8 else st.just(0)

    def random(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
        """Inputs over the whole range."""
        return random_s8(rng, shape) if self.dtype == np.int8 else random_s16(rng, shape)

    def add_bias(self, m: TfliteWriter, rng: np.random.Generator, channels: int, x_scale: float, w_scales: Any) -> int:
        """A bias of the scale that the accumulators have."""
        bits, dtype = (14, np.int32) if self.dtype == np.int8 else (22, np.int64)
        values = rng.integers(-(2**bits), 2**bits, channels).astype(dtype)
        return m.constant(values, scale=np.float32(x_scale) * np.asarray(w_scales, np.float32))


activations = st.sampled_from([Activations(np.int8), Activations(np.int16)])


def weight_scales(rng: np.random.Generator, channels: int, *, per_channel: bool) -> Any:
    """One scale, or one per output channel."""
    return rng.uniform(0.001, 0.02, channels if per_channel else 1).astype(np.float32)


def output_scale(x_scale: float, w_scales: Any, taps: int) -> float:
    """Such that outputs use much of the range: sums are about sqrt(taps) * 74 * 74 steps, for int16 256 times that."""
    return float(np.float32(x_scale * np.mean(w_scales) * 74 * 74 * np.sqrt(taps) / 50))
