"""Every pass, on every test case and on random graphs: the result is valid and computes the same integers."""

from typing import Any

import kernel_library
import numpy as np
import pytest
from cases import CASES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_graphs import random_graphs
from rewriting import random_inputs, require_same_outputs, run_pass
from shared import MODELS, requires_shared

from edgeq.errors import EdgeqError
from edgeq.evaluate import evaluate
from edgeq.importers import import_model
from edgeq.ir import Graph
from edgeq.passes import PIPELINE, pipeline, run_passes
from edgeq.program import build_program

_settings = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("name", sorted(CASES))
@settings(_settings, max_examples=4)
@given(data=st.data())
def test_on_every_operator(name: str, data: st.DataObject) -> None:
    case = data.draw(CASES[name])
    graph = import_model(case.model, f"{name}.tflite")
    # Moves are tested on floats too, which cannot all become integers.
    moves_floats = any(graph.types[v].dtype.is_float for v in graph.inputs) and name not in ("QUANTIZE", "DEQUANTIZE")
    steps = pipeline(float_ports=moves_floats)
    for step in steps:
        run_pass(step, graph, seeds=[0])
    require_same_outputs(graph, run_passes(graph, steps)[0], case.inputs)


@settings(_settings, max_examples=150)
@given(graph=random_graphs(), seed=st.integers(0, 2**32 - 1))
def test_on_random_graphs(graph: Graph, seed: int) -> None:
    for step in PIPELINE:
        run_pass(step, graph, seeds=[seed])
    inputs = random_inputs(graph, seed)
    after, _ = run_passes(graph, pipeline(float_ports=True))
    require_same_outputs(graph, after, inputs)
    _require_same_in_c(graph, after, inputs)


def _require_same_in_c(before: Graph, after: Graph, inputs: list[Any]) -> None:
    values = evaluate(before, inputs)
    for found, name in zip(kernel_library.run(build_program(after, "net"), inputs), before.outputs, strict=True):
        np.testing.assert_array_equal(found, values[name])


@pytest.mark.slow
@requires_shared
@pytest.mark.parametrize("path", sorted(MODELS.glob("*int8.tflite")), ids=lambda path: path.stem)
def test_on_real_models(path: Any) -> None:
    try:
        graph = import_model(path.read_bytes(), path.name)
    except EdgeqError:
        pytest.skip("not supported")
    for step in PIPELINE:
        graph, _ = run_pass(step, graph, seeds=[0])
