"""What a value is: shape, element type, and how its integers stand for reals."""

import math
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

Shape = tuple[int, ...]


class DType(Enum):
    """Element types, by the names they have in text form and in kernel names.

    Arrays hold elements of less than 8 bits as int8; C has them packed (`edgeq.ops.packing`).
    """

    B1 = "b1"  # -1 or 1
    S2 = "s2"
    S3 = "s3"
    S4 = "s4"
    S8 = "s8"
    U8 = "u8"
    S16 = "s16"
    S32 = "s32"
    S64 = "s64"
    F32 = "f32"
    BOOL = "bool"

    @property
    def numpy(self) -> np.dtype[Any]:
        """The NumPy type of the same elements."""
        return _NUMPY[self]

    @property
    def bytes(self) -> int:
        """Size of one element, in an array."""
        return self.numpy.itemsize

    @property
    def bits(self) -> int:
        """Size of one element, as C stores it."""
        return _NARROW.get(self, 8 * self.bytes)

    @property
    def is_narrow(self) -> bool:
        """Whether C packs several elements into a byte."""
        return self in _NARROW

    @property
    def is_float(self) -> bool:
        """Whether elements are reals and need no `Quant`."""
        return self is DType.F32

    @property
    def range(self) -> tuple[int, int]:
        """Smallest and largest integer of an integer type."""
        if self is DType.B1:
            return -1, 1
        half = 1 << (self.bits - 1)
        return (0, 2 * half - 1) if self.numpy.kind == "u" else (-half, half - 1)

    @staticmethod
    def of(dtype: Any) -> "DType":
        """The DType of a NumPy dtype; KeyError where there is none."""
        return _FROM_NUMPY[np.dtype(dtype)]


_NARROW = {DType.B1: 1, DType.S2: 2, DType.S3: 3, DType.S4: 4}
_NUMPY: dict[DType, np.dtype[Any]] = {
    DType.S8: np.dtype(np.int8),
    DType.U8: np.dtype(np.uint8),
    DType.S16: np.dtype(np.int16),
    DType.S32: np.dtype(np.int32),
    DType.S64: np.dtype(np.int64),
    DType.F32: np.dtype(np.float32),
    DType.BOOL: np.dtype(np.bool_),
}
_FROM_NUMPY = {dtype: name for name, dtype in _NUMPY.items()}
_NUMPY |= dict.fromkeys(_NARROW, np.dtype(np.int8))


@dataclass(frozen=True)
class Quant:
    """Affine quantization: `real = (q - zero_point) * scale`, per tensor or along one axis.

    Attributes:
        scale: one factor, or one per index of `axis`; each exactly representable as float32.
        zero_point: as many integers as there are scales.
        axis: the dimension the scales run along; None when there is one scale for the tensor.
    """

    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    axis: int | None = None

    @staticmethod
    def per_tensor(scale: float, zero_point: int) -> "Quant":
        """One scale and zero point for the whole tensor."""
        return Quant((float(np.float32(scale)),), (zero_point,))

    def __str__(self) -> str:
        pairs = [f"{_shortest(s)}{z:+d}" for s, z in zip(self.scale, self.zero_point, strict=True)]
        if self.axis is None:
            return f"@{pairs[0]}"
        return f"@{self.axis}{{{','.join(pairs)}}}"


def _shortest(scale: float) -> str:
    """The shortest decimal that reads back as the same float32."""
    return str(np.float32(scale))


@dataclass(frozen=True)
class TensorType:
    """Shape, element type and quantization of a value; prints as `s8[1,16] @0.05+3`."""

    shape: Shape
    dtype: DType
    quant: Quant | None = None

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """Number of bytes, dense; single bits fill words of 32."""
        if self.dtype is DType.B1:
            return 4 * -(-self.size // 32)
        return -(-self.size * self.dtype.bits // 8)

    @property
    def scale(self) -> float:
        """The scale of a per-tensor quantized value."""
        return self._per_tensor.scale[0]

    @property
    def zero_point(self) -> int:
        """The zero point of a per-tensor quantized value."""
        return self._per_tensor.zero_point[0]

    @property
    def _per_tensor(self) -> Quant:
        assert self.quant is not None
        assert self.quant.axis is None
        return self.quant

    def with_shape(self, shape: Shape) -> "TensorType":
        """The same elements in another shape. Only for types without a quantization axis."""
        return TensorType(shape, self.dtype, self.quant)

    def __str__(self) -> str:
        text = f"{self.dtype.value}[{','.join(map(str, self.shape))}]"
        return f"{text} {self.quant}" if self.quant else text


def dequantize(array: np.ndarray[Any, Any], type_: TensorType) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The reals that `array` stands for under `type_`, as float32; floats and unquantized integers pass as they are."""
    quant = type_.quant
    if quant is None:
        return array if type_.dtype.is_float else array.astype(np.float32)
    broadcast = [1] * len(type_.shape)
    if quant.axis is not None:
        broadcast[quant.axis] = -1
    scale = np.asarray(quant.scale, np.float32).reshape(broadcast if quant.axis is not None else ())
    zero = np.asarray(quant.zero_point, np.int64).reshape(broadcast if quant.axis is not None else ())
    return np.asarray((array.astype(np.int64) - zero).astype(np.float32) * scale, np.float32)
