"""What a user can choose of quantization: for a whole model, and layer by layer in a TOML file.

activations = "int8"
method = "mse"

[[layers]]
match = "Conv #3*"
activations = "int16"
"""

import fnmatch
import json
import tomllib
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from edgeq.errors import EdgeqError
from edgeq.ir import DType, Graph
from edgeq.quantize.ranges import METHODS, Target

AUTO = "auto"
ROUNDINGS = ("gptq", "adaround", "nearest")
WEIGHT_RANGES = (AUTO, "minmax", "mse", "hessian")

WEIGHTS = {
    "int8": (8, DType.S8),
    "int4": (4, DType.S4),
    "int3": (3, DType.S3),
    "int2": (2, DType.S2),
    "binary": (1, DType.B1),
}
"""Name to the bits that integers use, and the type that they are stored in."""


SMALLEST_GROUP = 4
"""Weights: a scale of their own takes less of them more than it gives."""


def _choice(default: Any, text: str, accepted: tuple[str, ...] = (), least: int = 0) -> Any:
    return field(default=default, metadata={"help": text, "accepted": accepted, "least": least})


@dataclass(frozen=True)
class Choice:
    """What can differ from layer to layer.

    Attributes:
        activations: "int8" or "int16".
        weights: "int8", "int4", "int3", "int2" or "binary" (-1 and 1).
        method: how the range of an activation is chosen; "auto": what measures best on the calibration data.
        symmetric: zero points of activations are 0.
        per_tensor: one scale for all weights of a layer instead of one per output channel.
        weight_range: what the scale of weights is chosen by: the largest weight ("minmax"), the error of the weights
            ("mse") or of the outputs ("hessian"); "auto": what suits their rounding and their bits.
        weight_rounding: "gptq" or "adaround", by the error of the outputs, or "nearest".
        refine: after gptq and adaround, single integers and the scale are changed in turn as long as that helps.
        weight_groups: so many neighbouring weights of an output have a scale in common; 0: all of them.
        propagation: weights that gptq and adaround round also undo what arrives wrong from the layers before.
    """

    activations: str = _choice("int8", "Of activations", ("int8", "int16"))
    weights: str = _choice(
        "int8", "Of layers, but for the first and the last; auto: as `edgeq search` finds", tuple(WEIGHTS)
    )
    method: str = _choice(AUTO, "How ranges are chosen", (AUTO, *METHODS))
    symmetric: bool = _choice(False, "Zero points of activations are 0.")
    per_tensor: bool = _choice(False, "One scale for all weights of a layer, not one per channel.")
    weight_range: str = _choice(AUTO, "What scales of weights are chosen by", WEIGHT_RANGES)
    weight_rounding: str = _choice("gptq", "Of weights", ROUNDINGS)
    weight_groups: int = _choice(
        0, "Weights of an output that have a scale in common, as 32 or 64; 0: all of them", least=SMALLEST_GROUP
    )
    refine: bool = _choice(True, "No coordinate descent on the integers of weights.")
    propagation: bool = _choice(True, "Weights do not undo errors of the layers before.")

    @property
    def dtype(self) -> DType:
        """Of activations."""
        return DType.S16 if self.activations == "int16" else DType.S8

    @property
    def target(self) -> Target:
        """What ranges are chosen for."""
        return Target(self.dtype, symmetric=self.symmetric or self.dtype is DType.S16)


@dataclass(frozen=True)
class Rule:
    """Choices for the layers whose name fits a pattern.

    Attributes:
        match: shell pattern for a node's source (`Conv #3 "block1/conv"`), its op, or the name of what it makes.
        changes: fields of `Choice`.
    """

    match: str
    changes: Mapping[str, Any]

    def fits(self, graph: Graph, value: str) -> bool:
        """Whether the layer that makes a value is meant, or the value itself."""
        node, origin = graph.producers.get(value), graph.origins.get(value)
        names = [value, origin.name if origin else ""]
        names += [node.source, node.label, node.op] if node else []
        # A name that holds a bracket is no pattern to the one who copies it.
        return any(name == self.match or fnmatch.fnmatchcase(name, self.match) for name in names if name)


@dataclass(frozen=True)
class Scheme(Choice):
    """The choices for a model.

    Attributes:
        outputs: element type of small outputs of weighted layers, and of what a softmax at the end reads: 16 bits cost
            a few bytes and keep all that the sums know.
        bias_correction: biases undo the mean error of their layer.
        edges: weights of the first and the last layer: "int8", unless a rule says something else, or as the others.
        awq: channels that are read strongly are scaled up in the weights that read them (`edgeq.quantize.awq`).
        equalize: cross-layer equalization before anything is quantized.
        layers: rules for single layers; the last one that fits counts.
    """

    outputs: str = _choice("int16", "Of small outputs", ("int8", "int16"))
    bias_correction: bool = _choice(True, "Biases do not undo the mean error of their layer.")
    edges: str = _choice("int8", "Of the weights of the first and the last layer", ("int8", "same"))
    awq: bool = _choice(False, "Scale channels that are read strongly up in the weights that read them.")
    equalize: bool = _choice(False, "Equalize the ranges of channels across layers first.")
    layers: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        for f in fields(self):
            _require_accepted(f, getattr(self, f.name), f.name.replace("_", "-"))
        known = {f.name: f for f in fields(Choice)}
        for rule in self.layers:
            for name, value in rule.changes.items():
                what = f"rule for {rule.match!r}: {name.replace('_', '-')}"
                if name not in known:
                    raise EdgeqError(f"{what} is unknown; accepted: {', '.join(known)}")
                _require_accepted(known[name], value, what)

    def of(self, graph: Graph, value: str, *, edge: bool = False) -> Choice:
        """The choices for a value: those of the layer that makes it; `edge`: whether it is the first or the last."""
        choice: Choice = replace(self, weights="int8", weight_groups=0) if edge and self.edges == "int8" else self
        for rule in self.layers:
            if rule.fits(graph, value):
                choice = replace(choice, **rule.changes)
        return choice

    def named_groups(self, graph: Graph, value: str) -> int:
        """The size of groups that a rule asks for in the layer that makes a value; 0 where none does."""
        fitting = [rule for rule in self.layers if "weight_groups" in rule.changes and rule.fits(graph, value)]
        return int(fitting[-1].changes["weight_groups"]) if fitting else 0

    def require_matches(self, graph: Graph) -> None:
        """EdgeqError where a rule fits nothing."""
        values = [*graph.inputs, *(v for node in graph.nodes for v in node.outputs)]
        for rule in self.layers:
            if not any(rule.fits(graph, value) for value in values):
                raise EdgeqError(f"scheme: no layer matches {rule.match!r}; `edgeq inspect` lists them")


def read_scheme(path: str | Path) -> Scheme:
    """A scheme from a TOML file.

    Raises:
        EdgeqError: naming the key that is unknown or has a value that is not accepted.
    """
    try:
        document = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise EdgeqError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise EdgeqError(f"{path}: is no TOML ({error})") from error
    rules = document.pop("layers", [])
    if not isinstance(rules, list) or not all(isinstance(r, dict) for r in rules):
        raise EdgeqError(f"{path}: layers; accepted: tables, each headed [[layers]]")
    chosen = _read(path, document, Scheme, "")
    parsed = tuple(_rule(path, rule, number) for number, rule in enumerate(rules, 1))
    return Scheme(**chosen, layers=parsed)


def scheme_text(scheme: Scheme, title: str = "") -> str:
    """A scheme as the TOML file that `read_scheme` reads; only what differs from the defaults.

    Args:
        scheme: the choices.
        title: lines of a comment at the top.
    """
    plain = Scheme()
    lines = [f"# {line}".rstrip() for line in title.splitlines()]
    chosen = {f.name: getattr(scheme, f.name) for f in fields(Scheme) if f.metadata}
    lines += _lines({name: value for name, value in chosen.items() if value != getattr(plain, name)})
    for rule in scheme.layers:
        lines += ["", "[[layers]]", *_lines({"match": rule.match, **rule.changes})]
    return "\n".join(lines).lstrip("\n") + "\n"


def _lines(choices: Mapping[str, Any]) -> list[str]:
    return [f"{name.replace('_', '-')} = {_toml(value)}" for name, value in choices.items()]


def _toml(value: Any) -> str:
    """A boolean or a string; JSON's strings are TOML's but for DEL, which TOML wants escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _rule(path: str | Path, table: dict[str, Any], number: int) -> Rule:
    match = table.pop("match", None)
    if not isinstance(match, str):
        raise EdgeqError(f'{path}: layer rule {number} has no match; accepted: match = "PATTERN"')
    return Rule(match, _read(path, table, Choice, f"layer rule {number}: "))


def _read(path: str | Path, table: Mapping[str, Any], cls: type, where: str) -> dict[str, Any]:
    """The keys of a table as fields of a class, dashes as underscores."""
    known = {f.name: f for f in fields(cls) if f.metadata}
    found = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        if name not in known:
            names = ", ".join(n.replace("_", "-") for n in known)
            raise EdgeqError(f"{path}: {where}unknown key {key!r}; accepted: {names}")
        wanted = type(known[name].default)
        if type(value) is not wanted:
            raise EdgeqError(f"{path}: {where}{key} is {value!r}; accepted: {_KINDS[wanted]}")
        _require_accepted(known[name], value, f"{path}: {where}{key}")
        found[name] = value
    return found


_KINDS = {bool: "true or false", str: "a string", int: "a whole number"}


def _require_accepted(choice: Field[Any], value: Any, what: str) -> None:
    least = choice.metadata.get("least")
    if least and (type(value) is not int or 0 != value < least):
        raise EdgeqError(f"{what} {value!r}; accepted: 0, or {least} and more")
    accepted = choice.metadata.get("accepted")
    if accepted and value not in accepted:
        raise EdgeqError(f"{what} {value!r}; accepted: {', '.join(accepted)}")
