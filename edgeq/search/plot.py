"""A picture of a search: what every trial takes and how accurate it is, and the front of those that none beats."""

import importlib
import io
from pathlib import Path
from typing import Any

from edgeq.errors import EdgeqError
from edgeq.search.search import Result
from edgeq.search.trial import Trial

FORMATS = ("svg", "png", "pdf")
"""By the ending of a file's name."""


def require_plot(path: str | Path) -> str:
    """The format of a picture with that name; EdgeqError where it cannot be drawn."""
    ending = Path(path).suffix.removeprefix(".").lower()
    if ending not in FORMATS:
        raise EdgeqError(f"{path}: is no picture that can be drawn; accepted: names that end in .{', .'.join(FORMATS)}")
    try:
        importlib.import_module("matplotlib")
    except ImportError as error:
        raise EdgeqError("a plot needs matplotlib; accepted: pip install 'edgeq[plot]', or no --plot") from error
    return ending


def plot(result: Result, path: str | Path) -> bytes:
    """The picture, in the format that the name asks for; the same bytes for the same result."""
    form = require_plot(path)
    figure_module = importlib.import_module("matplotlib.figure")
    matplotlib = importlib.import_module("matplotlib")
    with matplotlib.rc_context({"svg.hashsalt": "edgeq", "svg.fonttype": "none"}):
        figure = figure_module.Figure(figsize=(7.5, 4.5), layout="constrained")
        _draw(figure.subplots(), result)
        content = io.BytesIO()
        dateless = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(form, {})
        figure.savefig(content, format=form, dpi=150, metadata=dateless)
    return content.getvalue()


def _draw(axes: Any, result: Result) -> None:
    beaten = [trial for trial in result.trials if trial not in result.front]
    axes.scatter(*_points(beaten), color="0.7", s=22, label="beaten by others")
    axes.plot(*_points(list(result.front)), color="tab:blue", marker="o", markersize=5, label="front")
    axes.scatter(*_points([result.plain]), color="black", marker="s", s=36, label="int8 throughout", zorder=3)
    axes.scatter(*_points([result.chosen]), color="tab:red", marker="*", s=170, label="chosen", zorder=4)
    axes.set_xlabel("flash, KiB" if result.chosen.cycles is not None else "constants in flash, KiB")
    axes.set_ylabel("SQNR of the outputs, dB")
    axes.set_title(f"{len(result.trials)} precisions, on {result.judged_on} samples that nothing was fitted on")
    axes.grid(color="0.92")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)


def _points(trials: list[Trial]) -> tuple[list[float], list[float]]:
    return [trial.flash / 1024 for trial in trials], [trial.sqnr for trial in trials]
