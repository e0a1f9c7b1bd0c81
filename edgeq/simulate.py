"""Runs generated C on this machine through cffi: the very files that firmware gets, compiled into a shared library."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cffi
import numpy as np

from edgeq.build import shared_library
from edgeq.errors import EdgeqError
from edgeq.evaluate import check_inputs
from edgeq.ir import DType
from edgeq.ir.graph import Array
from edgeq.ops.packing import unpack
from edgeq.program import Program

_DECLARATIONS = """
struct {name}_context {{ uint8_t *arena; }};
int {name}_init(struct {name}_context *context, void *arena, size_t arena_size);
int {name}_run(struct {name}_context *context);
int {name}_self_test(struct {name}_context *context);
void {name}_set_hook(void (*hook)(int layer));
"""

# Compiled beside the network: its AFTER_LAYER macro calls into Python, if somebody listens.
_HOOK_HEADER = "void {name}_call_hook(int layer);\n#define {NAME}_AFTER_LAYER(layer, arena) {name}_call_hook(layer)\n"
_HOOK_SOURCE = """
void {name}_set_hook(void (*hook)(int layer));
static void (*after_layer)(int layer);
void {name}_set_hook(void (*hook)(int layer)) {{ after_layer = hook; }}
void {name}_call_hook(int layer) {{ if (after_layer) {{ after_layer(layer); }} }}
"""


class HostModel:
    """A compiled network in this process.

    Args:
        program: what the files were printed from.
        files: what `edgeq.emit.emit` returned.
        flags: further compiler flags, such as sanitizers.
    """

    def __init__(self, program: Program, files: Mapping[str, str], *, flags: Sequence[str] = ()) -> None:
        self._program = program
        self._ffi = cffi.FFI()
        self._ffi.cdef(_DECLARATIONS.format(name=program.name))
        try:
            with tempfile.TemporaryDirectory(prefix="edgeq-") as folder:
                self._library = self._ffi.dlopen(str(_build(program.name, files, Path(folder), flags)))
        except OSError as error:
            raise EdgeqError(f"{program.name}: cannot be compiled for this machine: {error}") from error
        self._arena = np.zeros(program.plan.size + 16, np.uint8)
        base = -self._arena.ctypes.data % 16
        self._arena = self._arena[base : base + program.plan.size]
        self._context = self._ffi.new(f"struct {program.name}_context *")
        self._check(self._function("init")(self._context, self._ffi.from_buffer(self._arena), program.plan.size))

    def run(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        """One inference: arrays in port order, of exactly the ports' shapes and types.

        Raises:
            EdgeqError: where an input does not fit its port.
        """
        self._write(inputs)
        self._check(self._function("run")(self._context))
        return tuple(self._read(p.offset, p.value) for p in self._program.outputs)

    def trace(self, inputs: Sequence[Array]) -> dict[str, Array]:
        """One inference; every value that a layer made, read right after that layer."""
        values: dict[str, Array] = {}

        def after(index: int) -> None:
            for output in self._program.layers[index].outputs:
                values[output.value] = self._read(output.offset, output.value)

        hook = self._ffi.callback("void(int)", after)
        set_hook: Callable[[Any], None] = self._function("set_hook")
        set_hook(hook)
        try:
            self.run(inputs)
        finally:
            set_hook(self._ffi.NULL)
        return values

    def self_test(self) -> bool:
        """Whether the golden vectors in the generated code come out."""
        return bool(self._function("self_test")(self._context) == 0)

    def _function(self, name: str) -> Any:
        return getattr(self._library, f"{self._program.name}_{name}")

    def _write(self, inputs: Sequence[Array]) -> None:
        arrays = check_inputs(self._program.graph, inputs)
        for port, array in zip(self._program.inputs, arrays, strict=True):
            self._arena[port.offset : port.offset + port.type.bytes] = np.frombuffer(array.tobytes(), np.uint8)

    def _read(self, offset: int, value: str) -> Array:
        type_ = self._program.graph.types[value]
        raw = self._arena[offset : offset + type_.bytes]
        if type_.dtype is DType.B1:
            return unpack(raw, type_.dtype.bits, type_.size).reshape(type_.shape)
        return np.frombuffer(raw.tobytes(), type_.dtype.numpy).reshape(type_.shape)

    def _check(self, status: int) -> None:
        if status:
            raise EdgeqError(f"{self._program.name}: the generated code returned status {status}")


def _build(name: str, files: Mapping[str, str], root: Path, flags: Sequence[str]) -> Path:
    """The generated files and the hook in one shared library."""
    names = {"name": name, "NAME": name.upper()}
    hook = {"hook/hook.h": _HOOK_HEADER.format(**names), "hook/hook.c": _HOOK_SOURCE.format(**names)}
    for path, content in {**files, **hook}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content, encoding="utf-8")
    return shared_library(
        sorted(root.rglob("*.c")),
        root / "model.so",
        include=[root, root / "kernels"],
        flags=["-include", str(root / "hook/hook.h"), *flags],
    )
