"""One model in several precisions, side by side."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from toolchains import tool

from edgeq.cli import cli
from edgeq.errors import EdgeqError
from edgeq.precisions import NAMES, parse_names

_EXAMPLES = Path(__file__).parents[1] / "examples"
_DIGITS = ("compare", str(_EXAMPLES / "digits.onnx"), "--calibrate", str(_EXAMPLES / "digits_train.npz"), "--std", "16")


def test_names() -> None:
    assert parse_names("int4, fp32,int4") == ["int4", "fp32"]
    assert parse_names("all") == [*NAMES]
    for text in ("", "int5", "int4,x"):
        with pytest.raises(EdgeqError, match=r"unknown precision '.*'; accepted: fp32, fp16, int16x8"):
            parse_names(text)


def test_each_costs_what_it_says(tmp_path: Path) -> None:
    data = np.load(_EXAMPLES / "digits_train.npz")
    labels = tmp_path / "labels.npy"
    np.save(labels, np.arange(len(data["x"])) % 10)
    result = CliRunner().invoke(cli, [*_DIGITS, "--labels", str(labels), "--precisions", "all", "--json"])
    assert result.exit_code == 0, result.output
    rows = {row["name"]: row for row in json.loads(result.stdout)["precisions"]}
    assert [*rows] == [*NAMES]
    weights = rows["fp32"]["constant_bytes"] // 4
    assert rows["fp32"]["sqnr"] is None  # nothing differs
    assert rows["fp16"]["constant_bytes"] == 2 * weights
    assert rows["fp32"]["flips"] == 0
    order = ["fp16", "int16x8", "int8", "int4", "int3", "int2", "binary"]
    found = [rows[name]["sqnr"] for name in order]
    assert found == sorted(found, reverse=True)
    narrow = ["int8", "int4", "int2", "binary"]
    sizes = [rows[name]["constant_bytes"] for name in narrow]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == len(sizes)
    assert all(0 <= row["top1"] <= 1 and row["cycles"] is None for row in rows.values())


def test_cycles_are_those_of_the_target() -> None:
    tool("arm-none-eabi-gcc")
    result = CliRunner().invoke(cli, [*_DIGITS, "--precisions", "fp32,int8", "--target", "cortex-m4"])
    assert result.exit_code == 0, result.output
    real, int8 = (line.split() for line in result.output.splitlines()[1:3])
    assert real[3] == "-"
    assert int(int8[3].replace(",", "")) > 10_000
    assert math.isfinite(float(int8[4]))


def test_what_does_not_go_together() -> None:
    result = CliRunner().invoke(cli, [*_DIGITS, "--precisions", "int8", "--against", "x.onnx"])
    assert result.exit_code == 1
    assert "--precisions with --against; accepted: one of them" in result.stderr
