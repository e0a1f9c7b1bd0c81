"""The short form of `benchmarks/cortex_m.py`: no figure is more than 2 % above what is committed."""

import sys
from pathlib import Path
from typing import Any

import pytest
from shared import SHARED, requires_shared

_BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
_SHORT = {
    ("kws", "cortex-m4", "speed"),
    ("kws", "cortex-m0plus", "speed"),
    ("kws", "cortex-m55", "speed"),
    ("kws", "rv32imc", "speed"),
    ("vww96", "cortex-m4", "speed"),
    ("vww96", "cortex-m4", "ram"),
    ("resnet8", "cortex-m4", "speed"),
    ("ad01", "cortex-m4", "size"),
    ("ad01", "cortex-m55", "speed"),
    ("micro_speech", "cortex-m4", "balanced"),
}


@pytest.fixture
def cortex_m(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(_BENCHMARKS))
    monkeypatch.delitem(sys.modules, "cortex_m", raising=False)
    return __import__("cortex_m")


@pytest.mark.slow
@requires_shared
@pytest.mark.parametrize("build", sorted(_SHORT), ids="-".join)
def test_no_figure_grew(cortex_m: Any, build: tuple[str, str, str]) -> None:
    row = cortex_m.measure(SHARED, *build)
    assert list(cortex_m.compare([row], cortex_m.read_rows(_BENCHMARKS / "cortex_m.json"))) == []


def test_what_grew_is_named(cortex_m: Any) -> None:
    def row(cycles: int) -> Any:
        return cortex_m.Row("kws", "cortex-m4", "speed", 1, 1, cycles, 1, 1, 1, 1)

    assert list(cortex_m.compare([row(102)], [row(100)])) == []
    assert list(cortex_m.compare([row(103)], [row(100)])) == ["kws on cortex-m4 for speed: 103 cycles, was 100"]
    assert list(cortex_m.compare([row(103)], [])) == []
