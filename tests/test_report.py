"""report.json: what its schema promises, numbers that agree with each other, the same bytes for the same model."""

import itertools
import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import small_models

import edgeq
from edgeq.compiler import CompiledModel
from edgeq.program import ArenaRef, Layer

_ROOT = Path(__file__).parents[1]
_SCHEMA = json.loads((_ROOT / "docs" / "report.schema.json").read_text())
_MODELS = {
    "digits": (_ROOT / "examples" / "digits_int8.tflite").read_bytes(),
    "convolutions": small_models.convolutions(),
    "dead channels": small_models.convolutions(dead=2),
    "uint8": small_models.convolutions(np.uint8),
    "two ports": small_models.two_ports(),
    "float border": small_models.float_border(),
}


@pytest.fixture(scope="module", params=_MODELS)
def model(request: pytest.FixtureRequest) -> CompiledModel:
    return edgeq.compile(_MODELS[request.param])


def _report(model: CompiledModel) -> Any:
    return json.loads(model.files["report.json"])


def test_the_report_follows_its_schema(model: CompiledModel) -> None:
    jsonschema.Draft202012Validator.check_schema(_SCHEMA)
    jsonschema.validate(_report(model), _SCHEMA)


def test_float_ports_follow_the_schema() -> None:
    report = _report(edgeq.compile(small_models.float_border(), float_ports=True))
    jsonschema.validate(report, _SCHEMA)
    assert report["inputs"][0]["quant"] is None
    assert report["options"]["float_ports"] is True


def test_every_object_of_the_schema_is_closed_and_complete() -> None:
    """So that a field that is added to the report must be added to the schema."""

    def objects(node: Any) -> list[Any]:
        if isinstance(node, list):
            return [o for item in node for o in objects(item)]
        if not isinstance(node, dict):
            return []
        own = [node] if node.get("type") == "object" and "properties" in node else []
        return own + [o for item in node.values() for o in objects(item)]

    for node in objects(_SCHEMA):
        assert node["additionalProperties"] is False
        assert node["required"] == list(node["properties"])


def test_the_files_are_those_of_the_folder(model: CompiledModel) -> None:
    assert _report(model)["files"] == sorted(model.files)


def test_the_sums_add_up(model: CompiledModel) -> None:
    report = _report(model)
    assert report["macs"] == sum(layer["macs"] for layer in report["layers"])
    assert report["weight_bytes"] == sum(layer["weight_bytes"] for layer in report["layers"])
    memory = report["memory"]
    live = sum(block["bytes"] for block in memory["live_at_peak"])
    assert memory["lower_bound_bytes"] == live - memory["shared_bytes"]
    assert memory["arena_bytes"] >= memory["lower_bound_bytes"]


def test_what_is_live_at_the_peak_overlaps_only_with_the_output_of_its_layer(model: CompiledModel) -> None:
    report = _report(model)
    made = {value["name"] for value in report["layers"][report["memory"]["peak_layer"]]["outputs"]}
    blocks = [b for b in report["memory"]["live_at_peak"] if not made.intersection(b["values"])]
    for a, b in itertools.pairwise(blocks):
        assert a["offset"] + a["bytes"] <= b["offset"]


def test_the_placement_says_what_the_call_does(model: CompiledModel) -> None:
    """A view has no kernel; in place, the output begins where an input does; its own memory has no byte of an input."""
    for info, layer in zip(model.report.layers, model.program.layers, strict=True):
        assert (info.placement == "view") == (layer.kernel is None)
        starts = [getattr(i, "offset", None) for i in layer.inputs]
        if layer.kernel is not None:
            assert (info.placement == "in place") == (layer.outputs[0].offset in starts)
            assert (info.placement == "own") == _is_apart(model, layer)


def _is_apart(model: CompiledModel, layer: Layer) -> bool:
    types = model.program.graph.types
    output, *inputs = (
        set(range(ref.offset, ref.offset + types[ref.value].bytes))
        for ref in (layer.outputs[0], *layer.inputs)
        if isinstance(ref, ArenaRef)
    )
    return all(output.isdisjoint(i) for i in inputs)


def test_the_same_model_gives_the_same_bytes(model: CompiledModel) -> None:
    again = edgeq.compile(model.data)
    assert again.files == model.files


def test_the_report_names_no_place_and_no_time(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(small_models.two_ports())
    text = edgeq.compile(path).files["report.json"]
    assert str(tmp_path) not in text
    assert json.loads(text)["model"]["file"] == "net.tflite"


def test_the_passes_say_what_they_did() -> None:
    report = edgeq.compile(small_models.convolutions(dead=2)).report
    (changes,) = [p.changes for p in report.passes if p.name == "remove dead channels"]
    assert changes


def test_write_makes_the_folder(tmp_path: Path, model: CompiledModel) -> None:
    model.write(tmp_path / "out")
    written = {str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert written == set(model.files)
    model.write(tmp_path / "out")
