"""What cases with constant weights share: scales, biases, and output scales that use the output's range."""

from typing import Any

import numpy as np
from tflite_writer import TfliteWriter


def weight_scales(rng: np.random.Generator, channels: int, *, per_channel: bool) -> Any:
    """One scale, or one per output channel."""
    return rng.uniform(0.001, 0.02, channels if per_channel else 1).astype(np.float32)


def add_bias(m: TfliteWriter, rng: np.random.Generator, channels: int, x_scale: float, w_scales: Any) -> int:
    """An int32 bias of the scale that the accumulators have."""
    values = rng.integers(-(2**14), 2**14, channels).astype(np.int32)
    return m.constant(values, scale=np.float32(x_scale) * np.asarray(w_scales, np.float32))


def output_scale(x_scale: float, w_scales: Any, taps: int) -> float:
    """Such that outputs use much of the range: sums are about sqrt(taps) * 74 * 74 steps."""
    return float(np.float32(x_scale * np.mean(w_scales) * 74 * 74 * np.sqrt(taps) / 50))
