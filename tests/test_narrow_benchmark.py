"""`benchmarks/narrow.py`: cells that are there are not computed again, and tables are means of what is there."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

_BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    pytest.importorskip("onnxruntime")
    monkeypatch.syspath_prepend(str(_BENCHMARKS))
    yield importlib.import_module("narrow")
    for name in ("narrow", "accuracy", "float_onnx"):
        sys.modules.pop(name, None)


def _cells(narrow: ModuleType) -> dict[object, object]:
    default = "the same, propagation: the default"
    figures = [
        ("kws", default, 0, 26.0),
        ("kws", default, 1, 25.0),
        ("kws", "GPTQ", 0, 21.0),
        ("vww96", default, 0, 17.0),
    ]
    cells = [narrow.Cell(narrow.Key(m, row, seed), sqnr, 0.5, 1.0, 2.0) for m, row, seed, sqnr in figures]
    return {cell.key: cell for cell in cells}


def test_cells_are_kept_and_read_back(narrow: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "cells.json"
    assert narrow.read_cells(path) == narrow.read_cells(None) == {}
    narrow.write_cells(path, _cells(narrow))
    assert narrow.read_cells(path) == _cells(narrow)
    assert [p.name for p in tmp_path.iterdir()] == ["cells.json"]


def test_first_seeds_come_first_and_the_default_has_more(narrow: ModuleType) -> None:
    keys = narrow.wanted(["kws", "mnist8"], ["GPTQ", "the same, propagation: the default"], 3, 2)
    assert [k.seed for k in keys] == [0] * 4 + [1] * 4 + [2] * 2
    assert {k.method for k in keys[8:]} == {"the same, propagation: the default"}


def test_tables_are_means_of_what_is_there(narrow: ModuleType) -> None:
    lines = narrow.markdown(_cells(narrow)).splitlines()
    assert "| the same, propagation: the default | 1 to 2 | 25.5 | 17.0 |" in lines
    assert "| GPTQ | 1 | 21.0 | - |" in lines
    assert "| *bar of the default* |  | 25 | 18 |" in lines
    assert narrow.below(_cells(narrow)) == ["vww96: 17.00 dB; the bar is 18"]


def test_each_row_is_a_scheme_of_its_own(narrow: ModuleType) -> None:
    schemes = [*narrow.METHODS.values(), *narrow.WIDTHS.values()]
    assert len({repr(s) for s in schemes}) == len(schemes)
