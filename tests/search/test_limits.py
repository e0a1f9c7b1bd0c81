"""What a search takes, and what it says where nothing will do."""

from dataclasses import replace
from typing import Any

import pytest

from edgeq.errors import EdgeqError
from edgeq.search.assignment import Assignment
from edgeq.search.limits import Limits
from edgeq.search.trial import Trial


def _trial(flash: int, sqnr: float, drop: float | None = None, **changes: Any) -> Trial:
    trial = Trial(Assignment({"a": str(flash)}), flash // 2, flash, flash, 1000, None, sqnr, drop=drop)
    return replace(trial, **changes)


_TRIALS = (_trial(800, 40.0, 0.0), _trial(600, 28.0, 0.5), _trial(500, 22.0, 1.5), _trial(400, 12.0, 9.0))


def test_without_budgets_the_smallest_that_is_accurate_enough() -> None:
    assert Limits().best(_TRIALS) is _TRIALS[2]
    assert Limits(min_sqnr=25).best(_TRIALS) is _TRIALS[1]
    assert Limits(max_drop=1.0).best(_TRIALS) is _TRIALS[1]


def test_with_budgets_the_most_accurate_that_fits() -> None:
    assert Limits(flash=700).best(_TRIALS) is _TRIALS[1]
    assert Limits(flash=800).best(_TRIALS) is _TRIALS[0]
    assert Limits(flash=599, ram=1000).best(_TRIALS) is _TRIALS[2]


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (
            Limits(flash=450),
            ("that is accurate enough takes 500 bytes of flash", "accepted: --flash 500 or"),
        ),
        (Limits(flash=450), ("the most accurate that fits has 400 bytes", "SQNR of 12.0 dB", "or --min-sqnr 12")),
        (Limits(min_sqnr=50), ("the most accurate has 800 bytes", "accepted: --min-sqnr 40")),
        (Limits(ram=999), ("takes 500 bytes of flash, 1,000 bytes of RAM", "accepted: --ram 1000")),
        (Limits(flash=300, min_sqnr=45), ("the nearest takes 400 bytes", "--flash 400 with --min-sqnr 12")),
        (Limits(flash=450, max_drop=1), ("a drop of 9.00 points", "--min-sqnr 12 with --max-drop 9")),
    ],
)
def test_where_nothing_will_do_the_nearest_is_said_with_its_numbers(limits: Limits, expected: tuple[str, ...]) -> None:
    with pytest.raises(EdgeqError) as error:
        limits.best(_TRIALS)
    assert "nothing of 4 tried has" in str(error.value)
    for text in expected:
        assert text in str(error.value)


def test_what_is_accepted_is_enough() -> None:
    """Options that a message names lead to a trial, also where numbers are rounded."""
    trial = _trial(500, 12.3456, 9.001)
    for limits in (Limits(), Limits(max_drop=1.0)):
        with pytest.raises(EdgeqError, match=r"accepted: --min-sqnr 12\.3"):
            limits.best([trial])
    assert Limits(min_sqnr=12.3, max_drop=9.01).best([trial]) is trial


def test_budgets_below_one_are_refused() -> None:
    with pytest.raises(EdgeqError, match="flash of 0; accepted: 1 or more"):
        Limits(flash=0)
