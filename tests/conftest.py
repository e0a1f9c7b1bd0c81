"""What holds for every test."""

import pytest


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands print as into a pipe, however wide the terminal is that the tests run in."""
    monkeypatch.delenv("COLUMNS", raising=False)
