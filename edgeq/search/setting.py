"""What a search is about: the model, the data that weights are fitted on and those that choices are judged on."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from edgeq.compiler import CompiledModel, Options, compile_prepared, network_name
from edgeq.errors import EdgeqError
from edgeq.fixedpoint import Rounding
from edgeq.frontend import MATCHES, Calibration, ModelFile, Prepared, is_float, normalized
from edgeq.ir import Graph, Node
from edgeq.ir.graph import Array
from edgeq.quantize.data import CalibrationData
from edgeq.quantize.layers import layer_of
from edgeq.quantize.quantizer import Encoded, encode, quantize
from edgeq.quantize.scheme import WEIGHTS, Scheme
from edgeq.version import __version__

_FITTED = 0.7
"""Share of the samples that weights are fitted on, where there are no others to judge by."""

_NARROW = ("conv2d", "depthwise_conv2d", "dense")
"""Ops that have kernels for weights of less than 8 bits."""


@dataclass(frozen=True)
class Setting:
    """A search but for its limits, as it can be sent to other processes.

    Attributes:
        file: the model, of floats.
        calibration: sample inputs.
        scheme: the user's choices; what its rules say of a layer's weights is left as it is.
        options: for the compiler.
        shapes: of inputs that the file leaves open.
        data: samples to judge by; None: those of `calibration` that weights are not fitted on.
        labels: classes of the samples to judge by or, without `data`, of all samples; None: those of the data, if any.
        widths: types of weights to choose from, keys of `WEIGHTS`, the widest first; int8 is always one of them.
        seed: of which samples are fitted on.
    """

    file: ModelFile
    calibration: Calibration
    scheme: Scheme = field(default_factory=Scheme)
    options: Options = field(default_factory=Options)
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    data: Calibration | None = None
    labels: Array | None = None
    widths: tuple[str, ...] = ("int8", "int4", "int3", "int2")
    seed: int = 0


@dataclass(frozen=True)
class SearchedLayer:
    """A layer whose weights can be narrow.

    Attributes:
        name: what a rule of a scheme calls it.
        node: its name in the float graph.
        size: number of weights.
    """

    name: str
    node: str
    size: int


class Bench:
    """A setting with everything loaded."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting

    @cached_property
    def _imported(self) -> Graph:
        file = self.setting.file
        imported = file.load(self.setting.shapes)
        if not is_float(imported, moves=True):
            raise EdgeqError(f"{file.where}: is quantized already; accepted: a model that computes with floats")
        return imported

    @cached_property
    def _normalized(self) -> Prepared:
        options = self.setting.options
        layout, softmax = options.input_layout, options.softmax
        graph, done = normalized(self._imported, input_layout=layout, final_softmax=softmax)
        return Prepared(self.setting.file, self._imported, graph, done=done)

    @property
    def graph(self) -> Graph:
        """The float graph."""
        return self._normalized.graph

    @cached_property
    def fitted_on(self) -> CalibrationData:
        """The samples that weights are fitted on."""
        return self._split[0]

    @cached_property
    def judged_on(self) -> CalibrationData:
        """The samples that choices are judged on, with their classes where those are known."""
        return self._split[1]

    @cached_property
    def _split(self) -> tuple[CalibrationData, CalibrationData]:
        setting = self.setting
        everything = replace(setting.calibration, count=None).load(self.graph)
        count = setting.calibration.count
        if setting.data is not None:
            fitted = everything if count is None else everything.split(min(count, len(everything)), setting.seed)[0]
            judged = _with_labels(setting.data.load(self.graph), setting.labels)
        else:
            count = round(_FITTED * len(everything)) if count is None else count
            fitted, judged = _with_labels(everything, setting.labels).split(count, setting.seed)
        for data, what in ((fitted, "fit weights on"), (judged, "judge choices on")):
            if not len(data):
                raise EdgeqError(
                    f"{len(everything)} samples, and none is left to {what}; accepted: more samples, or fewer of them"
                    " to calibrate with, or other data to judge by"
                )
        return fitted, judged

    @cached_property
    def layers(self) -> tuple[SearchedLayer, ...]:
        """What the search chooses for: layers with float weights, where no rule of the user has chosen before."""
        graph = self.graph
        nodes = [node for node in graph.nodes if node.op in _NARROW and layer_of(graph, node) is not None]
        names = self.names
        return tuple(
            SearchedLayer(names[node.name], node.name, graph.constants[node.inputs[1]].size)
            for node in nodes
            if not self._is_given(graph, node)
        )

    def _is_given(self, graph: Graph, node: Node) -> bool:
        """Whether the file or a rule of the user says what the weights are."""
        rules = self.setting.scheme.layers
        ruled = any("weights" in rule.changes and rule.fits(graph, node.outputs[0]) for rule in rules)
        return ruled or not graph.types[node.inputs[1]].dtype.is_float

    @cached_property
    def names(self) -> Mapping[str, str]:
        """By node of the float graph, what a rule calls it: its source, or what it makes where others share that."""
        sources = [node.source for node in self.graph.nodes]
        return {
            node.name: node.source if node.source and sources.count(node.source) == 1 else node.outputs[0]
            for node in self.graph.nodes
        }

    def plain(self, **changes: Any) -> Scheme:
        """The user's scheme with other choices."""
        return replace(self.setting.scheme, **changes)

    @cached_property
    def encoded(self) -> Encoded:
        """The float graph with the encodings of its activations."""
        return encode(self.graph, self.fitted_on, self.setting.scheme)

    def prepare(self, scheme: Scheme) -> Prepared:
        """The model quantized by a scheme, on the samples to fit on."""
        rounding = MATCHES.get(self.setting.options.match, Rounding.SINGLE)
        quantized = quantize(self.graph, self.fitted_on, scheme, rounding)
        return replace(self._normalized, graph=quantized.graph, quantized=quantized, data=self.fitted_on)

    def compile(self, scheme: Scheme) -> CompiledModel:
        """The same compiled."""
        options = self.setting.options
        return compile_prepared(self.prepare(scheme), network_name(self.setting.file, options), options)

    @cached_property
    def digest(self) -> str:
        """Of everything that results depend on, but for the choices that are tried."""
        setting = self.setting
        hashed = hashlib.sha256(f"{__version__} {setting.scheme} {setting.options} {setting.shapes}".encode())
        hashed.update(setting.file.sha256.encode())
        for data in (self.fitted_on, self.judged_on):
            for sample in data:
                for array in sample:
                    hashed.update(np.ascontiguousarray(array).tobytes())
            hashed.update(b"|" if data.labels is None else np.ascontiguousarray(data.labels).tobytes())
        return hashed.hexdigest()


def _with_labels(data: CalibrationData, labels: Array | None) -> CalibrationData:
    if labels is None:
        return data
    if labels.dtype.kind not in "iu" or labels.size != len(data):
        raise EdgeqError(
            f"labels of {labels.dtype}{list(labels.shape)} for {len(data)} samples; accepted: one integer each"
        )
    return replace(data, labels=labels.reshape(-1).astype(np.int64))


def parse_widths(text: str) -> tuple[str, ...]:
    """Types of weights separated by commas, the widest first, int8 among them; EdgeqError where one is unknown."""
    names = [part.strip() for part in text.split(",") if part.strip()]
    for name in names or [text]:
        if name not in WEIGHTS:
            raise EdgeqError(f"unknown type of weights {name!r}; accepted: {', '.join(WEIGHTS)}")
    return tuple(name for name in WEIGHTS if name in (*names, "int8"))
