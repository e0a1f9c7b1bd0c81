"""What every method promises, on the layers of trained networks: less error at their outputs than rounding to nearest.

Errors are those on inputs that nothing was fitted on.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shared import DATASETS, MODELS, requires_shared

from edgeq.frontend import Calibration, ModelFile, normalized
from edgeq.quantize.data import Preprocessing
from edgeq.quantize.groups import whole_groups
from edgeq.quantize.layer_statistics import LayerStatistics, statistics
from edgeq.quantize.layers import Layer, layer_of
from edgeq.quantize.round_weights import Surroundings, round_weights
from edgeq.quantize.scheme import Choice
from edgeq.quantize.stream import Runner, run

_EXAMPLES = Path(__file__).parents[2] / "examples"
_NEAREST = Choice(weight_rounding="nearest", weight_range="minmax", propagation=False, refine=False)
_METHODS = {
    "Hessian range": replace(_NEAREST, weight_range="hessian"),
    "AdaRound": replace(_NEAREST, weight_rounding="adaround", weight_range="hessian"),
    "GPTQ": replace(_NEAREST, weight_rounding="gptq", weight_range="hessian"),
    "coordinate descent": replace(_NEAREST, weight_rounding="gptq", weight_range="hessian", refine=True),
}
_FITTED = 60


class _Problem:
    """A layer of a network, and what it meets."""

    def __init__(self, layer: Layer, op: str, weights: Any, inputs: Any) -> None:
        self.layer, self.op = layer, op
        self.matrix = layer.matrix(weights.astype(np.float64))
        fitted, self._others = inputs[:_FITTED], inputs[_FITTED:]
        rows = sum(p.shape[1] for p in layer.patches(fitted))
        self.found: LayerStatistics = statistics(layer, [(fitted, fitted)], rows, moments=True)

    def error(self, choice: Choice, bits: int) -> float:
        """Of the outputs, beside the outputs; both without their means, which are the bias's business."""
        lowest = np.zeros(self.matrix.shape[:2], np.float32)
        rounded = round_weights(self.matrix, self.found.moments, choice, bits, lowest, Surroundings(_FITTED))
        wrong = signal = 0.0
        for patches in self.layer.patches(self._others):
            right = patches @ np.swapaxes(self.matrix, 1, 2)
            off = patches @ np.swapaxes(self.matrix - rounded.reals, 1, 2)
            wrong, signal = wrong + float(np.square(off).sum()), signal + float(np.square(right).sum())
        return wrong / signal


@cache
def _problems(name: str) -> tuple[_Problem, ...]:
    """The layers of a model but for tiny ones, from 100 samples."""
    model, data = {
        "digits": (_EXAMPLES / "digits.onnx", lambda: Calibration(_EXAMPLES / "digits_train.npz", 100, 0, _SIXTEENTHS)),
        "kws": (MODELS / "mlperf_kws_float.tflite", lambda: Calibration(_mfcc())),
    }[name]
    graph, _ = normalized(ModelFile.read(model).load())
    values: dict[str, list[Any]] = {}
    for chunk in Runner(graph).chunks(data().load(graph)):
        for value, array in run(chunk).items():
            values.setdefault(value, []).append(array)
    found: Iterator[_Problem] = (
        _Problem(layer, node.op, graph.constants[node.inputs[1]], np.concatenate(values[node.inputs[0]]))
        for node in graph.nodes
        if (layer := layer_of(graph, node)) is not None and layer.matrix_shape[2] >= 9
    )
    return tuple(found)


_SIXTEENTHS = Preprocessing(std=16.0)


def _mfcc() -> Any:
    with np.load(DATASETS / "kws01_mfcc.npz") as file:
        return (file["x"][:100].astype(np.float32) - 83) * np.float32(0.5847029089927673)


_models = pytest.mark.parametrize("name", ["digits", pytest.param("kws", marks=[requires_shared, pytest.mark.slow])])


@_models
@pytest.mark.parametrize("bits", [4, 3, 2])
@pytest.mark.parametrize("method", _METHODS)
def test_the_error_is_below_that_of_rounding_to_nearest(name: str, bits: int, method: str) -> None:
    for problem in _problems(name):
        assert problem.error(_METHODS[method], bits) < problem.error(_NEAREST, bits)


@_models
@pytest.mark.parametrize("bits", [4, 2])
def test_the_mse_range_brings_weights_nearer(name: str, bits: int) -> None:
    for problem in _problems(name):
        lowest = np.zeros(problem.matrix.shape[:2], np.float32)
        choices = replace(_NEAREST, weight_range="mse"), _NEAREST
        errors = [problem.matrix - round_weights(problem.matrix, None, c, bits, lowest).reals for c in choices]
        found, plain = (np.square(error).sum() for error in errors)
        assert found < plain


@_models
def test_groups_are_better_than_channels(name: str) -> None:
    best = _METHODS["coordinate descent"]
    pairs = [
        (problem.error(replace(best, weight_groups=32), 4), problem.error(best, 4))
        for problem in _problems(name)
        if whole_groups(problem.layer, problem.op, 32)
    ]
    assert pairs
    grouped, plain = np.log(pairs).mean(axis=0)
    assert grouped < plain
