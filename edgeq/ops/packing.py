"""Elements of 1 to 4 bits, one behind the other: the first in the lowest bits, as TFLite and ONNX store them.

A bit is 1 for 1 and 0 for -1; wider elements are in two's complement.
"""

import numpy as np
from numpy.typing import NDArray

from edgeq.ops.op import Array


def pack(integers: Array, bits: int) -> NDArray[np.uint8]:
    """The bytes of elements in C order; missing ones of the last byte are 0 bits.

    Args:
        integers: of any shape, -1 and 1 for one bit.
        bits: of an element: 1 to 4.
    """
    codes = integers.ravel() > 0 if bits == 1 else integers.ravel() & ((1 << bits) - 1)
    places = np.unpackbits(codes.astype(np.uint8)[:, None], axis=1, count=bits, bitorder="little")
    return np.packbits(places, bitorder="little")


def unpack(packed: NDArray[np.uint8], bits: int, count: int) -> NDArray[np.int8]:
    """The first `count` elements of bytes that `pack` made."""
    places = np.unpackbits(packed, count=bits * count, bitorder="little").reshape(count, bits)
    codes = np.packbits(places, axis=1, bitorder="little")[:, 0].astype(np.int8)
    if bits == 1:
        return (2 * codes - 1).astype(np.int8)
    sign = 1 << (bits - 1)
    return ((codes ^ sign) - sign).astype(np.int8)
