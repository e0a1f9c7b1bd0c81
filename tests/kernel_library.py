"""All of runtime_c in one shared library: programs run layer by layer in this process, without a compiler per model."""

import functools
import re
import tempfile
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import cffi
import numpy as np

from edgeq import resources
from edgeq.build import shared_library
from edgeq.fixedpoint import Rounding
from edgeq.kernels.kernel import c_type
from edgeq.program import ArenaRef, Layer, Program

_CANARY = 0xA5
UNTOUCHED = _CANARY - 256
"""What int8 memory holds that no kernel wrote."""


def headers() -> dict[str, str]:
    """The declarations of each public header, as cffi reads them."""
    folder = resources.RUNTIME_INCLUDE / "edgeq"
    texts = {path.stem: path.read_text() for path in sorted(folder.glob("*.h"))}
    return {stem: re.sub(r"^#.*$", "", text, flags=re.MULTILINE) for stem, text in texts.items()}


def include_folders(rounding: Rounding = Rounding.DOUBLE) -> list[Path]:
    """Where the kernels find their headers, and so how they round."""
    return [resources.RUNTIME_INCLUDE, resources.RUNTIME_SOURCES, resources.RUNTIME_ROUNDING / rounding.value]


@functools.cache
def library(rounding: Rounding) -> tuple[Any, Any]:
    """The cffi instance and the library; undefined behaviour aborts the test run with a report."""
    ffi = cffi.FFI()
    for text in headers().values():
        ffi.cdef(text)
    folder = Path(tempfile.mkdtemp(prefix="edgeq-kernels-"))
    path = shared_library(
        sorted(resources.RUNTIME_SOURCES.rglob("*.c")),
        folder / "kernels.so",
        include=include_folders(rounding),
        flags=["-O0", "-fsanitize=undefined", "-fno-sanitize-recover=all"],  # for the time it takes to compile
    )
    return ffi, ffi.dlopen(str(path))


def run(program: Program, inputs: Sequence[Any]) -> tuple[Any, ...]:
    """Run a program's kernels over its planned arena; bytes around the arena must stay untouched."""
    size = program.plan.size
    memory = np.full(size + 64, _CANARY, np.uint8)
    start = 32 - memory.ctypes.data % 16
    arena = memory[start : start + size]
    for port, array in zip(program.inputs, inputs, strict=True):
        arena[port.offset : port.offset + port.type.bytes] = np.frombuffer(array.tobytes(), np.uint8)
    for layer in program.layers:
        if layer.kernel is not None:
            _call(program, layer, arena)
    assert (memory[:start] == _CANARY).all(), "written before the arena"
    assert (memory[start + size :] == _CANARY).all(), "written behind the arena"
    return tuple(
        np.frombuffer(arena[p.offset : p.offset + p.type.bytes].tobytes(), p.type.dtype.numpy).reshape(p.type.shape)
        for p in program.outputs
    )


def _call(program: Program, layer: Layer, arena: Any) -> None:
    ffi, lib = library(program.graph.rounding)
    kernel = layer.kernel
    assert kernel is not None
    alive: list[Any] = []
    params = ffi.new(f"struct edgeq_{layer.params.struct}_params *")
    for f in fields(layer.params):
        value = getattr(layer.params, f.name)
        if isinstance(value, np.ndarray):
            value = np.ascontiguousarray(value)
            alive.append(value)
            element = DTYPES[value.dtype]
            value = ffi.cast(f"{element} *", value.ctypes.data)
        setattr(params, f.name, ffi.NULL if value is None else value)

    def pointer(operand: Any, dtype: str) -> Any:
        if isinstance(operand, ArenaRef):
            return ffi.cast(f"{c_type(dtype)} *", arena.ctypes.data + operand.offset)
        array = np.ascontiguousarray(program.constants[operand.symbol])
        alive.append(array)
        return ffi.cast(f"{c_type(dtype)} *", array.ctypes.data)

    types = kernel.inputs * len(layer.inputs) if kernel.variadic else kernel.inputs
    arguments = [pointer(i, t) for i, t in zip(layer.inputs, types, strict=True)]
    if kernel.variadic:
        arguments = [ffi.new(f"{c_type(types[0])} *[]", arguments)]
    arguments += [pointer(o, t) for o, t in zip(layer.outputs, kernel.outputs, strict=True)]
    if kernel.scratch is not None:
        scratch = arena.ctypes.data + layer.scratch if layer.scratch is not None else 0
        arguments.append(ffi.cast("void *", scratch))
    getattr(lib, kernel.name)(params, *arguments)


DTYPES = {
    np.dtype(np.int8): "int8_t",
    np.dtype(np.uint8): "uint8_t",
    np.dtype(np.int16): "int16_t",
    np.dtype(np.int32): "int32_t",
    np.dtype(np.int64): "int64_t",
    np.dtype(np.float32): "float",
}
