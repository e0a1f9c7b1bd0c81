"""`levels`: reals rounded to a few evenly spaced ones, which is what a quantizer of less than 8 bits does to a value.

    level  = clamp(round(x * factor + offset), low, high)
    result = (level - zero) * step

A quantizer to -1 and 1 has the levels -1 and 0, rounds down and has its zero half way between.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from edgeq.ir import DType
from edgeq.ops.lookup import Function, UnaryAttrs, lookup_op
from edgeq.ops.op import Array


def _half_away(x: Array) -> Array:
    return np.asarray(np.sign(x) * np.floor(np.abs(x) + 0.5))


ROUNDINGS: Mapping[str, Callable[[Array], Array]] = {
    "half_even": np.rint,
    "half_up": _half_away,
    "half_down": lambda x: np.sign(x) * np.ceil(np.abs(x) - 0.5),
    "ceil": np.ceil,
    "floor": np.floor,
    "up": lambda x: np.sign(x) * np.ceil(np.abs(x)),
    "down": np.trunc,
}
"""By name. `up` and `down` are away from zero and towards it, and so are the halves of `half_up` and `half_down`."""


@dataclass(frozen=True)
class LevelsAttrs(UnaryAttrs):
    """See above; `rounding` is a key of `ROUNDINGS`, factor and step are above 0."""

    factor: float = 1.0
    offset: float = 0.0
    low: int = DType.S8.range[0]
    high: int = DType.S8.range[1]
    zero: float = 0.0
    step: float = 1.0
    rounding: str = "half_even"

    @property
    def count(self) -> int:
        """Number of levels."""
        return self.high - self.low + 1

    def level(self, x: Array) -> Array:
        """The level of each real."""
        return np.clip(ROUNDINGS[self.rounding](x * self.factor + self.offset), self.low, self.high)

    def real(self, x: Array) -> Array:
        """The result for each real."""
        return np.asarray((self.level(x) - self.zero) * self.step)


def _real(attrs: LevelsAttrs, x: Array) -> Array:
    with np.errstate(all="ignore"):
        return np.asarray(attrs.real(x.astype(np.float64)), np.float32)


LEVELS = lookup_op("levels", Function(_real), LevelsAttrs)
