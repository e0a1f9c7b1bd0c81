"""Every way in which edgeq says no: what was found, where, and what would be accepted."""

from collections.abc import Sequence


class EdgeqError(Exception):
    """Something the user gave cannot be used; the message is a sentence meant for the user."""


class Refusal(EdgeqError):
    """One node cannot be compiled. Raised where the reason is known; the compiler adds the node's place."""


class UnsupportedModelError(EdgeqError):
    """A model with nodes that edgeq refuses: all of them, each with its reason.

    Attributes:
        refusals: one line per node, in graph order.
    """

    def __init__(self, where: str, refusals: Sequence[str]) -> None:
        self.refusals = tuple(refusals)
        count = len(self.refusals)
        noun = "node is" if count == 1 else "nodes are"
        lines = "\n".join(f"  - {line}" for line in self.refusals)
        super().__init__(f"{where}: {count} {noun} not supported:\n{lines}")
