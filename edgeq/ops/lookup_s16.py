"""Functions of int16 as tables: 513 results, between which straight lines are drawn.

Neighbours are 128 inputs apart. For a smooth function f the error is up to f'' times the square of that distance / 8;
within an interval where a function bends, jumps or goes to infinity it is larger. Functions that consist of lines are
exact instead (`edgeq.ops.lines`). Source of the form of the table: TFLite `LUTPopulateInt16`, `LUTLookup`.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edgeq.fixedpoint import Int64Array
from edgeq.ir import DType, TensorType
from edgeq.ops.op import I32, Array, Params, S16Data

_INTERVAL_BITS = 7


@dataclass(frozen=True)
class Lookup16Params(Params):
    """Number of elements, and the outputs for the inputs -32768, -32640 ... 32640, 32768."""

    struct: ClassVar[str] = "lookup_s16"

    count: I32
    table: S16Data


def nodes(x: TensorType) -> Int64Array:
    """The inputs whose results are in a table, as steps from the zero point."""
    low, high = DType.S16.range
    return np.arange(low, high + 2, 1 << _INTERVAL_BITS, dtype=np.int64) - x.zero_point


def eval_lookup_s16(params: Lookup16Params, x: Array) -> Array:
    """The function of integers."""
    return interpolate(params.table, x.astype(np.int64))


def interpolate(table: Array, x: Int64Array) -> Int64Array:
    """The results for int16 inputs, from a table of 513. Source: TFLite `LUTLookup`."""
    distance = x - DType.S16.range[0]
    index, part = distance >> _INTERVAL_BITS, distance & ((1 << _INTERVAL_BITS) - 1)
    base, following = table[index].astype(np.int64), table[index + 1].astype(np.int64)
    return np.asarray(base + (((following - base) * part + (1 << (_INTERVAL_BITS - 1))) >> _INTERVAL_BITS))
