"""New shapes, new orders, things put together: every rank, axis from either end, and element type."""

from typing import Any

import numpy as np
from hypothesis import strategies as st
from tflite_writer import TfliteWriter

from cases.case import Case, seeds
from cases.elements import BOOL, F32, S8, S16, S32, S64, Elements, Shape, elements, shapes


@st.composite
def _either_end(draw: st.DrawFn, rank: int) -> int:
    """An axis counted from the front or from the back."""
    return draw(st.integers(-rank, rank - 1))


def _ints(draw: st.DrawFn, values: Any, *, wide: bool = True) -> Any:
    """Shapes, axes and the like come as int32 or int64."""
    return np.array(values, draw(st.sampled_from([np.int32, np.int64])) if wide else np.int32)


def _moved(
    draw: st.DrawFn,
    name: str,
    kind: Elements,
    shapes_: tuple[Shape, Shape],
    extra: list[Any],
    *options: str,
    **fields: Any,
) -> Case:
    """A model that moves one input to one output, with constants behind the input."""
    shape, output = shapes_
    m = TfliteWriter()
    x = kind.tensor(m, shape)
    constants = [m.constant(c) for c in extra]
    y = kind.tensor(m, output)
    m.operator(name, [x, *constants], [y], *options, **fields)
    rng = np.random.default_rng(draw(seeds))
    return Case(m.build([x], [y]), (kind.random(rng, shape),), kind.oracle)


@st.composite
def reshape(draw: st.DrawFn) -> Case:
    """The shape as second input or as option, with and without -1, to any other with as many elements."""
    shape = draw(shapes(0))
    kind = draw(elements(len(shape), tflm=(S8, S16, S32, F32)))
    factors = [f for n in shape for f in ((2, n // 2) if n % 2 == 0 else (n,))]
    target = list(draw(st.permutations(factors)))
    for _ in range(max(draw(st.integers(0, 3)), len(target) - 8)):
        target = [int(np.prod(target[:2])), *target[2:]] if len(target) > 1 else target
    asked = list(target)
    if asked and draw(st.booleans()):
        asked[draw(st.integers(0, len(asked) - 1))] = -1
    if draw(st.booleans()) or not asked:
        return _moved(draw, "RESHAPE", kind, (shape, tuple(target)), [], "ReshapeOptions", newShape=asked)
    extra = [np.array(asked, np.int32)]
    return _moved(draw, "RESHAPE", kind, (shape, tuple(target)), extra)


@st.composite
def squeeze(draw: st.DrawFn) -> Case:
    shape = draw(shapes())
    ones = [i for i, n in enumerate(shape) if n == 1]
    gone = draw(st.lists(st.sampled_from(ones), unique=True)) if ones else []
    listed = [d - len(shape) if draw(st.booleans()) else d for d in gone]
    removed = gone or ones
    output = tuple(n for i, n in enumerate(shape) if i not in removed)
    kind = draw(elements(len(shape), litert=(S32,)))
    return _moved(draw, "SQUEEZE", kind, (shape, output), [], "SqueezeOptions", squeezeDims=listed)


@st.composite
def expand_dims(draw: st.DrawFn) -> Case:
    shape = draw(shapes(0, 5))
    axis = draw(_either_end(len(shape) + 1))
    front = axis % (len(shape) + 1)
    kind = draw(elements(len(shape), tflm=(S8, F32), litert=(S32,)))
    return _moved(draw, "EXPAND_DIMS", kind, (shape, (*shape[:front], 1, *shape[front:])), [np.array([axis], np.int32)])


@st.composite
def transpose(draw: st.DrawFn) -> Case:
    shape = draw(shapes(1, 6))
    perm = draw(st.permutations(range(len(shape))))
    kind = draw(elements(len(shape), tflm=(S8, S16, F32), tflm_rank=5, litert=(S32, S64, BOOL), litert_rank=6))
    output = tuple(shape[p] for p in perm)
    return _moved(draw, "TRANSPOSE", kind, (shape, output), [np.array(perm, np.int32)])


@st.composite
def broadcast_to(draw: st.DrawFn) -> Case:
    output = draw(shapes(1, 5))
    shape = tuple(1 if draw(st.booleans()) else n for n in output)[draw(st.integers(0, len(output) - 1)) :]
    kind = draw(elements(len(output), tflm=(S8, S16, S32, F32), tflm_rank=5, litert_rank=0))
    return _moved(draw, "BROADCAST_TO", kind, (shape, output), [_ints(draw, output)], "BroadcastToOptions")


@st.composite
def tile(draw: st.DrawFn) -> Case:
    shape = draw(shapes(1, 4))
    counts = [draw(st.integers(1, 3)) for _ in shape]
    kind = draw(elements(len(shape), tflm=(), litert=(S8, F32, S32, S64, BOOL)))
    output = tuple(n * c for n, c in zip(shape, counts, strict=True))
    return _moved(draw, "TILE", kind, (shape, output), [_ints(draw, counts)], "TileOptions")


@st.composite
def concatenation(draw: st.DrawFn) -> Case:
    """Some of the inputs may be constants, and one may come twice."""
    shape = draw(shapes(1, 5))
    axis = draw(_either_end(len(shape)))
    front = axis % len(shape)
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    kind = draw(elements(len(shape), tflm=(S8, S16, S32, F32), tflm_rank=4, litert=(S64, BOOL)))
    parts = [(*shape[:front], n, *shape[front + 1 :]) for n in sizes]
    output = (*shape[:front], sum(sizes), *shape[front + 1 :])
    return _joined(draw, "CONCATENATION", kind, (parts, output), "ConcatenationOptions", axis=axis)


@st.composite
def pack(draw: st.DrawFn) -> Case:
    shape = draw(shapes(0, 4))
    count = draw(st.integers(1, 5))
    axis = draw(_either_end(len(shape) + 1))
    front = axis % (len(shape) + 1)
    kind = draw(elements(len(shape), tflm=(S8, S32, F32), litert=(S16, S64)))
    output = (*shape[:front], count, *shape[front:])
    return _joined(draw, "PACK", kind, ([shape] * count, output), "PackOptions", axis=axis, valuesCount=count)


def _joined(
    draw: st.DrawFn, name: str, kind: Elements, shapes_: tuple[list[Shape], Shape], options: str, **fields: Any
) -> Case:
    """A model that puts inputs together, the first of which is computed at run time."""
    parts, output = shapes_
    rng = np.random.default_rng(draw(seeds))
    m = TfliteWriter()
    ports: list[int] = []
    operands: list[int] = []
    arrays = []
    for i, shape in enumerate(parts):
        how = draw(st.sampled_from(["input", "constant", "again"])) if i else "input"
        if how == "again" and shape == parts[0]:
            operands.append(operands[0])
        elif how == "constant":
            operands.append(kind.constant(m, kind.random(rng, shape)))
        else:
            operands.append(kind.tensor(m, shape))
            ports.append(operands[-1])
            arrays.append(kind.random(rng, shape))
    y = kind.tensor(m, output)
    m.operator(name, operands, [y], options, **fields)
    return Case(m.build(ports, [y]), tuple(arrays), kind.oracle)


@st.composite
def gather(draw: st.DrawFn) -> Case:
    """Indices of every rank, constant or computed at run time, with and without common leading dimensions."""
    shape = draw(shapes(1, 4))
    front = draw(st.integers(0, len(shape) - 1))
    batch = draw(st.integers(0, front))
    axis = draw(st.sampled_from([front, front - len(shape)]))
    indices_shape = (*shape[:batch], *draw(shapes(0, 2)))
    constant = draw(st.booleans())
    kind = draw(elements(len(shape), tflm=(S8, F32), litert=(S16, S32, S64, BOOL)))
    rng = np.random.default_rng(draw(seeds))
    wide = constant and kind.oracle != "tflm" and draw(st.booleans())
    picks = np.asarray(rng.integers(0, shape[front], indices_shape), np.int64 if wide else np.int32)
    if constant and draw(st.booleans()):
        picks = np.sort(picks, axis=None).reshape(indices_shape)
    m = TfliteWriter()
    x = kind.tensor(m, shape)
    indices = m.constant(picks) if constant else m.tensor(indices_shape, np.int32)
    y = kind.tensor(m, (*shape[:front], *indices_shape[batch:], *shape[front + 1 :]))
    batch_dims = batch - len(indices_shape) if 0 < batch < len(indices_shape) and draw(st.booleans()) else batch
    m.operator("GATHER", [x, indices], [y], "GatherOptions", axis=axis, batchDims=batch_dims)
    values = kind.random(rng, shape)
    ports, arrays = ([x], (values,)) if constant else ([x, indices], (values, picks))
    return Case(m.build(ports, [y]), arrays, kind.oracle)


CASES = {
    "BROADCAST_TO": broadcast_to(),
    "CONCATENATION": concatenation(),
    "EXPAND_DIMS": expand_dims(),
    "GATHER": gather(),
    "PACK": pack(),
    "RESHAPE": reshape(),
    "SQUEEZE": squeeze(),
    "TILE": tile(),
    "TRANSPOSE": transpose(),
}
