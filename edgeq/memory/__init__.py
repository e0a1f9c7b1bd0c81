"""Plans the arena: which values share memory, where each lies, in which order the steps run.

The package knows bytes and times, not tensors. Values whose bytes are those of another (views, parts of a
concatenation) join its storage (`storages`). The storages, rectangles of bytes x time, are packed; the output of a step
may take over memory of an input that dies in it, as far as the step's order of accesses allows (`packing`). The largest
live set is a lower bound, and packing stops when it is reached. `order` finds an order of the steps with a smaller one.
"""

from edgeq.memory.order import arrange
from edgeq.memory.plan import ALIGNMENT, Block, Plan, Problem, plan
from edgeq.memory.storages import Step

__all__ = ["ALIGNMENT", "Block", "Plan", "Problem", "Step", "arrange", "plan"]
