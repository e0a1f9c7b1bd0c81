"""What an error of a layer's sums costs where an activation follows: little where it clamps them anyway.

Layer-wise methods count every error of a sum alike. Behind a ReLU those of negative sums are not seen, and weights
that are rounded for the others do better (Nagel et al. 2020, "Up or Down? Adaptive Rounding for Post-Training
Quantization", section 3.3, where the activation is part of the objective; here it stays quadratic, with a second
moment of its own for each output channel).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeq.ops.activation import Activation
from edgeq.quantize.weights import FloatArray

_CLAMPED = 0.1
"""Of a sum that is clamped, beside 1 of others: its error may carry it over the bound. Between 0.1 and 0.3 four nets
of 4 bits do equally well, a fifth gains 0.9 dB by 0.1 instead of 0.2; 0.02 loses 0.1 dB, 1 loses 0.5 dB."""


def clamps(activation: Activation) -> bool:
    """Whether there are sums whose errors cost less than those of others."""
    return activation is not Activation.NONE


def importance(sums: FloatArray, activation: Activation) -> NDArray[Any]:
    """What the squared error of each sum counts.

    Args:
        sums: of the float net, before the activation.
        activation: that follows.
    """
    low, high = activation.bounds
    return np.where((sums > low) & (sums < high), np.float32(1), np.float32(_CLAMPED))
