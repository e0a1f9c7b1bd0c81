"""Takes the mean error of a quantized layer's outputs into its bias.

Rounded weights, and inputs that are off themselves, shift the mean of a channel; a bias takes that back at no cost
(Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction", section 4.2; here from
data, as in its appendix).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeq.quantize.weights import FloatArray


@dataclass
class Mean:
    """A mean over rows that come in blocks. Means of different data merge.

    Attributes:
        total: sum of the rows, `[..., n]`.
        rows: how many there were.
    """

    total: NDArray[np.float64]
    rows: int = 0

    @staticmethod
    def zeros(*shape: int) -> "Mean":
        """Of no rows of this shape: `channels` for a layer's outputs, `groups, in` for its patches."""
        return Mean(np.zeros(shape))

    def add(self, rows: NDArray[Any]) -> None:
        """Count rows in, `[..., rows, n]`."""
        self.total += rows.sum(axis=-2, dtype=np.float64)
        self.rows += rows.shape[-2]

    def merge(self, other: "Mean") -> None:
        """Count in the rows of another mean."""
        self.total += other.total
        self.rows += other.rows

    @property
    def value(self) -> NDArray[np.float64]:
        """The mean; 0 of no rows."""
        return self.total / max(self.rows, 1)


def corrected_bias(bias: FloatArray, wanted: FloatArray, found: FloatArray) -> FloatArray:
    """The bias with which a quantized layer's outputs have the mean of the float layer's.

    Args:
        bias: that the quantized layer has now; one real per channel, or per position and channel.
        wanted: mean output of the float layer per channel, before its activation.
        found: mean output of the quantized layer with that bias, before its activation.
    """
    return np.asarray(bias + (wanted - found).astype(np.float64))


def mean_outputs(weights: FloatArray, inputs: FloatArray) -> FloatArray:
    """Mean sums of products per output channel, from mean inputs: no run of the layer is needed for them.

    Args:
        weights: `[groups, out, in]`, or integers times scales.
        inputs: mean of the layer's patches (`edgeq.quantize.layers`), `[groups, in]`, or `[groups, k, in]` for each of
            k parts of a group's outputs.
    """
    parts = weights.astype(np.float64).reshape(*inputs.shape[:-1], -1, weights.shape[-1])
    return np.asarray((parts @ inputs[..., None]).reshape(-1))
