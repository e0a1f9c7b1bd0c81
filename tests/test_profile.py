"""`edgeq profile` and `edgeq explain`, on the example."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import edgeq
from edgeq import golden
from edgeq.cli import cli
from edgeq.errors import EdgeqError
from edgeq.profile import profile
from edgeq.targets import read_target

_DIGITS = Path(__file__).parents[1] / "examples" / "digits_int8.tflite"

_TINY = """
title = "a board with hardly any memory"
core = "cortex-m4"
clock = 1000000
sources = ["none"]
reserved_flash = 1024
reserved_ram = 3072

[[memories]]
name = "rom"
kind = "flash"
origin = 0x0
size = 4096

[[memories]]
name = "sram"
kind = "ram"
origin = 0x20000000
size = 4096
"""


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["profile", str(_DIGITS), *arguments])


def test_figures_of_a_board() -> None:
    result = _run("--target", "nrf52840-dk", "--json")
    assert result.exit_code == 0, result.output
    (p,) = json.loads(result.output)["profiles"]
    layers = p["layers"]
    assert p["fits"]
    assert p["cycles"] == sum(layer["cycles"] for layer in layers)
    assert p["instructions"] == sum(layer["instructions"] for layer in layers)
    assert sum(layer["share"] for layer in layers) == pytest.approx(1)
    assert p["milliseconds"] == pytest.approx(1e3 * (p["cycles"] + p["waits"]) / p["clock"])
    assert p["waits"] > 0
    assert p["ram_bytes"] == p["sizes"]["arena"] + p["sizes"]["data"] + p["sizes"]["bss"] + p["stack_bytes"]
    assert 100 < p["stack_bytes"] < 1024
    assert all((layer["cycles"] > 0) == (layer["kernel"] is not None) for layer in layers)
    assert "dsp" in layers[0]["kernel"]


def test_several_targets_side_by_side() -> None:
    result = _run("--target", "cortex-m4,cortex-m0plus")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["cortex-m4", "cortex-m0plus"]
    assert all(line.rstrip().endswith("fits") for line in lines[1:3])


def test_a_board_that_is_too_small(tmp_path: Path) -> None:
    board = tmp_path / "tiny.toml"
    board.write_text(_TINY)
    result = _run("--target", str(board))
    assert result.exit_code == 1
    assert "does not fit" in result.output
    assert "bytes too much for sram" in " ".join(result.output.split())
    assert "bytes too much for rom" in " ".join(result.output.split())


def test_an_arena_that_no_memory_holds(tmp_path: Path) -> None:
    board = tmp_path / "tiny.toml"
    board.write_text(_TINY.replace("reserved_ram = 3072", "reserved_ram = 4000"))
    result = CliRunner().invoke(cli, ["compile", str(_DIGITS), "--target", str(board), "-o", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "does not fit tiny: the arena takes" in result.stderr
    assert "at its peak, layer" in result.stderr
    assert "accepted: up to 96 bytes" in result.stderr
    assert not (tmp_path / "out").exists()


def test_no_target_and_unknown_targets() -> None:
    assert "no --target; accepted" in _run().stderr
    result = _run("--target", "z80")
    assert result.exit_code == 1
    assert "unknown target 'z80'; accepted: " in result.stderr


def test_outputs_that_differ_are_no_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = edgeq.compile(_DIGITS, target="cortex-m4")
    right = golden.vectors(compiled.program.graph)
    wrong = [golden.Vector(v.inputs, tuple(np.asarray(o) ^ 1 for o in v.outputs)) for v in right]
    monkeypatch.setattr(golden, "vectors", lambda _: wrong)
    with pytest.raises(EdgeqError, match="differs on cortex-m4: 10 of 10 elements"):
        profile(compiled, read_target("cortex-m4"))


def _explained(*arguments: str) -> list[dict[str, Any]]:
    result = CliRunner().invoke(cli, ["explain", str(_DIGITS), "--json", *arguments])
    assert result.exit_code == 0, result.output
    layers: list[dict[str, Any]] = json.loads(result.output)["layers"]
    return layers


def test_explain_says_what_was_beaten_and_what_cannot() -> None:
    without, on_m4 = _explained(), _explained("--target", "cortex-m4", "--optimize", "speed")
    assert {"kernel": "conv2d_s8__dsp", "reason": "needs dsp; any core has c"} in without[0]["refused"]
    taken = on_m4[0]["taken"]
    assert taken["kernel"].endswith("__dsp")
    beaten = {c["kernel"]: c["cycles"] for c in on_m4[0]["beaten"]}
    assert beaten["conv2d_s8"] > taken["cycles"]


def test_explain_as_a_table() -> None:
    result = CliRunner().invoke(cli, ["explain", str(_DIGITS), "--target", "cortex-m4", "--optimize", "speed"])
    assert "times the cycles" in result.output
    assert "needs mve; cortex-m4 has c, swar, dsp" in result.output
