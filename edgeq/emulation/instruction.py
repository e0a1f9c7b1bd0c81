"""Machine code as the cycle models see it: what an instruction does, and which registers it does it with."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What an instruction does, as far as its price goes; the values are the keys of a timing file."""

    ALU = "alu"
    MULTIPLY = "multiply"
    MULTIPLY_ADD = "multiply_add"
    MULTIPLY_LONG = "multiply_long"
    MULTIPLY_ADD_LONG = "multiply_add_long"
    DIVIDE = "divide"
    LOAD = "load"
    LOAD_PC = "load_pc"
    STORE = "store"
    STORE_REGISTER = "store_register"
    MULTIPLE = "multiple"
    BRANCH = "branch"
    BRANCH_CONDITIONAL = "branch_conditional"
    CALL = "call"
    BRANCH_REGISTER = "branch_register"
    TABLE_BRANCH = "table_branch"
    LOOP_END = "loop_end"
    IT = "it"
    BARRIER = "barrier"
    VECTOR = "vector"
    VECTOR_MEMORY = "vector_memory"
    VECTOR_GATHER = "vector_gather"
    FLOAT = "float"

    @property
    def ends_block(self) -> bool:
        """Whether another instruction than the next one may follow."""
        return self in _JUMPS


_JUMPS = frozenset(
    {
        Kind.BRANCH,
        Kind.BRANCH_CONDITIONAL,
        Kind.CALL,
        Kind.BRANCH_REGISTER,
        Kind.TABLE_BRANCH,
        Kind.LOAD_PC,
        Kind.LOOP_END,
    }
)


@dataclass(frozen=True)
class Instruction:
    """One instruction.

    Attributes:
        address: of its first byte.
        size: bytes.
        kind: what it does.
        text: assembly.
        results: registers that it writes, but for an address that it advances.
        base: registers that make its address.
        reads: registers that it reads.
        count: registers that it loads or stores, where it is of the kind MULTIPLE.
        jumps: a load of several registers, the program counter among them.
    """

    address: int
    size: int
    kind: Kind
    text: str
    results: frozenset[str] = frozenset()
    base: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    count: int = 0
    jumps: bool = False

    @property
    def end(self) -> int:
        """The address of the instruction behind it."""
        return self.address + self.size


Decode = Callable[[bytes, int], Iterator[Instruction]]
"""Machine code and its address to instructions; what cannot be decoded counts as ALU."""
