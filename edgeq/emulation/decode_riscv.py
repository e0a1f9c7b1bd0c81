"""RISC-V machine code (RV32IMC) as `Instruction`s, decoded by Capstone."""

from collections.abc import Iterator
from typing import Any

import capstone

from edgeq.emulation.instruction import Instruction, Kind

_KINDS = {
    Kind.MULTIPLY: "mul mulh mulhu mulhsu",
    Kind.DIVIDE: "div divu rem remu",
    Kind.LOAD: "lb lbu lh lhu lw lwsp",
    Kind.STORE: "sb sh sw swsp",
    Kind.BRANCH_CONDITIONAL: "beq bne blt bge bltu bgeu beqz bnez blez bgez bltz bgtz",
    Kind.BRANCH: "j",
    Kind.CALL: "jal",
    Kind.BRANCH_REGISTER: "jr jalr ret",
    Kind.BARRIER: "fence fence.i",
}
_KIND = {name: kind for kind, names in _KINDS.items() for name in names.split()}

_DISASSEMBLER = capstone.Cs(capstone.CS_ARCH_RISCV, capstone.CS_MODE_RISCV32 | capstone.CS_MODE_RISCVC)
_DISASSEMBLER.detail = True


def decode(code: bytes, address: int) -> Iterator[Instruction]:
    """The instructions of a stretch of code, one after the other."""
    position = 0
    while position + 2 <= len(code):
        size = 4 if code[position] & 0b11 == 0b11 else 2
        word = code[position : position + size]
        found = next(_DISASSEMBLER.disasm(word, address + position, 1), None)
        if found is None:
            yield Instruction(address + position, size, Kind.ALU, f"unknown {word.hex()}")
        else:
            yield _instruction(found)
        position += size


def _instruction(found: Any) -> Instruction:
    kind = _KIND.get(found.mnemonic.removeprefix("c."), Kind.ALU)
    text = f"{found.mnemonic} {found.op_str}".strip()
    return Instruction(found.address, found.size, kind, text)
