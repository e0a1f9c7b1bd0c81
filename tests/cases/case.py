"""What a test case is: a small TFLite model of mostly one operator, and inputs for it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st


@dataclass(frozen=True)
class Case:
    """A model file and one array per input.

    Attributes:
        oracle: "tflm", "litert" (BUILTIN_REF, where TFLM has no such kernel), or "" where neither has one.
        arena: bytes of arena for TFLM; None for plenty.
    """

    model: bytes
    inputs: tuple[Any, ...]
    oracle: str = "tflm"


scales = st.floats(2.0**-10, 4.0, width=32).map(float)
zero_points = st.integers(-128, 127)
seeds = st.integers(0, 2**32 - 1)


def random_s8(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """int8 over the whole range, with the extremes more often than chance has them."""
    values = rng.integers(-128, 128, shape)
    return np.where(rng.random(shape) < 0.1, rng.choice([-128, 127], shape), values).astype(np.int8)


def random_s16(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """int16, likewise."""
    values = rng.integers(-32768, 32768, shape)
    return np.where(rng.random(shape) < 0.1, rng.choice([-32768, 32767], shape), values).astype(np.int16)


def random_weights(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Symmetric int8 weights, -127..127."""
    return np.maximum(random_s8(rng, shape), -127).astype(np.int8)
