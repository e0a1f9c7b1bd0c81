"""Thumb machine code as `Instruction`s: by Capstone; Helium (MVE), which Capstone 5 does not know, by its encoding."""

from collections.abc import Iterator
from typing import Any

import capstone
from capstone import arm

from edgeq.emulation.instruction import Instruction, Kind

_KINDS = {
    Kind.MULTIPLY: "mul muls smulbb smulbt smultb smultt smulwb smulwt smuad smuadx smusd smusdx smmul smmulr",
    Kind.MULTIPLY_ADD: (
        "mla mls smlabb smlabt smlatb smlatt smlawb smlawt smlad smladx smlsd smlsdx smmla smmlar smmls smmlsr"
    ),
    Kind.MULTIPLY_LONG: "smull umull",
    Kind.MULTIPLY_ADD_LONG: "smlal umlal umaal smlalbb smlalbt smlaltb smlaltt smlald smlaldx smlsld smlsldx",
    Kind.DIVIDE: "sdiv udiv",
    Kind.LOAD: "ldr ldrb ldrh ldrsb ldrsh ldrt ldrbt ldrht ldrsbt ldrsht ldrex ldrexb ldrexh lda ldab ldah",
    Kind.STORE: "str strb strh strt strbt strht strex strexb strexh stl stlb stlh",
    Kind.MULTIPLE: "ldm ldmia ldmdb stm stmia stmdb push pop ldrd strd",
    Kind.CALL: "bl blx",
    Kind.BRANCH_REGISTER: "bx bxns blxns",
    Kind.BRANCH_CONDITIONAL: "cbz cbnz",
    Kind.TABLE_BRANCH: "tbb tbh",
    Kind.IT: "it",
    Kind.BARRIER: "dmb dsb isb",
}
_KIND = {name: kind for kind, names in _KINDS.items() for name in names.split()}

# Masks and values of the two halves of an instruction; the first that fits counts. After the Armv8-M Architecture
# Reference Manual (DDI0553), chapters C2.3 and C2.4.
_HELIUM = (
    (0xFFCF, 0xF00F, 0xF001, 0xC001, Kind.LOOP_END),  # LE, LETP
    (0xEF00, 0xEF00, 0x0000, 0x0000, Kind.VECTOR),
    (0xEF00, 0xEE00, 0x0E00, 0x0E00, Kind.VECTOR),
    (0xFFE0, 0xEC00, 0x0E00, 0x0E00, Kind.FLOAT),  # VMOV of two lanes
    (0xFF20, 0xEC20, 0x0E00, 0x0E00, Kind.VECTOR_MEMORY),  # VLDR, VSTR, indexed after
    (0xFF00, 0xED00, 0x0E00, 0x0E00, Kind.VECTOR_MEMORY),  # and before
    (0xFF20, 0xFC20, 0x1E00, 0x0E00, Kind.VECTOR_MEMORY),  # and widened without a sign
    (0xFF00, 0xFD00, 0x1E00, 0x0E00, Kind.VECTOR_MEMORY),
    (0xEE00, 0xEC00, 0x0E00, 0x0E00, Kind.VECTOR_GATHER),  # from several addresses, or interleaved
    (0xEC00, 0xEC00, 0x0E00, 0x0A00, Kind.FLOAT),
    (0xEC00, 0xEC00, 0x0F00, 0x0900, Kind.FLOAT),
)

_DISASSEMBLER = capstone.Cs(
    capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS | capstone.CS_MODE_V8
)
_DISASSEMBLER.detail = True


def decode(code: bytes, address: int) -> Iterator[Instruction]:
    """The instructions of a stretch of Thumb code, one after the other."""
    position = 0
    while position + 2 <= len(code):
        size = 4 if code[position + 1] >> 3 in (0b11101, 0b11110, 0b11111) else 2
        word = code[position : position + size]
        yield _instruction(word, address + position)
        position += size


def _instruction(word: bytes, address: int) -> Instruction:
    helium = _helium(word)
    if helium is not None:
        return Instruction(address, len(word), helium, f"{helium.value} {word.hex()}")
    found = next(_DISASSEMBLER.disasm(word, address, 1), None)
    if found is None:
        return Instruction(address, len(word), Kind.ALU, f"unknown {word.hex()}")
    return _scalar(found)


def _helium(word: bytes) -> Kind | None:
    """The kind of a vector, low-overhead loop or floating-point instruction; None for others."""
    if len(word) == 2:
        return None
    first, second = int.from_bytes(word[:2], "little"), int.from_bytes(word[2:], "little")
    kinds = (kind for m1, v1, m2, v2, kind in _HELIUM if first & m1 == v1 and second & m2 == v2)
    return next(kinds, None)


def _scalar(found: Any) -> Instruction:
    name = found.insn_name()
    reads, writes = (frozenset(map(found.reg_name, registers)) for registers in found.regs_access())
    memory = [o.mem for o in found.operands if o.type == arm.ARM_OP_MEM]
    kind = _KIND.get(name, Kind.ALU)
    common = {"address": found.address, "size": found.size, "text": f"{found.mnemonic} {found.op_str}".strip()}
    base = frozenset(found.reg_name(r) for m in memory for r in (m.base, m.index) if r)
    if name == "b":
        kind = Kind.BRANCH if found.cc in (arm.ARM_CC_AL, arm.ARM_CC_INVALID) else Kind.BRANCH_CONDITIONAL
    elif kind is Kind.MULTIPLE:
        return _multiple(found, name, common, reads, writes, base)
    elif kind is Kind.LOAD and "pc" in writes:
        kind = Kind.LOAD_PC
    elif kind is Kind.STORE and any(m.index for m in memory):
        kind = Kind.STORE_REGISTER
    elif kind is Kind.ALU and "pc" in writes:
        kind = Kind.BRANCH_REGISTER
    results = writes - base if kind is Kind.LOAD else writes
    if kind is Kind.LOAD and found.operands[0].type == arm.ARM_OP_REG:
        results |= {found.reg_name(found.operands[0].reg)}
    return Instruction(kind=kind, results=results, base=base, reads=reads, **common)


def _multiple(
    found: Any, name: str, common: dict[str, Any], reads: frozenset[str], writes: frozenset[str], base: frozenset[str]
) -> Instruction:
    """A load or store of several registers."""
    registers = [found.reg_name(o.reg) for o in found.operands if o.type == arm.ARM_OP_REG]
    if name in ("push", "pop"):
        base = frozenset({"sp"})
    elif name not in ("ldrd", "strd"):
        base, registers = frozenset(registers[:1]), registers[1:]
    count = len(registers)
    jumps = "pc" in registers and "pc" in writes
    return Instruction(kind=Kind.MULTIPLE, results=writes, base=base, reads=reads, count=count, jumps=jumps, **common)
