"""Weights and inputs as layers have them: correlated inputs, some of them 0 or nearly so, rows of unequal size."""

from typing import Any

import numpy as np

from edgeq.quantize.gptq import Moment


def inputs(rng: np.random.Generator, groups: int, rows: int, size: int) -> Any:
    """`[groups, rows, in]`, as a RELU leaves them: a few directions hold most of the energy."""
    mix = rng.normal(size=(groups, size, size)) * np.geomspace(1, 0.05, size)
    return np.maximum(rng.normal(size=(groups, rows, size)) @ np.swapaxes(mix, 1, 2) + 0.3, 0)


def weights(rng: np.random.Generator, groups: int, out: int, size: int) -> Any:
    """`[groups, out, in]`."""
    return rng.standard_t(5, (groups, out, size)) * rng.lognormal(0, 1, (groups, out, 1))


def hessian(x: Any) -> Any:
    """X'X of each group."""
    moment = Moment.zeros(x.shape[0], x.shape[2])
    moment.add(x)
    return moment.total


def output_error(w: Any, q: Any, scales: Any, x: Any) -> float:
    """Sum of squared errors of the outputs, by computing them."""
    return float(np.square(x @ np.swapaxes(w - q * scales[..., None].astype(np.float64), 1, 2)).sum())
