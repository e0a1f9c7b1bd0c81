"""Parts of tensors: every combination of begin, end, stride and masks that leaves something."""

from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from tflite_writer import TfliteWriter

from cases.case import Case, seeds
from cases.elements import BOOL, F32, S8, S16, S32, S64, Elements, Shape, elements, shapes


def _model(
    draw: st.DrawFn,
    name: str,
    kind: Elements,
    shapes_: tuple[Shape, list[Shape]],
    constants: tuple[list[Any], list[Any]],
    *options: str,
    **fields: Any,
) -> Case:
    """A model of one input and several outputs, with constants before and after the input."""
    shape, outputs = shapes_
    m = TfliteWriter()
    before, after = ([m.constant(c) for c in side] for side in constants)
    x = kind.tensor(m, shape)
    results = [kind.tensor(m, output) for output in outputs]
    m.operator(name, [*before, x, *after], results, *options, **fields)
    rng = np.random.default_rng(draw(seeds))
    return Case(m.build([x], results), (kind.random(rng, shape),), kind.oracle)


@st.composite
def slice_(draw: st.DrawFn) -> Case:
    shape = draw(shapes(1, 6))
    begin = [draw(st.integers(0, n - 1)) for n in shape]
    size = [draw(st.integers(1, n - b)) for n, b in zip(shape, begin, strict=True)]
    asked = [-1 if b + s == n and draw(st.booleans()) else s for n, b, s in zip(shape, begin, size, strict=True)]
    kind = draw(elements(len(shape), tflm=(S8, S16, S32, F32), tflm_rank=5, litert=(S64, BOOL), litert_rank=5))
    dtype = draw(st.sampled_from([np.int32, np.int64]))
    constants = [np.array(begin, dtype), np.array(asked, dtype)]
    return _model(draw, "SLICE", kind, (shape, [tuple(size)]), ([], constants))


@st.composite
def reverse(draw: st.DrawFn) -> Case:
    """LiteRT takes one axis only, or several that follow one another."""
    shape = draw(shapes(1, 5))
    first = draw(st.integers(0, len(shape) - 1))
    axes = list(range(first, draw(st.integers(first, len(shape) - 1)) + 1))
    kind = draw(elements(len(shape), tflm=(), litert=(S8, S16, S32, S64, F32, BOOL)))
    return _model(draw, "REVERSE_V2", kind, (shape, [shape]), ([], [np.array(axes, np.int32)]), "ReverseV2Options")


@st.composite
def split(draw: st.DrawFn) -> Case:
    parts, axis_size = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    shape = draw(shapes(1, 4))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    front = axis % len(shape)
    shape = (*shape[:front], parts * axis_size, *shape[front + 1 :])
    output = (*shape[:front], axis_size, *shape[front + 1 :])
    kind = draw(elements(len(shape), tflm=(S8, S16, S32, F32), litert=()))
    constants: tuple[list[Any], list[Any]] = ([np.array(axis, np.int32)], [])
    return _model(draw, "SPLIT", kind, (shape, [output] * parts), constants, "SplitOptions", numSplits=parts)


@st.composite
def split_v(draw: st.DrawFn) -> Case:
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    shape = draw(shapes(1, 4))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    front = axis % len(shape)
    shape = (*shape[:front], sum(sizes), *shape[front + 1 :])
    outputs = [(*shape[:front], n, *shape[front + 1 :]) for n in sizes]
    asked = list(sizes)
    if draw(st.booleans()):
        asked[draw(st.integers(0, len(asked) - 1))] = -1
    kind = draw(elements(len(shape), tflm=(S8, S16, S32, F32), litert=(S64,)))
    constants: tuple[list[Any], list[Any]] = ([], [np.array(asked, np.int32), np.array(axis, np.int32)])
    return _model(draw, "SPLIT_V", kind, (shape, outputs), constants, "SplitVOptions", numSplits=len(sizes))


@st.composite
def unpack(draw: st.DrawFn) -> Case:
    shape = draw(shapes(1, 4))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    front = axis % len(shape)
    output = (*shape[:front], *shape[front + 1 :])
    kind = draw(elements(len(shape), tflm=(S8, S32, F32), litert=(BOOL,)))
    outputs, count = [output] * shape[front], shape[front]
    return _model(draw, "UNPACK", kind, (shape, outputs), ([], []), "UnpackOptions", axis=axis, num=count)


@st.composite
def strided_slice(draw: st.DrawFn) -> Case:
    """Indices in and out of range, from either end, all masks, fewer entries than dimensions, offsets."""
    shape = draw(shapes(1, 5))
    plain = len(shape) <= 4 and draw(st.booleans())
    entries, kinds = _entries(draw, shape, plain=plain)
    masks = {
        mask: sum(1 << i for i, kind in enumerate(kinds) if kind == what)
        for mask, what in (("ellipsisMask", "ellipsis"), ("newAxisMask", "new"), ("shrinkAxisMask", "shrink"))
    }
    masks |= {mask: draw(st.integers(0, 2 ** len(kinds) - 1)) for mask in ("beginMask", "endMask")}
    offset = not plain and all(kind == "range" for kind in kinds) and len(kinds) == len(shape) and draw(st.booleans())
    begins, ends, strides = (np.array([e[i] for e in entries], np.int32) for i in range(3))
    if offset:
        # The runtimes that know offsets want positive sizes, and steps forward.
        begins = np.array([draw(st.integers(0, n - 1)) for n in shape], np.int32)
        ends = np.array([draw(st.integers(1, int(n - b))) for n, b in zip(shape, begins, strict=True)], np.int32)
        strides = np.abs(strides)
        masks |= {"beginMask": 0, "endMask": 0}
    output = _sliced(shape, kinds, masks, (begins, ends + begins if offset else ends, strides))
    supported = {"tflm": (S8, S16, S32, F32, BOOL)} if plain else {"tflm": ()}
    kind = draw(elements(len(shape), **supported, litert=(S8, S16, S32, S64, F32, BOOL), litert_rank=5))
    constants: tuple[list[Any], list[Any]] = ([], [begins, ends, strides])
    return _model(
        draw, "STRIDED_SLICE", kind, (shape, [output]), constants, "StridedSliceOptions", **masks, offset=offset
    )


def _entries(draw: st.DrawFn, shape: Shape, *, plain: bool) -> tuple[list[tuple[int, int, int]], list[str]]:
    """(begin, end, stride) and what each stands for; `plain`: one range or index per dimension, as TFLM has it."""
    count = len(shape) if plain else draw(st.integers(1, len(shape)))
    kinds = [draw(st.sampled_from(["range", "range", "shrink"])) for _ in range(count)]
    if not plain and count < len(shape) and draw(st.booleans()):
        kinds.insert(draw(st.integers(0, len(kinds))), "ellipsis")
    if not plain and draw(st.booleans()):
        kinds.insert(draw(st.integers(0, len(kinds))), "new")
    entries = []
    for i, kind in enumerate(kinds):
        size = _size(shape, kinds, i)
        stride = 1 if kind == "shrink" else draw(st.sampled_from([1, 1, 2, 3, -1, -2]))
        begin = draw(st.integers(-size, size - 1) if kind == "shrink" else st.integers(-size - 2, size + 2))
        entries.append((begin, draw(st.integers(-size - 2, size + 2)), stride))
    return entries, kinds


def _size(shape: Shape, kinds: list[str], i: int) -> int:
    """The dimension that entry i takes."""
    if kinds[i] in ("new", "ellipsis"):
        return 1
    if "ellipsis" in kinds[:i]:
        behind = sum(kind in ("range", "shrink") for kind in kinds[i:])
        return shape[len(shape) - behind]
    return shape[sum(kind in ("range", "shrink") for kind in kinds[:i])]


def _sliced(shape: Shape, kinds: list[str], masks: dict[str, int], entries: Any) -> Shape:
    """The output's shape by NumPy's indexing, which means the same where nothing is out of range."""
    index: list[Any] = []
    for i, kind in enumerate(kinds):
        begin, end, stride = (int(v[i]) for v in entries)
        if kind == "ellipsis":
            index.append(Ellipsis)
        elif kind == "new":
            index.append(None)
        elif kind == "shrink":
            index.append(0 if masks["beginMask"] >> i & 1 else begin)
        else:
            begin_ = None if masks["beginMask"] >> i & 1 else begin
            index.append(slice(begin_, None if masks["endMask"] >> i & 1 else end, stride))
    output = np.zeros(shape, np.int8)[tuple(index)].shape
    assume(0 not in output)
    return output


CASES = {
    "REVERSE_V2": reverse(),
    "SLICE": slice_(),
    "SPLIT": split(),
    "SPLIT_V": split_v(),
    "STRIDED_SLICE": strided_slice(),
    "UNPACK": unpack(),
}
