"""Runs an image in Unicorn, with memory as the board has it: any access outside is a fault that names the place."""

from collections.abc import Mapping
from typing import Any

import unicorn
from unicorn import arm_const, riscv_const, unicorn_const

from edgeq.emulation.flash import ConstantReads
from edgeq.emulation.trace import Trace
from edgeq.errors import EdgeqError
from edgeq.firmware import Image
from edgeq.targets import Memory

SECONDS = 600
"""After which a call that does not return is given up."""

_PAGE = 4096
_PAINT = b"\xa5\x5a\xa5\x5a"
# Mode and model; Unicorn's mode for microcontrollers would make a Cortex-M33 of any model.
_ARM = unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB
_RISCV = unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV32
_CORES: Mapping[str, tuple[int, int, int]] = {
    "cortex-m0": (*_ARM, arm_const.UC_CPU_ARM_CORTEX_M0),
    "cortex-m3": (*_ARM, arm_const.UC_CPU_ARM_CORTEX_M3),
    "cortex-m4": (*_ARM, arm_const.UC_CPU_ARM_CORTEX_M4),
    "cortex-m7": (*_ARM, arm_const.UC_CPU_ARM_CORTEX_M7),
    "cortex-m33": (*_ARM, arm_const.UC_CPU_ARM_CORTEX_M33),
    "riscv32": (*_RISCV, riscv_const.UC_CPU_RISCV32_ANY),
}
_ACCESS = {
    unicorn_const.UC_MEM_READ_UNMAPPED: "reads",
    unicorn_const.UC_MEM_READ_PROT: "reads",
    unicorn_const.UC_MEM_WRITE_UNMAPPED: "writes",
    unicorn_const.UC_MEM_WRITE_PROT: "writes",
    unicorn_const.UC_MEM_FETCH_UNMAPPED: "executes",
    unicorn_const.UC_MEM_FETCH_PROT: "executes",
}


class UnicornCore:
    """A core with the memories of a board and an image in them.

    Args:
        image: what to run.

    Attributes:
        trace: what was executed by `call`.
        reads: of constants, where the board's flash has wait states.
    """

    def __init__(self, image: Image) -> None:
        self.image = image
        self.trace = Trace(image.marks)
        arch, mode, model = _CORES[image.board.core.model]
        self._uc = unicorn.Uc(arch, mode)
        self._uc.ctl_set_cpu_model(model)
        self._arm = arch == unicorn.UC_ARCH_ARM
        self._pc = arm_const.UC_ARM_REG_PC if self._arm else riscv_const.UC_RISCV_REG_PC
        self._fault = ""
        for memory in image.board.memories:
            self._map(memory)
        for address, content in image.segments.items():
            self._uc.mem_write(address, content)
        self._uc.hook_add(unicorn.UC_HOOK_MEM_INVALID, self._on_invalid)
        self._uc.hook_add(unicorn.UC_HOOK_INTR, self._on_exception)
        self._boot()
        self._uc.hook_add(unicorn.UC_HOOK_BLOCK, _block_hook(self.trace))
        self.reads = ConstantReads(image.flash)
        if image.flash.wait_states:
            hook = _read_hook(self.trace, self.reads)
            self._uc.hook_add(unicorn.UC_HOOK_MEM_READ, hook, begin=image.flash.origin, end=image.flash.end - 1)

    def read(self, address: int, size: int) -> bytes:
        """Bytes of memory."""
        return bytes(self._uc.mem_read(address, size))

    def write(self, address: int, content: bytes) -> None:
        """Set bytes of memory."""
        self._uc.mem_write(address, content)

    def call(self, function: str, *arguments: int) -> tuple[int, int]:
        """Call a function with up to four integers.

        Returns:
            What it returned, and the bytes of stack that it took.

        Raises:
            EdgeqError: where it faults, or takes more stack than there is.
        """
        low, top = (self.image.symbols[f"harness_stack_{end}"].address for end in ("low", "top"))
        self.write(low, _PAINT * ((top - low) // len(_PAINT)))
        self._set_registers(top, arguments)
        self.trace.begin()
        self._run(self.image.symbols[function].address, self._exit)
        unused = self.read(low, top - low)
        deepest = next((i for i in range(0, len(unused), 4) if unused[i : i + 4] != _PAINT), len(unused))
        if deepest == 0:
            raise EdgeqError(f"{function}: takes more than {top - low} bytes of stack")
        result = self._uc.reg_read(arm_const.UC_ARM_REG_R0 if self._arm else riscv_const.UC_RISCV_REG_A0)
        return result - (result >> 31 << 32), top - low - deepest

    @property
    def _exit(self) -> int:
        """Where a called function returns to, and where it is stopped: nothing else gets there."""
        return self.image.symbols["harness_exit"].address

    def _boot(self) -> None:
        """From reset to the first inference, whose context and variables are then ready."""
        self._set_registers(self.image.symbols["harness_stack_top"].address, ())
        run = next(n for n in self.image.symbols if n.endswith("_run") and f"{n[:-4]}_init" in self.image.symbols)
        self._run(self.image.symbols["harness_reset"].address, self.image.symbols[run].address)
        self._uc.ctl_flush_tb()  # else the block at which it was stopped would stop again

    def _set_registers(self, stack: int, arguments: tuple[int, ...]) -> None:
        if self._arm:
            registers = [arm_const.UC_ARM_REG_R0 + i for i in range(4)]
            self._uc.reg_write(arm_const.UC_ARM_REG_SP, stack)
            self._uc.reg_write(arm_const.UC_ARM_REG_LR, self._exit | 1)
        else:
            registers = [riscv_const.UC_RISCV_REG_A0 + i for i in range(4)]
            self._uc.reg_write(riscv_const.UC_RISCV_REG_SP, stack)
            self._uc.reg_write(riscv_const.UC_RISCV_REG_RA, self._exit)
        for register, value in zip(registers, arguments, strict=False):
            self._uc.reg_write(register, value & 0xFFFFFFFF)

    def _run(self, begin: int, until: int) -> None:
        self._fault = ""
        try:
            self._uc.emu_start(begin | 1 if self._arm else begin, until, timeout=int(SECONDS * 1e6))
        except unicorn.UcError as error:
            raise EdgeqError(self._fault or self._where(f"stops: {error}")) from error
        if self._fault:
            raise EdgeqError(self._fault)
        if self._uc.reg_read(self._pc) != until:
            raise EdgeqError(self._where(f"goes on after {SECONDS} seconds"))

    def _map(self, memory: Memory) -> None:
        """A memory of the board; longer than it is where the image does not fit, as the caller was told."""
        last = max([a + len(c) for a, c in self.image.segments.items() if a >= memory.origin], default=0)
        size = memory.size
        if not self.image.fits and memory in (self.image.flash, self.image.ram):
            end = last if memory == self.image.flash else self.image.symbols["harness_stack_top"].address
            size = max(size, end - memory.origin)
        rights = unicorn_const.UC_PROT_READ | unicorn_const.UC_PROT_EXEC
        if memory.kind == "ram":
            rights |= unicorn_const.UC_PROT_WRITE
        self._uc.mem_map(memory.origin, -(-size // _PAGE) * _PAGE, rights)

    def _on_invalid(self, _uc: Any, access: int, address: int, size: int, _value: int, _data: Any) -> bool:
        verb = _ACCESS.get(access, "accesses")
        self._fault = self._where(f"{verb} {size} bytes at {address:#x}, {self._memory(address)}")
        return False

    def _on_exception(self, _uc: Any, number: int, _data: Any) -> None:
        self._fault = self._where(f"raises exception {number}: an instruction or an access that {self._title} refuses")
        self._uc.emu_stop()

    @property
    def _title(self) -> str:
        return self.image.board.core.title

    def _memory(self, address: int) -> str:
        name = next((m.name for m in self.image.board.memories if m.origin <= address < m.end), None)
        return f"in {name}" if name else "where the board has no memory"

    def _where(self, what: str) -> str:
        place = self._uc.reg_read(self._pc)
        function = self.image.function_at(place) or "an unknown function"
        return f"{self.image.board.name}: {function} (at {place:#x}) {what}"


def _block_hook(trace: Trace) -> Any:
    enter = trace.enter

    def hook(_uc: Any, address: int, size: int, _data: Any) -> None:
        enter(address, size)

    return hook


def _read_hook(trace: Trace, reads: ConstantReads) -> Any:
    read = reads.read

    def hook(_uc: Any, _access: int, address: int, _size: int, _value: int, _data: Any) -> None:
        read(trace.layer, address)

    return hook
