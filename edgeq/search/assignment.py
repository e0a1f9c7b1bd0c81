"""A choice for every layer: the type of its weights, and from where on activations have 16 bits."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from edgeq.quantize.scheme import Rule, Scheme


@dataclass(frozen=True)
class Assignment:
    """What is tried.

    Attributes:
        weights: by the name of a layer, the type of its weights where it is not int8.
        wide: names of nodes whose results have 16 bits.
    """

    weights: Mapping[str, str] = field(default_factory=dict)
    wide: tuple[str, ...] = ()

    def scheme(self, given: Scheme) -> Scheme:
        """The user's scheme with a rule for every choice; the user's own rules come last and win."""
        rules = [Rule(name, {"activations": "int16"}) for name in self.wide]
        rules += [Rule(name, {"weights": weights}) for name, weights in self.weights.items()]
        return replace(given, weights="int8", layers=(*rules, *given.layers))

    @property
    def key(self) -> str:
        """A text that is the same for equal choices only."""
        return repr((sorted(self.weights.items()), sorted(self.wide)))
