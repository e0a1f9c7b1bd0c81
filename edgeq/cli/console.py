"""What the commands share: where they print, how numbers look, progress, JSON."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

_T = TypeVar("_T")

_PIPE_WIDTH = 120  # columns, where the output is no terminal and COLUMNS is not set


def stdout() -> Console:
    """Standard output; made for each command, as tests replace the stream."""
    return _console(sys.stdout)


def stderr() -> Console:
    """Standard error."""
    return _console(sys.stderr)


def _console(stream: Any) -> Console:
    wide = not stream.isatty() and "COLUMNS" not in os.environ
    return Console(file=stream, width=_PIPE_WIDTH if wide else None, markup=False, emoji=False, highlight=False)


def safe(text: str) -> str:
    """Text from a model file without anything that a terminal would obey."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)


def print_error(message: str) -> None:
    """One message on standard error."""
    click.echo(f"edgeq: {safe(message)}", err=True)


def print_json(document: Any) -> None:
    """A document on standard output, and nothing else."""
    click.echo(json.dumps(document, indent=2))


def short_source(source: str) -> str:
    """The operator of the file without the name of its tensor, which can be very long."""
    return safe(source.split(' "', maxsplit=1)[0])


def table(*columns: str, numbers: Sequence[str] = ()) -> Table:
    """A table without lines; columns named in `numbers` are right-aligned, the last one takes what width is left."""
    result = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in columns:
        result.add_column(name, justify="right" if name in numbers else "left", no_wrap=name != columns[-1])
    return result


def last(text: str) -> Text:
    """A cell in the last column of a table that is cut, not wrapped, where the width does not suffice."""
    return Text(safe(text), no_wrap=True, overflow="ellipsis")


def facts(rows: Mapping[str, str | Text]) -> Table:
    """Labels with their values; what is long continues below itself."""
    result = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    result.add_column(style="dim", no_wrap=True)
    result.add_column(overflow="fold")
    for label, value in rows.items():
        result.add_row(label, value)
    return result


def number(value: int) -> str:
    """With thousands separated."""
    return f"{value:,}"


def size(value: int) -> str:
    """Bytes, and KiB beside them where that is easier to grasp."""
    exact = f"{value:,} B"
    return f"{exact} ({value / 1024:,.1f} KiB)" if value >= 1024 else exact


def decibel(value: float | None) -> str:
    """A ratio; nothing where there is none."""
    return "" if value is None else f"{value:.1f} dB"


def plural(count: int, noun: str) -> str:
    """`1 layer`, `2 layers`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


@contextmanager
def working(what: str) -> Iterator[None]:
    """A spinner while something takes long; only on a terminal."""
    console = stderr()
    if not console.is_terminal:
        yield
        return
    with console.status(Text(safe(what))):
        yield


def tracker(what: str, total: int) -> Callable[[Iterable[_T]], Iterable[_T]]:
    """Wraps an iterable of `total` items into a progress bar; only on a terminal."""

    def track(items: Iterable[_T]) -> Iterable[_T]:
        console = stderr()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            yield from progress.track(items, total=total, description=safe(what))

    return track


@contextmanager
def tracking(what: str) -> Iterator[Callable[[str, int], Callable[[], None]]]:
    """Progress of `what`, and of the steps in it, each a bar with the time left; only on a terminal."""
    console = stderr()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        progress.add_task(safe(what), total=None)

        def track(step: str, total: int) -> Callable[[], None]:
            task = progress.add_task(safe(step), total=total)
            return lambda: progress.advance(task)

        yield track
