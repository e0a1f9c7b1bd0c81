"""Real models: the generated C gives what TensorFlow Lite Micro gives, byte for byte; arenas stay below TFLM's."""

import functools
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import oracle
import pytest
from shared import DATASETS, INT8_MODELS, MODELS, SHARED, UINT8_MODELS, requires_shared

import edgeq
from edgeq.ir.tensor import dequantize

pytestmark = [requires_shared, pytest.mark.slow]

_RANDOM_INPUTS = 100
_REAL_INPUTS = 100


def _dataset(name: str) -> Any:
    return np.load(DATASETS / name)


def _images(name: str) -> Any:
    """0..255 to int8: the models' zero point is -128."""
    return (_dataset(name)["x"].astype(np.int16) - 128).astype(np.int8)


def _ad01() -> Any:
    """196 windows of 5 frames, quantized with the input's scale."""
    frames = _dataset("ad01_one_clip.npz")["x"].reshape(-1)
    windows = np.stack([frames[i * 128 : i * 128 + 640] for i in range(196)])
    port = _compiled("mlperf_ad01_int8").program.inputs[0].type
    return np.clip(np.rint(windows / port.scale) + port.zero_point, -128, 127).astype(np.int8)


_REAL_DATA: dict[str, Callable[[], Any]] = {
    "mlperf_kws_int8": lambda: _dataset("kws01_mfcc.npz")["x"],
    "mlperf_vww96_int8": lambda: _images("vww_coco.npz"),
    "mlperf_resnet8_int8": lambda: _images("cifar10_250.npz"),
    "mlperf_ad01_int8": _ad01,
    "tinymaix_mnist_resnet_int8": lambda: _images("mnist.npz"),
    "tinymaix_mnist_valid_int8": lambda: _images("mnist.npz"),
}


@functools.cache
def _compiled(name: str) -> edgeq.CompiledModel:
    return edgeq.compile(MODELS / f"{name}.tflite")


def _random(model: edgeq.CompiledModel) -> list[tuple[Any, ...]]:
    rng = np.random.default_rng(0)
    types = [p.type for p in model.program.inputs]
    return [
        tuple(rng.integers(*t.dtype.range, t.shape, endpoint=True).astype(t.dtype.numpy) for t in types)
        for _ in range(_RANDOM_INPUTS)
    ]


def _real(name: str, model: edgeq.CompiledModel) -> list[tuple[Any, ...]]:
    if name not in _REAL_DATA:
        return []
    shape = model.program.inputs[0].type.shape
    return [(x.reshape(shape),) for x in _REAL_DATA[name]()[:_REAL_INPUTS]]


def _as_the_file_has_it(value: Any, port: Any, file_type: Any) -> Any:
    """Integers as reals, where the file has float ports and edgeq made them integer ports."""
    return dequantize(value, port.type) if file_type.dtype.is_float else value


@pytest.mark.parametrize("name", INT8_MODELS)
def test_equal_to_tflm(name: str) -> None:
    model = _compiled(name)
    data = (MODELS / f"{name}.tflite").read_bytes()
    run = oracle.Tflm(data)
    imported = model.imported
    compared = 0
    for inputs in (*_random(model), *_real(name, model)):
        outputs = model.host.run(inputs)
        theirs = run(
            [
                _as_the_file_has_it(x, p, imported.types[v])
                for x, p, v in zip(inputs, model.program.inputs, imported.inputs, strict=True)
            ]
        )
        for ours, port, value, expected in zip(outputs, model.program.outputs, imported.outputs, theirs, strict=True):
            found = _as_the_file_has_it(ours, port, imported.types[value])
            np.testing.assert_array_equal(found.reshape(-1), expected.reshape(-1))
            compared += found.size
    assert compared > 0
    assert model.host.self_test()


@pytest.mark.parametrize("name", UINT8_MODELS)
def test_within_one_of_litert(name: str) -> None:
    """LiteRT's BUILTIN_REF scales fully connected layers in float64 and multiplies uint8 scales in float32."""
    model = _compiled(name)
    run = oracle.Litert((MODELS / f"{name}.tflite").read_bytes())
    for inputs in _random(model):
        for ours, theirs in zip(model.host.run(inputs), run(inputs), strict=True):
            assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= 1


def _peers() -> dict[str, Any]:
    if not (SHARED / "peers").is_dir():
        return {}
    models: dict[str, Any] = json.loads((SHARED / "peers" / "tflm_cmsis_nn.json").read_text())["models"]
    return models


@pytest.mark.parametrize("name", sorted(_peers()))
def test_arena_is_not_above_tflms(name: str) -> None:
    model = _compiled(name.removesuffix(".tflite"))
    theirs = min(run["arena_used"] for run in _peers()[name].values())
    assert model.program.plan.size <= theirs


_ARENAS = {
    "mlperf_ad01_int8": 768,
    "mlperf_kws_int8": 8_300,
    "mlperf_resnet8_int8": 33_312,
    "mlperf_vww96_int8": 36_872,
    "mltk_kws_mobilenetv2_int8": 36_008,
    "tflm_micro_speech_int8": 4_164,
    "tflm_person_detect_int8": 36_872,
    "tinyengine_detection_int8": 163_856,
}


@pytest.mark.parametrize("name", _ARENAS)
def test_arenas_stay_as_small_as_they_were(name: str) -> None:
    plan = edgeq.compile(MODELS / f"{name}.tflite", optimize="ram").program.plan
    assert plan.lower_bound <= plan.size <= _ARENAS[name]
    drift = 4 * 64 if name == "mlperf_kws_int8" else 0  # four convolutions in a row begin a pixel before their inputs
    assert plan.size - plan.lower_bound <= drift
