"""Results of a search on disk."""

from pathlib import Path

import pytest

from edgeq.errors import EdgeqError
from edgeq.search.journal import Journal


def test_results_are_found_again(tmp_path: Path) -> None:
    first = Journal(tmp_path / "j")
    first.add("a", {"x": 1.5})
    first.add("b", [None])
    again = Journal(tmp_path / "j")
    assert "a" in again
    assert again["a"] == {"x": 1.5}
    assert again["b"] == [None]
    assert "c" not in again


def test_a_line_that_was_cut_off_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = Journal(path)
    journal.add("a", 1)
    journal.add("b", 2)
    path.write_bytes(path.read_bytes()[:-5] + b"\n\xff[1]\n")
    again = Journal(path)
    assert again["a"] == 1
    assert "b" not in again
    again.add("b", 3)
    assert Journal(path)["b"] == 3


def test_without_a_path_nothing_is_written() -> None:
    journal = Journal()
    journal.add("a", 1)
    assert journal["a"] == 1


def test_a_file_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(EdgeqError, match="directory"):
        Journal(tmp_path)
    with pytest.raises(EdgeqError, match="No such file"):
        Journal(tmp_path / "no" / "j").add("a", 1)
