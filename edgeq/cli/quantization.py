"""How commands show what the quantizer did."""

from rich.table import Table
from rich.text import Text

from edgeq.cli.console import decibel, last, plural, safe, table
from edgeq.report import QuantizationInfo


def method_text(info: QuantizationInfo) -> Text:
    """On how many samples, and by which method; what else was done, a line each."""
    return Text("\n").join([_method(info), *(Text(safe(note)) for note in info.notes)])


def _method(info: QuantizationInfo) -> Text:
    if not info.samples:
        return Text("as the file says")
    text = Text(f"on {plural(info.samples, 'sample')}")
    if info.methods:
        first, *others = info.methods
        text.append(f", ranges by {first.name}").append(
            "" if not others else f": {decibel(first.sqnr_db)} at the outputs"
        )
        if others:
            text.append(f" ({', '.join(f'{m.name} {decibel(m.sqnr_db)}' for m in others)})", "dim")
    return text


def tensor_table(info: QuantizationInfo) -> Table:
    """A row per activation."""
    numbers = ("lowest", "highest", "SQNR")
    rows = table("value", "integers", "range by", *numbers, "tensor", numbers=numbers)
    for t in info.tensors:
        span = ["" if v is None else f"{v:.4g}" for v in (t.low, t.high)]
        rows.add_row(safe(t.name), t.encoding, t.method, *span, decibel(t.sqnr_db), last(t.tensor))
    return rows


def weight_table(info: QuantizationInfo) -> Table:
    """A row per layer with weights."""
    rows = table("SQNR", "rounded by", "weights of", numbers=("SQNR",))
    for w in info.weights:
        rows.add_row(decibel(w.sqnr_db), w.method, last(w.node))
    return rows
