"""Every way in which edgeq says no: what was found, where, and what would be accepted."""

from collections.abc import Sequence


class EdgeqError(Exception):
    """Something the user gave cannot be used; the message is a sentence meant for the user."""


class Refusal(EdgeqError):
    """One node cannot be compiled. Raised where the reason is known; the compiler adds the node's place."""


class UnsupportedModelError(EdgeqError):
    """A model with nodes that edgeq refuses: all of them, each with its reason; nodes with one reason stand together.

    Args:
        where: the model.
        refused: node and reason, in graph order.

    Attributes:
        refusals: one line per node, in graph order.
        refused: node and reason, in graph order.
    """

    def __init__(self, where: str, refused: Sequence[tuple[str, str]]) -> None:
        self.refused = tuple(refused)
        self.refusals = tuple(f"{node}: {reason}" for node, reason in refused)
        nodes: dict[str, list[str]] = {}
        for node, reason in refused:
            nodes.setdefault(reason, []).append(node)
        lines = "".join(_refusal_lines(reason, found) for reason, found in nodes.items())
        count = "1 node is" if len(refused) == 1 else f"{len(refused)} nodes are"
        super().__init__(f"{where}: {count} not supported:{lines}")


def _refusal_lines(reason: str, nodes: Sequence[str]) -> str:
    if len(nodes) == 1:
        return f"\n  - {nodes[0]}: {reason}"
    return f"\n  - {len(nodes)} nodes: {reason}" + "".join(f"\n      {node}" for node in nodes)
