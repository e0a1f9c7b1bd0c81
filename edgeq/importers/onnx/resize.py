"""Converters for Resize and Upsample.

Each axis is resized on its own. Which pixels an output is made of, and how much of each, is a matrix that depends on
the axis alone. Where it is that of the image ops `resize_nearest` and `resize_bilinear`, those do the work; otherwise
nearest pixels are gathered, and interpolation is a dense layer along the axis, with the matrix for weights.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgeq.errors import Refusal
from edgeq.importers.onnx.axes import normalize_axes
from edgeq.importers.onnx.builder import Converter, OpContext
from edgeq.importers.onnx.slicing import take
from edgeq.ir import Shape
from edgeq.ir.graph import Array
from edgeq.ops import OPS
from edgeq.ops.dense import DenseAttrs
from edgeq.ops.resize import ResizeAttrs

_LARGEST_SIZE = 32767
"""Pixels along an axis."""

_LARGEST_MATRIX = 1 << 22
"""Weights of an interpolation."""

_PLACES = (
    *("half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "tf_half_pixel_for_nn"),
    *("align_corners", "asymmetric", "tf_crop_and_resize"),
)
_ROUNDINGS: Mapping[str, Callable[[Array], Array]] = {
    "round_prefer_floor": lambda places: np.asarray(np.ceil(places - 0.5)),
    "round_prefer_ceil": lambda places: np.asarray(np.floor(places + 0.5)),
    "floor": lambda places: np.asarray(np.floor(places)),
    "ceil": lambda places: np.asarray(np.ceil(places)),
}


@dataclass(frozen=True)
class _Axis:
    """How one axis is resized.

    Attributes:
        axis: which one.
        size: of the input.
        out: of the output.
        scale: what the operator says it is; `out` is a rounded multiple of `size`.
        begin: of the part that is resized, where that is not the whole axis, as a fraction of it.
        end: of the same.
    """

    axis: int
    size: int
    out: int
    scale: float
    begin: float = 0.0
    end: float = 1.0

    def places(self, mode: str) -> Array:
        """Where each output lies on the input, in pixels.

        Source: ONNX, Resize, and its reference for what is left open: the length in `align_corners` is a real.
        """
        x = np.arange(self.out, dtype=np.float64)
        length = self.size * self.scale
        if mode == "align_corners":
            return x * (self.size - 1) / (length - 1) if length != 1 else np.zeros(self.out)
        if mode == "asymmetric":
            return x / self.scale
        if mode == "tf_half_pixel_for_nn":
            return (x + 0.5) / self.scale
        if mode == "pytorch_half_pixel" and length == 1:
            return np.zeros(self.out)
        if mode == "tf_crop_and_resize":
            step = (self.end - self.begin) * (self.size - 1)
            along = x * step / (length - 1) if length != 1 else np.full(self.out, step / 2)
            return np.asarray(self.begin * (self.size - 1) + along)
        offset = self.size / 2 * (1 - self.out / length) if mode == "half_pixel_symmetric" else 0.0
        return offset + (x + 0.5) / self.scale - 0.5

    @property
    def is_identity(self) -> bool:
        """Whether nothing changes."""
        whole = (self.begin, self.end) == (0.0, 1.0)
        return self.size == self.out and math.isclose(self.scale, 1.0) and whole


def _nearest(places: Array, rounding: str, size: int) -> Array:
    """The input index of each output index. What is an integer, or a half, but for the last bits of a double is one."""
    indices = _ROUNDINGS[rounding](np.round(places, 10))
    return np.asarray(np.clip(indices, 0, size - 1).astype(np.int64))


def _linear(places: Array, size: int) -> Array:
    """Weights `[out, in]` of the two pixels around each place; beyond the ends only the last pixel counts."""
    if len(places) * size > _LARGEST_MATRIX:
        raise Refusal(f"interpolates {len(places)} pixels of {size}; accepted: {_LARGEST_MATRIX} weights in all")
    inside = np.clip(places, 0, size - 1)
    before = np.minimum(inside.astype(np.int64), max(size - 2, 0))
    matrix = np.zeros((len(places), size), np.float64)
    rows = np.arange(len(places))
    matrix[rows, before] = 1 - (inside - before)
    matrix[rows, np.minimum(before + 1, size - 1)] += inside - before
    return matrix


def _resize(op: OpContext) -> None:
    mode = op.string_attr("mode", "nearest")
    place = op.string_attr("coordinate_transformation_mode", "half_pixel") if op.version > 10 else "asymmetric"
    rounding = op.string_attr("nearest_mode", "round_prefer_floor") if op.version > 10 else "floor"
    if mode not in ("nearest", "linear") or place not in _PLACES or rounding not in _ROUNDINGS:
        raise Refusal(
            f"mode {mode!r}, coordinates {place!r}, rounding {rounding!r}; "
            f"accepted: nearest, linear; {', '.join(_PLACES)}; {', '.join(_ROUNDINGS)}"
        )
    if op.int_attr("antialias", 0):
        raise Refusal("antialias; accepted: without")
    axes = [axis for axis in _resized_axes(op, place) if not axis.is_identity]
    places = {axis.axis: axis.places(place) for axis in axes}
    for axis in axes:
        at = places[axis.axis]
        if place == "tf_crop_and_resize" and (at.min() < 0 or at.max() > axis.size - 1):
            raise Refusal(f"a region that reaches beyond axis {axis.axis}; accepted: regions within the image")
    if mode == "nearest":
        _emit_nearest(op, {axis.axis: _nearest(places[axis.axis], rounding, axis.size) for axis in axes})
    else:
        _emit_linear(op, {axis.axis: _linear(places[axis.axis], axis.size) for axis in axes})


def _upsample(op: OpContext) -> None:
    """What Resize was in opset 10; scales were an attribute before opset 9."""
    mode = op.string_attr("mode", "nearest")
    if mode not in ("nearest", "linear"):
        raise Refusal(f"mode {mode!r}; accepted: nearest, linear")
    scales = op.floats_attr("scales") if op.has_attribute("scales") else _floats(op, 1, "the scales")
    axes = [axis for axis in _scaled(op.type(0).shape, scales) if not axis.is_identity]
    if mode == "nearest":
        _emit_nearest(op, {a.axis: _nearest(a.places("asymmetric"), "floor", a.size) for a in axes})
    else:
        _emit_linear(op, {a.axis: _linear(a.places("asymmetric"), a.size) for a in axes})


def _resized_axes(op: OpContext, place: str) -> list[_Axis]:
    """From the scales, or from the sizes, for all axes or, since opset 18, for those listed."""
    shape = op.type(0).shape
    axes = normalize_axes(op.ints_attr("axes", range(len(shape))), len(shape))
    at = 2 if op.version > 10 else 1
    if op.has(3) and not (op.is_constant(3) and op.constant(3, "the sizes").size == 0):
        resized = _sized(
            shape, axes, op.integers(3, "the sizes"), op.string_attr("keep_aspect_ratio_policy", "stretch")
        )
    else:
        resized = _scaled(shape, _floats(op, at, "the scales"), axes)
    if place != "tf_crop_and_resize":
        return resized
    region = _floats(op, 1, "the region")
    if len(region) != 2 * len(axes):
        raise Refusal(f"region {list(region)} of {len(axes)} axes; accepted: two numbers per axis")
    ends = zip(resized, region[: len(axes)], region[len(axes) :], strict=True)
    return [_Axis(a.axis, a.size, a.out, a.scale, begin, end) for a, begin, end in ends]


def _floats(op: OpContext, position: int, what: str) -> tuple[float, ...]:
    return tuple(float(v) for v in op.constant(position, what).astype(np.float64).reshape(-1))


def _scaled(shape: Shape, scales: Sequence[float], axes: Sequence[int] | None = None) -> list[_Axis]:
    axes = range(len(shape)) if axes is None else axes
    if len(scales) != len(axes) or not all(0 < s <= _LARGEST_SIZE for s in scales):
        raise Refusal(f"scales {list(scales)} of {len(axes)} axes; accepted: one above 0 per axis")
    return [_checked(_Axis(a, shape[a], _multiple(shape[a], s), s)) for a, s in zip(axes, scales, strict=True)]


def _multiple(size: int, scale: float) -> int:
    """Rounded down; the product is a float32, as in ONNX's shape inference and in ONNX Runtime."""
    return math.floor(np.float32(size) * np.float32(scale))


def _sized(shape: Shape, axes: Sequence[int], sizes: Sequence[int], policy: str) -> list[_Axis]:
    if len(sizes) != len(axes):
        raise Refusal(f"sizes {list(sizes)} of {len(axes)} axes; accepted: one per axis")
    scales = [size / shape[axis] for axis, size in zip(axes, sizes, strict=True)]
    if policy in ("not_larger", "not_smaller"):
        common = min(scales) if policy == "not_larger" else max(scales)
        return [_checked(_Axis(a, shape[a], math.floor(common * shape[a] + 0.5), common)) for a in axes]
    if policy != "stretch":
        raise Refusal(f"policy {policy!r}; accepted: stretch, not_larger, not_smaller")
    entries = zip(axes, sizes, scales, strict=True)
    return [_checked(_Axis(axis, shape[axis], size, scale)) for axis, size, scale in entries]


def _checked(axis: _Axis) -> _Axis:
    if not 1 <= axis.out <= _LARGEST_SIZE:
        raise Refusal(f"resizes axis {axis.axis} from {axis.size} to {axis.out}; accepted: sizes of 1..{_LARGEST_SIZE}")
    return axis


def _emit_nearest(op: OpContext, indices: Mapping[int, Array]) -> None:
    probes = {axis: (np.arange(op.type(0).shape[axis])[:, None], picks[:, None]) for axis, picks in indices.items()}
    value = _image_resized(op, "resize_nearest", probes)
    if value is None:
        value = op.required(0)
        for axis, picks in indices.items():
            value = take(op, value, axis, picks)
    op.output(value)


def _emit_linear(op: OpContext, matrices: Mapping[int, Array]) -> None:
    """Along an axis that becomes the last one, the matrix is the weights of a dense layer."""
    pixels = {axis: np.random.default_rng(axis).uniform(size=(m.shape[1], 4)) for axis, m in matrices.items()}
    probes = {axis: (pixels[axis], matrix @ pixels[axis]) for axis, matrix in matrices.items()}
    value = _image_resized(op, "resize_bilinear", probes)
    if value is None:
        value, rank = op.required(0), len(op.type(0).shape)
        for axis, matrix in matrices.items():
            to_last = (*(i for i in range(rank) if i != axis), axis)
            rows = op.transpose(value, to_last)
            weights = op.add_constant(matrix.astype(np.float32), "weights")
            value = op.emit("dense", [rows, weights], DenseAttrs())
            value = op.transpose(value, [to_last.index(i) for i in range(rank)])
    op.output(value)


_Probe = tuple[Array, Array]
"""Pixels of some channels along an axis, `[in, channels]`, and what they become, `[out, channels]`."""


def _image_resized(op: OpContext, ir_op: str, probes: Mapping[int, _Probe]) -> str | None:
    """Height and width resized by the variant of an image op that does the same; None where there is none."""
    shape = op.type(0).shape
    if len(shape) != 4 or not probes or not set(probes) <= {2, 3}:
        return None
    same = {axis: (np.arange(shape[axis])[:, None],) * 2 for axis in (2, 3)}
    sides = [probes.get(axis, same[axis]) for axis in (2, 3)]
    height, width = (len(after) for _, after in sides)
    for align_corners, half_pixel_centers in ((False, False), (False, True), (True, False), (True, True)):
        attrs = ResizeAttrs((height, width), align_corners, half_pixel_centers)
        if all(_does(ir_op, attrs, side, probe) for side, probe in enumerate(sides)):
            image = op.transpose(op.required(0), (0, 2, 3, 1))
            return op.transpose(op.emit(ir_op, [image], attrs), (0, 3, 1, 2))
    return None


def _does(ir_op: str, attrs: ResizeAttrs, side: int, probe: _Probe) -> bool:
    """Whether the op, along height (0) or width (1), makes of the probe what it becomes."""
    before, after = probe
    size = (len(after), 1) if side == 0 else (1, len(after))
    image = np.expand_dims(before.astype(np.float32), (0, 2 - side))
    along = ResizeAttrs(size, attrs.align_corners, attrs.half_pixel_centers)
    (resized,) = OPS[ir_op].eval_float(along, [image])
    return np.allclose(resized.reshape(after.shape), after, rtol=0, atol=1e-5)


_NOTE = "constant scales or sizes; nearest and linear, without antialias"

CONVERTERS = {
    "Resize": Converter(_resize, ("resize_nearest", "resize_bilinear", "gather", "dense"), _NOTE),
    "Upsample": Converter(_upsample, ("resize_nearest", "resize_bilinear", "gather", "dense"), _NOTE),
}
