"""AdaRound: whether each weight is rounded up or down is learnt from the error of the layer's outputs.

Nagel et al. 2020, "Up or Down? Adaptive Rounding for Post-Training Quantization". With a share h in 0..1 that each
weight is rounded up by, the error of the outputs

    (w - q)' H (w - q),    q = scale * clip(floor(w / scale) + h)

is made small by gradient descent on v, where h = clip(1.2 sigmoid(v) - 0.1) (equation 23), together with a penalty of
1 - |2h - 1|**beta for shares that are neither 0 nor 1 (equation 24); beta falls from 20 to 2, so that shares first move
freely and then decide. Optimizer: Adam (Kingma and Ba 2015). The Hessian stands for the samples, which the published
method draws in batches: for a layer without its activation the sum over all of them is the same.
"""

import numpy as np

from edgeq.quantize.gptq import damped
from edgeq.quantize.weights import FloatArray, Integers, Scales, integer_range, round_to, squared_error, steps_of

_STRETCH, _SHIFT = 1.2, -0.1
"""Of the sigmoid, so that shares reach 0 and 1."""

_STEPS = 600
_WARM = 0.2
"""Share of the steps that are done before shares are made to decide."""

_RATE = 0.02
_PENALTY = 3.0
"""Of an undecided weight beside the mean squared error of a row rounded to nearest, per weight of the row."""

_BETAS = (20.0, 2.0)


def adaround(
    weights: FloatArray,
    hessian: FloatArray,
    scales: Scales,
    bits: int = 8,
    *,
    damping: float = 0.01,
    steps: int = _STEPS,
) -> Integers:
    """Integers above or below each weight that together make the error of the outputs small.

    A row for which rounding to nearest is better keeps that: the error under the damped Hessian is never larger.

    Args:
        weights: `[..., out, in]`.
        hessian: `[..., in, in]`.
        scales: `[..., out]`, or `[..., out, in]`.
        bits: 2 to 8; of one bit, what is nearest is taken.
        damping: share of the Hessian's mean diagonal that is added to it.
        steps: of the optimizer.
    """
    nearest = round_to(weights, scales, bits)
    if bits == 1:
        return nearest
    heavy = damped(hessian, damping)
    all_steps = np.broadcast_to(steps_of(scales, weights), weights.shape)
    reals = weights / all_steps
    least, most = integer_range(bits)
    low = np.clip(np.floor(reals), least, most - 1)
    sizes = (all_steps / all_steps.max(axis=-1, keepdims=True)).astype(np.float32)
    up = _learn(np.clip(reals, least, most), low, sizes, heavy, steps) > 0
    found = (low + up).astype(np.int8)
    errors = (squared_error(weights, integers, scales, heavy) for integers in (found, nearest))
    better = np.less(*errors)
    return np.where(better[..., None], found, nearest)


def _learn(reals: FloatArray, low: FloatArray, sizes: FloatArray, hessian: FloatArray, steps: int) -> FloatArray:
    """The v of each weight, in steps of its scale; positive: up. `sizes` are those of the steps within a row."""
    # Rows of any size are made alike: the mean error of nearest integers counts 1 for each weight.
    off = (np.clip(np.rint(reals), low, low + 1) - reals) * sizes
    usual = ((off @ hessian) * off).mean(axis=-1, keepdims=True)
    usual = np.where(usual > 0, usual, 1)
    heavy = hessian.astype(np.float32)
    share = np.clip((reals - low - _SHIFT) / _STRETCH, 1e-3, 1 - 1e-3)
    v = np.log(share / (1 - share)).astype(np.float32)
    first, second = np.zeros_like(v), np.zeros_like(v)
    for step in range(steps):
        sigmoid = 1 / (1 + np.exp(-v))
        raw = _STRETCH * sigmoid + _SHIFT
        up = np.clip(raw, 0, 1)
        slope = 2 * sizes * (((low + up - reals) * sizes).astype(np.float32) @ heavy) / usual
        slope += _penalty_slope(up, step / steps)
        slope *= np.where((raw > 0) & (raw < 1), _STRETCH * sigmoid * (1 - sigmoid), 0)
        first += 0.1 * (slope - first)
        second += 0.001 * (slope * slope - second)
        mean, power = first / (1 - 0.9 ** (step + 1)), second / (1 - 0.999 ** (step + 1))
        v -= (_RATE * mean / (np.sqrt(power) + 1e-8)).astype(np.float32)
    return v


def _penalty_slope(up: FloatArray, done: float) -> FloatArray:
    """Derivative of the penalty by the shares; nothing in the first steps."""
    if done < _WARM:
        return np.zeros_like(up)
    along = (done - _WARM) / (1 - _WARM)
    beta = _BETAS[1] + (_BETAS[0] - _BETAS[1]) * 0.5 * (1 + np.cos(np.pi * along))
    centred = 2 * up - 1
    return np.asarray(-2 * _PENALTY * beta * np.abs(centred) ** (beta - 1) * np.sign(centred))
