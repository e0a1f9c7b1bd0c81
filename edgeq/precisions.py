"""One model in several precisions, side by side: what each costs in flash, RAM and cycles, and in accuracy."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from edgeq.analysis import Comparison, compare, load_samples
from edgeq.compiler import CompiledModel
from edgeq.errors import EdgeqError
from edgeq.goals import Goal
from edgeq.ir.graph import Array
from edgeq.profile import profile
from edgeq.quantize.outputs import before_softmax
from edgeq.quantize.scheme import Scheme
from edgeq.quantize.stream import Noise, Runner, run
from edgeq.targets import read_target

FLOATS: Mapping[str, type[np.floating[Any]]] = {"fp32": np.float32, "fp16": np.float16}
"""No C is made for these: what a runtime for floats would need at least, and what such floats compute."""

INTEGERS: Mapping[str, Mapping[str, Any]] = {
    "int16x8": {"activations": "int16", "weights": "int8"},
    "int8": {"weights": "int8"},
    "int4": {"weights": "int4"},
    "int3": {"weights": "int3"},
    "int2": {"weights": "int2"},
    "binary": {"weights": "binary"},
}
"""Name to what it changes of a scheme."""

NAMES = (*FLOATS, *INTEGERS)


@dataclass(frozen=True)
class Precision:
    """A line of the table.

    Attributes:
        name: of `NAMES`.
        constant_bytes: weights, biases, multipliers and tables; of floats the weights and biases.
        arena_bytes: memory of activations; of floats what is alive at one time, at least.
        cycles: of one inference on the target; None without one, and for floats.
        sqnr: of the first output, before a softmax, in dB; infinite where nothing differs.
        top1: share of samples put into the right class; None without labels.
        flips: share of samples that the float model puts into another class; None without labels.
    """

    name: str
    constant_bytes: int
    arena_bytes: int
    cycles: int | None
    sqnr: float
    top1: float | None
    flips: float | None


def parse_names(text: str) -> list[str]:
    """Names separated by commas, or "all"; EdgeqError where one is unknown."""
    if text == "all":
        return [*NAMES]
    names = list(dict.fromkeys(filter(None, (part.strip() for part in text.split(",")))))
    for name in names or [text]:
        if name not in NAMES:
            raise EdgeqError(f"unknown precision {name!r}; accepted: {', '.join(NAMES)}, or all")
    return names


def precisions(
    names: Sequence[str],
    build: Callable[[Scheme], CompiledModel],
    scheme: Scheme,
    data: Any = None,
    labels: Array | None = None,
) -> Iterator[Precision]:
    """Compile a float model in each precision, and run it on the same samples.

    Args:
        names: of `NAMES`.
        build: compiles the model by a scheme.
        scheme: the user's choices; a precision changes activations and weights of it.
        data: as for `edgeq.analysis.compare`.
        labels: likewise.

    Raises:
        EdgeqError: where the model is no float model, or something cannot be compiled or run.
    """
    floats = [name for name in names if name in FLOATS]
    reference = build(replace(scheme, **INTEGERS["int8"])) if floats else None
    for name in names:
        if name in INTEGERS:
            yield _integers(name, build(replace(scheme, **INTEGERS[name])), data, labels)
        else:
            assert reference is not None
            yield _floats(name, reference, data, labels)


def _integers(name: str, model: CompiledModel, data: Any, labels: Array | None) -> Precision:
    result = compare(model, data, labels, layers=False)
    return Precision(
        name=name,
        constant_bytes=model.program.weight_bytes,
        arena_bytes=model.program.plan.size,
        cycles=_cycles(model),
        sqnr=_sqnr(result),
        top1=result.accuracy.c if result.accuracy else None,
        flips=result.accuracy.flips if result.accuracy else None,
    )


def _cycles(model: CompiledModel) -> int | None:
    target, goal = model.report.options["target"], model.report.options["optimize"]
    return None if target is None else profile(model, read_target(target), goal=Goal(goal)).cycles


def _sqnr(result: Comparison) -> float:
    first = result.outputs[0]
    return (first.scores or first.output).sqnr


def _floats(name: str, model: CompiledModel, data: Any, labels: Array | None) -> Precision:
    """What floats of this type need and compute; `model` is an integer model that was made from the float one."""
    assert model.quantized is not None
    graph, element = model.quantized.reference, np.dtype(FLOATS[name])
    reals = {v: a for v, a in graph.constants.items() if graph.types[v].dtype.is_float}
    narrow = graph.with_(constants={**graph.constants, **{v: _stored(v, a, element) for v, a in reals.items()}})
    samples, classes = load_samples(model, data, labels)
    noise, found, wanted = Noise(), [], []
    scores = before_softmax(graph, graph.outputs[0])
    for chunk, same in zip(Runner(graph).chunks(samples), Runner(narrow).chunks(samples), strict=True):
        right, rounded = run(chunk), run(same, partial(_stored, element=element))
        noise.add(right[scores], rounded[scores])
        wanted += right[graph.outputs[0]].reshape(chunk.count, -1).argmax(axis=1).tolist()
        found += rounded[graph.outputs[0]].reshape(chunk.count, -1).argmax(axis=1).tolist()
    return Precision(
        name=name,
        constant_bytes=sum(a.size for a in reals.values()) * element.itemsize,
        arena_bytes=model.program.plan.lower_bound * element.itemsize,
        cycles=None,
        sqnr=noise.sqnr,
        top1=None if classes is None else float(np.mean(np.array(found) == classes)),
        flips=None if classes is None else float(np.mean(np.array(found) != wanted)),
    )


def _stored(_: str, array: Array, element: np.dtype[Any]) -> Array:
    """Reals as elements of this type keep them."""
    return array.astype(element).astype(np.float32) if array.dtype == np.float32 else array
