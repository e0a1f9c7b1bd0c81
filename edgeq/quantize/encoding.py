"""How a float value becomes integers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgeq.ir import DType, Quant, TensorType
from edgeq.ir.graph import Array
from edgeq.ops.group_scales import reals_of_groups


@dataclass(frozen=True)
class Encoding:
    """Element type and quantization of what is a float now.

    Attributes:
        dtype: S8 or S16 for activations and weights, S32 or S64 for biases.
        quant: per tensor for activations, per tensor or per channel for weights.
    """

    dtype: DType
    quant: Quant

    def __str__(self) -> str:
        return f"{self.dtype.value} {self.quant}"


@dataclass(frozen=True)
class Encodings:
    """The encodings of a float graph's values.

    Attributes:
        values: value name to encoding, for activations and constants.
        integers: constants whose integers are already chosen (by a file, or by something better than rounding to
            nearest), in their encoding's type; other constants are rounded.
        factors: of those that are weights in groups, the factors of these, uint8 `[outputs, groups]`.
        readings: the encoding in which a value is read by nodes that compute in another element type than its own.
    """

    values: Mapping[str, Encoding] = field(default_factory=dict)
    integers: Mapping[str, Array] = field(default_factory=dict)
    readings: Mapping[tuple[str, DType], Encoding] = field(default_factory=dict)
    factors: Mapping[str, Array] = field(default_factory=dict)

    def reals(self, name: str) -> Array:
        """What the integers of a constant stand for."""
        integers, encoding = self.integers[name], self.values[name]
        type_ = TensorType(integers.shape, encoding.dtype, encoding.quant)
        return reals_of_groups(integers, type_, self.factors.get(name))
