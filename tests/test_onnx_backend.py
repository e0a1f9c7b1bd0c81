"""Every operator of ONNX that edgeq knows computes what ONNX's own tests expect, but for a list with reasons."""

import fnmatch
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx_backend import COMPUTED, FOLDED, SKIPPED, cases, markdown, run

from edgeq.errors import EdgeqError

_DOCUMENT = Path(__file__).parents[1] / "docs" / "onnx.md"


@pytest.mark.parametrize("op", sorted(COMPUTED | FOLDED))
def test_an_operator_computes_what_onnx_expects(op: str) -> None:
    wrong = []
    for case in cases():
        if case.op == op and not case.skip:
            try:
                run(case)
            except (EdgeqError, AssertionError) as error:
                wrong.append(f"{case.name}: {error}")
    assert not wrong, "\n".join(wrong)


def test_what_is_skipped_does_not_pass() -> None:
    passing = []
    for case in cases():
        if case.skip:
            try:
                run(case)
            except (EdgeqError, AssertionError):
                continue
            passing.append(case.name)
    assert not passing


def test_every_pattern_skips_a_test() -> None:
    skipped = [case.name for case in cases() if case.skip]
    patterns = [f"test_{pattern}" for rule in SKIPPED for pattern in rule.patterns]
    assert [pattern for pattern in patterns if not fnmatch.filter(skipped, pattern)] == []


def test_the_document_lists_what_is_skipped(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        sys.stdout.write("\n" + markdown())
    found = re.search(r"<!-- onnx tests -->\n(.*?)<!-- end -->", _DOCUMENT.read_text(), re.DOTALL)
    assert found
    assert found[1] == markdown(), "run `python tests/onnx_backend.py` and paste"


def test_a_wrong_result_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    case = next(c for c in cases() if c.name == "test_relu")
    run(case)
    monkeypatch.setattr("onnx_backend.evaluate_float", lambda graph, _: dict.fromkeys(graph.types, np.ones((3, 4, 5))))
    with pytest.raises(AssertionError):
        run(case)
