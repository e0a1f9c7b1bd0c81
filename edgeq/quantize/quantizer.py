"""From a float graph and data to an integer graph, as a table of contents.

    1. equalize   float Graph               -> float Graph     equalization, awq (on request)
    2. observe    float Graph, data         -> Histograms      observers, histogram
    3. choose     Histograms                -> Encodings       demands, ties, ranges, choose
    4. fit        Encodings, data           -> + integers      fit, round_weights, gptq, adaround, bias_correction
    5. apply      float Graph, Encodings    -> integer Graph   apply

Where the file says how values are quantized (`absorb`), that is kept; without data, it has to say all.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edgeq.errors import EdgeqError, UnsupportedModelError
from edgeq.fixedpoint import Rounding
from edgeq.ir import DType, Graph, Node
from edgeq.quantize.absorb import absorb, spread
from edgeq.quantize.apply import apply_encodings
from edgeq.quantize.awq import awq
from edgeq.quantize.bounds import bounded_outputs
from edgeq.quantize.choose import Candidate, Chosen, as_encodings, candidates, measured_samples, ranked
from edgeq.quantize.data import CalibrationData
from edgeq.quantize.demands import demands, plain_constants
from edgeq.quantize.encoding import Encoding, Encodings
from edgeq.quantize.equalization import equalize
from edgeq.quantize.fit import LayerFit, fit_weights
from edgeq.quantize.groups import require_whole_groups
from edgeq.quantize.histogram import Histogram
from edgeq.quantize.layers import layer_of
from edgeq.quantize.observers import Observers
from edgeq.quantize.ranges import Target, choose, choose_with_headroom, expected_error
from edgeq.quantize.roles import fixed_encoding
from edgeq.quantize.scheme import Scheme
from edgeq.quantize.stream import Noise, Runner, run
from edgeq.quantize.threads import one_blas_thread
from edgeq.quantize.thresholds import exact_thresholds
from edgeq.quantize.ties import Group

Track = Callable[[str, int], Callable[[], None]]
"""What is about to be done and in how many steps, to a function that is called after each: progress."""


@dataclass(frozen=True)
class TensorQuantization:
    """How one value was quantized.

    Attributes:
        value: its name in the graph.
        tensor: its name in the file.
        encoding: its integers.
        method: how the range was chosen, or "given".
        low: least real that was observed; None without data.
        high: greatest real that was observed.
        sqnr: in dB, of rounding and clipping the observed values; None without data.
    """

    value: str
    tensor: str
    encoding: Encoding
    method: str
    low: float | None = None
    high: float | None = None
    sqnr: float | None = None


@dataclass(frozen=True)
class Quantized:
    """What the quantizer made.

    Attributes:
        graph: integers.
        reference: the float graph that it stands for, before weights and biases were changed.
        floats: the float graph with the chosen biases, to which the encodings belong.
        encodings: of every value of `floats`.
        tensors: a line per activation.
        layers: a line per layer with weights.
        candidates: methods that were compared, the best first, with their SQNR in dB; empty where none was.
        samples: of the calibration data.
        notes: what else was done, a sentence each.
    """

    graph: Graph
    reference: Graph
    floats: Graph
    encodings: Encodings
    tensors: tuple[TensorQuantization, ...]
    layers: tuple[LayerFit, ...]
    candidates: tuple[Candidate, ...]
    samples: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Encoded:
    """What is known before weights are chosen.

    Attributes:
        graph: floats, as far as they were scaled.
        encodings: of activations, and of constants whose integers are given.
        chosen: the same by groups of tied values.
        candidates: as in `Quantized`.
        notes: likewise.
    """

    graph: Graph
    encodings: Encodings
    chosen: tuple[Chosen, ...]
    candidates: tuple[Candidate, ...]
    notes: tuple[str, ...]


def no_progress(_: str, __: int) -> Callable[[], None]:
    """Tells nobody."""
    return lambda: None


def quantize(
    graph: Graph, data: CalibrationData | None, scheme: Scheme, rounding: Rounding, track: Track = no_progress
) -> Quantized:
    """Quantize a normalized float graph.

    Args:
        graph: floats, with the quantize and dequantize nodes of the file, if any.
        data: samples; None where the file says everything.
        scheme: the user's choices.
        rounding: of products in the integer graph.
        track: progress.

    Raises:
        EdgeqError: where the data are empty or make a value that is no number.
        UnsupportedModelError: where something cannot be quantized.
    """
    if data is not None and len(data) == 0:
        raise EdgeqError("the calibration set is empty; accepted: at least one sample")
    scheme.require_matches(graph)
    _require_finite(graph)
    # Reals may overflow; it is looked for where they are observed.
    with np.errstate(all="ignore"), one_blas_thread():
        return _quantize(graph, data, scheme, rounding, track)


def _require_finite(graph: Graph) -> None:
    """Refuse constants that became none, as factors of a batch normalization of negative variance do."""
    refused = [
        (node.source or node.name, f"reads {value}, which holds NaN or infinity; accepted: finite constants")
        for node in graph.nodes
        for value in dict.fromkeys(node.inputs)
        if value in graph.constants and not np.isfinite(graph.constants[value]).all()
    ]
    if refused:
        raise UnsupportedModelError(graph.name, refused)


def _quantize(
    graph: Graph, data: CalibrationData | None, scheme: Scheme, rounding: Rounding, track: Track
) -> Quantized:
    encoded = encode(graph, data, scheme, track)
    graph = encoded.graph
    weighted = sum(layer_of(graph, node) is not None for node in graph.nodes)
    done = track("choosing weights", weighted)
    fitted = fit_weights(Runner(graph), data, encoded.encodings, scheme, done)
    return Quantized(
        graph=apply_encodings(fitted.graph, fitted.encodings, rounding),
        reference=graph,
        floats=fitted.graph,
        encodings=fitted.encodings,
        tensors=tuple(_lines(graph, encoded.chosen)),
        layers=fitted.layers,
        candidates=encoded.candidates,
        samples=0 if data is None else len(data),
        notes=(*encoded.notes, *fitted.notes),
    )


def encode(graph: Graph, data: CalibrationData | None, scheme: Scheme, track: Track = no_progress) -> Encoded:
    """The encodings of a normalized float graph's activations; arguments and errors are those of `quantize`."""
    graph, given = exact_thresholds(*absorb(graph))
    require_whole_groups(graph, scheme)
    graph, notes = _scaled(graph, given, data, scheme)
    if data is None:
        chosen, encodings = _from_file(graph, given)
        return Encoded(graph, encodings, tuple(chosen), (), tuple(notes))
    found = _candidates(Runner(graph), data, scheme, given, track)
    chosen = found[0].chosen
    values = {**given.values, **as_encodings(chosen)}
    encodings = replace(given, values=values, readings=_readings(graph, chosen, scheme))
    return Encoded(graph, encodings, tuple(chosen), tuple(found), tuple(notes))


def _scaled(
    graph: Graph, given: Encodings, data: CalibrationData | None, scheme: Scheme
) -> tuple[Graph, Sequence[str]]:
    """Channels scaled across layers, as far as the scheme asks for it, and what was done."""
    notes: list[str] = []
    if any(value not in graph.constants for value in given.values):
        wanted = [word for asked, word in ((scheme.equalize, "equalized"), (scheme.awq, "scaled by AWQ")) if asked]
        return graph, [f"not {word}: the file says how activations are quantized" for word in wanted]
    if scheme.equalize:
        graph, said = equalize(graph)
        notes += said
    if scheme.awq and data is not None:
        graph, said = awq(graph, data, scheme)
        notes += said
    return graph, notes


def _from_file(graph: Graph, given: Encodings) -> tuple[Sequence[Chosen], Encodings]:
    """What the file says, what follows from it, and for constants beside activations what they are themselves."""
    fixed = {node.outputs[0]: fixed_encoding(node, DType.S8) for node in graph.nodes}
    values = spread(graph, {**{v: e for v, e in fixed.items() if e is not None}, **given.values})
    for name in plain_constants(graph):
        histogram = Histogram()
        histogram.update(graph.constants[name])
        values.setdefault(name, choose(histogram, Target(), "minmax"))
    values |= bounded_outputs(graph, replace(given, values=values))
    made = [*graph.inputs, *(v for node in graph.nodes for v in node.outputs)]
    chosen = [Chosen(Group((v,)), values[v], "given") for v in made if v in values]
    return chosen, replace(given, values=values)


def _candidates(
    runner: Runner, data: CalibrationData, scheme: Scheme, given: Encodings, track: Track
) -> Sequence[Candidate]:
    """What the scheme leads to, the best first."""
    found = candidates(demands(runner.graph, scheme, given), _observe(runner, data, track))
    if len(found) == 1:
        return found
    few = measured_samples(data)
    return ranked(runner, found, few, track("comparing methods", len(few)))


def _observe(runner: Runner, data: CalibrationData, track: Track) -> Mapping[str, Histogram]:
    """Histograms of all values that nodes and ports make, and of the constants beside them."""
    graph = runner.graph
    observers = Observers(
        frozenset(v for v, t in graph.types.items() if t.dtype.is_float),
        {v: f"of {node.source or node.name}" for node in graph.nodes for v in node.outputs},
    )
    done = track("observing", len(data))
    for chunk in runner.chunks(data):
        run(chunk, observers.watch(chunk.first, chunk.count))
        for _ in range(chunk.count):
            done()
    for name in plain_constants(graph):
        observers.histograms.setdefault(name, Histogram()).update(graph.constants[name])
    return observers.histograms


def _readings(graph: Graph, chosen: Sequence[Chosen], scheme: Scheme) -> Mapping[tuple[str, DType], Encoding]:
    """How values are read by nodes that compute in another type, from what was observed."""
    encodings = as_encodings(chosen)
    readings: dict[tuple[str, DType], Encoding] = {}
    for c in chosen:
        other = DType.S8 if c.encoding.dtype is DType.S16 else DType.S16
        target = Target(other, symmetric=other is DType.S16 or scheme.of(graph, c.group.name).symmetric)
        read = [v for v in c.group.values if any(_makes(node, other, encodings) for node in graph.users.get(v, ()))]
        if read and c.histogram is not None:
            encoding = choose_with_headroom(c.histogram, target, c.method)
            readings |= {(value, other): encoding for value in read}
    return readings


def _makes(node: Node, dtype: DType, encodings: Mapping[str, Encoding]) -> bool:
    made = encodings.get(node.outputs[0])
    return made is not None and made.dtype is dtype


def _lines(graph: Graph, chosen: Iterable[Chosen]) -> Iterable[TensorQuantization]:
    for c in chosen:
        seen: dict[str, Any] = {}
        if c.histogram is not None and c.histogram.count:
            seen = {"low": c.histogram.low, "high": c.histogram.high, "sqnr": _sqnr(c.histogram, c.encoding)}
        for value in c.group.values:
            if value not in graph.constants:
                origin = graph.origins.get(value)
                yield TensorQuantization(value, origin.name if origin else "", c.encoding, c.method, **seen)


def _sqnr(histogram: Histogram, encoding: Encoding) -> float:
    """Of the observed values, in dB."""
    return Noise(histogram.squares, expected_error(histogram, encoding) * histogram.count).sqnr
