"""Where the channels are: first as ONNX has them, last as the ops have them. The passes cancel what is left of it."""

from edgeq.errors import Refusal
from edgeq.importers.onnx.builder import OpContext


def axis_last(op: OpContext, value: str, axis: int) -> str:
    """The value with one dimension behind the others; for axis 1 that is `channels_last`."""
    rank = len(op.type_of(value).shape)
    return op.transpose(value, [*(i for i in range(rank) if i != axis), axis])


def axis_back(op: OpContext, value: str, axis: int) -> str:
    """What `axis_last` has moved is where it was."""
    rank = len(op.type_of(value).shape)
    return op.transpose(value, [*range(axis), rank - 1, *range(axis, rank - 1)])


def channels_last(op: OpContext, value: str) -> str:
    """Batch, channels, the others: the channels go last. Below rank 3 they are."""
    return axis_last(op, value, 1) if len(op.type_of(value).shape) > 1 else value


def channels_first(op: OpContext, value: str) -> str:
    """The way back from `channels_last`."""
    return axis_back(op, value, 1) if len(op.type_of(value).shape) > 1 else value


def image(op: OpContext, value: str) -> str:
    """Batch, height, width, channels of `[N, C, H, W]` or `[N, C, W]`, a line being an image of height 1."""
    shape = op.type_of(value).shape
    if len(shape) not in (3, 4):
        raise Refusal(f"input of shape {list(shape)}; accepted: batch, channels, and one or two dimensions")
    last = channels_last(op, value)
    batch, *rest = op.type_of(last).shape
    return last if len(shape) == 4 else op.reshape(last, (batch, 1, *rest))


def from_image(op: OpContext, value: str, rank: int) -> str:
    """The way back from `image` to `rank` dimensions."""
    batch, _, *rest = op.type_of(value).shape
    return channels_first(op, value if rank == 4 else op.reshape(value, (batch, *rest)))
