"""What convolutions, dense layers, matrix products and pools refuse, and how they say it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tflite_writer import TfliteWriter

from edgeq.errors import EdgeqError
from edgeq.importers import import_model
from edgeq.program import build_program


def _compile(m: TfliteWriter, inputs: list[int], output: int) -> None:
    build_program(import_model(m.build(inputs, [output]), "refused.tflite"), "net")


def _conv(*, x: dict[str, Any] | None = None, w: dict[str, Any] | None = None, **options: Any) -> Callable[[], None]:
    """CONV_2D of a 4 x 4 image with 3 x 3 filters; what is given differs from a model that is accepted."""

    def build() -> None:
        m = TfliteWriter()
        image = m.tensor((1, 4, 4, 2), **{"scale": 0.1, **(x or {})})
        filters = m.constant(np.ones((3, 3, 3, 2), np.int8), **{"scale": 0.1, **(w or {})})
        bias = m.constant(np.zeros(3, options.pop("bias", np.int32)))
        y = m.tensor((1, 4, 4, 3), scale=0.1)
        fields = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1, **options}
        m.operator("CONV_2D", [image, filters, bias], [y], "Conv2DOptions", **fields)
        _compile(m, [image], y)

    return build


def _dense(
    *, features: int = 4, weights: Any = None, bias: bool = True, dtype: Any = np.int8, **options: Any
) -> Callable[[], None]:
    """FULLY_CONNECTED of two rows; `weights` None: computed at run time."""

    def build() -> None:
        m = TfliteWriter()
        x, y = m.tensor((2, features), dtype, scale=0.1), m.tensor((2, 3), dtype, scale=0.1)
        w = m.tensor((3, 4), scale=0.1) if weights is None else m.constant(weights, scale=0.1)
        inputs = [x, w, m.constant(np.zeros(3, np.int32))] if bias else [x, w]
        m.operator("FULLY_CONNECTED", inputs, [y], "FullyConnectedOptions", **options)
        _compile(m, [x] if weights is not None else [x, w], y)

    return build


def _matmul(lhs: tuple[int, ...], rhs: tuple[int, ...], out: tuple[int, ...]) -> Callable[[], None]:
    def build() -> None:
        m = TfliteWriter()
        a, b, y = (m.tensor(shape, scale=0.1, zero_point=-128) for shape in (lhs, rhs, out))
        m.operator("BATCH_MATMUL", [a, b], [y], "BatchMatMulOptions")
        _compile(m, [a, b], y)

    return build


def _transpose_conv(shape: Any, **options: Any) -> Callable[[], None]:
    def build() -> None:
        m = TfliteWriter()
        x, y = m.tensor((1, 2, 2, 2), scale=0.1), m.tensor((1, 4, 4, 3), scale=0.1)
        size = m.tensor((4,), np.int32) if shape is None else m.constant(np.array(shape, np.int32))
        w = m.constant(np.ones((3, 2, 2, 2), np.int8), scale=0.1)
        fields = {"strideH": 2, "strideW": 2, **options}
        m.operator("TRANSPOSE_CONV", [size, w, x], [y], "TransposeConvOptions", **fields)
        _compile(m, [x] if shape is not None else [x, size], y)

    return build


def _pool(
    name: str = "MAX_POOL_2D", *, y_scale: float = 0.1, dtype: Any = np.int8, **options: Any
) -> Callable[[], None]:
    def build() -> None:
        m = TfliteWriter()
        x, y = m.tensor((1, 4, 4, 2), dtype, scale=0.1), m.tensor((1, 2, 2, 2), dtype, scale=y_scale)
        fields = {"filterHeight": 2, "filterWidth": 2, "strideH": 2, "strideW": 2, **options}
        m.operator(name, [x], [y], "Pool2DOptions", **fields)
        _compile(m, [x], y)

    return build


_ACCEPTED = {
    "conv": _conv(),
    "dense": _dense(weights=np.ones((3, 4), np.int8)),
    "dense, weights at run time": _dense(bias=False),
    "matmul": _matmul((2, 3), (3, 2), (2, 2)),
    "transpose_conv": _transpose_conv((1, 4, 4, 3)),
    "pool": _pool(),
}

_REFUSED = [
    (_conv(x={"dtype": np.int32}), "input is s32; accepted: s8 or s16"),
    (_conv(x={"dtype": np.int16}), "the bias is int32; accepted with int16 activations: int64"),
    (_conv(x={"dtype": np.int16}, w={"zero_point": 3}, bias=np.int64), "zero point 3; accepted with int16 activ"),
    (_conv(w={"scale": [0.1, 0.2, 0.3], "zero_point": [0, 1, 0]}), "accepted: zero points of 0"),
    (_conv(w={"scale": [0.1] * 3, "axis": 1}), "quantized along dimension 1; accepted: 0"),
    (_conv(w={"scale": None}), "the filter is not quantized"),
    (_conv(bias=np.float32), "the bias is float32; accepted: int32, int64"),
    (_conv(strideH=0), "stride is (0, 1); accepted: 1 and more"),
    (_conv(padding=7), "padding scheme 7; accepted: SAME, VALID"),
    (_conv(dilationHFactor=2**30), "elements; accepted: up to"),
    (_conv(padding=1, dilationWFactor=9), "larger than the padded input"),
    (_conv(fusedActivationFunction=4), "fused activation 4; accepted"),
    (_dense(), "the weights are computed at run time and there is a bias"),
    (_dense(weights=np.ones((3, 4), np.int8), dtype=np.int16), "the bias is int32; accepted with int16 activ"),
    (_dense(weights=np.ones((3, 4), np.int8), weightsFormat=1), "weights format 1; accepted: 0"),
    (_dense(weights=np.ones((3, 3), np.int8)), "does not consist of rows of 3 values"),
    (_dense(weights=np.ones((3, 2), np.int8), keepNumDims=True), "do not fit input"),
    (_dense(weights=np.ones((3, 2, 2), np.int8)), "have rank 3; expected 2"),
    (_dense(features=140_000, weights=np.full((3, 140_000), 127, np.int8)), "sums can grow to 2275840000; accepted"),
    (_matmul((3,), (3, 2), (2,)), "accepted: ranks 2 to 5"),
    (_matmul((2, 3), (2, 3), (2, 3)), "differ in the dimension that is summed: 3 and 2"),
    (_matmul((2, 2, 3), (3, 3, 2), (2, 2, 2)), "cannot be broadcast"),
    (_matmul((1, 40_000), (40_000, 1), (1, 1)), "sums can grow to 2601000000; accepted"),
    (_transpose_conv(None), "the output shape is computed at run time"),
    (_transpose_conv((1, 4, 4)), "output shape [1, 4, 4] does not fit"),
    (_transpose_conv((2, 4, 4, 3)), "output shape [2, 4, 4, 3] does not fit"),
    (_transpose_conv((1, 0, 4, 3)), "height and width of the output is (0, 4)"),
    (_transpose_conv((1, 4, 4, 3), strideH=9), "2 input positions at stride 9 do not fit an output of 4"),
    (_pool(y_scale=0.2), "must share scale and zero point"),
    (_pool("AVERAGE_POOL_2D", y_scale=0.2), 'AVERAGE_POOL_2D #0 "tensor1": input and output are quantized as'),
    (_pool(dtype=np.int32), "input is s32; accepted: s8 or s16"),
    (_pool(filterHeight=0), "window is (0, 2); accepted: 1 and more"),
    (_pool(filterHeight=5, padding=1), "is larger than the padded input"),
]


@pytest.mark.parametrize("build", _ACCEPTED.values(), ids=_ACCEPTED.keys())
def test_the_unchanged_models_are_accepted(build: Callable[[], None]) -> None:
    build()


@pytest.mark.parametrize(("build", "sentence"), _REFUSED, ids=[sentence for _, sentence in _REFUSED])
def test_refusals(build: Callable[[], None], sentence: str) -> None:
    with pytest.raises(EdgeqError) as error:
        build()
    assert sentence in str(error.value)
