"""Emulated cores: hand-counted cycles, faults, stack, and the outputs of real networks."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fake_network import count, execute
from shared import INT8_MODELS, MODELS, requires_shared
from toolchains import tool

import edgeq
from edgeq import firmware, golden
from edgeq.compiler import CompiledModel
from edgeq.emulation import Run, emulate, qemu_core, unicorn_core
from edgeq.emulation.cost import Count
from edgeq.emulation.decode_arm import decode
from edgeq.emulation.flash import ConstantReads, wait_cycles
from edgeq.emulation.instruction import Kind
from edgeq.errors import EdgeqError
from edgeq.targets import Memory, core_names, read_core, read_target

_DIGITS = Path(__file__).parents[1] / "examples" / "digits_int8.tflite"
_M4, _M0PLUS = read_target("cortex-m4"), read_target("cortex-m0plus")

# 1000 passes of 12 instructions and 22 cycles, the last of which does not jump; around them 5 of 7 cycles.
_LOOP = """
    movw r9, #1000
    movs r4, #0
    movs r8, #0
loop:
    ldr r2, [r0]
    ldr r3, [r0, #4]
    smlad r4, r2, r3, r4
    str r4, [r0]
    add.w r5, r0, #8
    ldr r6, [r5]
    ldrd r2, r3, [r0]
    str.w r4, [r0, r8]
    ldm r0, {r2, r3}
    nop
    subs.w r9, r9, #1
    bne loop
    movs r0, #0
    bx lr
"""

# Name, core, instructions before `bx lr`, their cycles: by hand from Arm's tables.
_COUNTED = (
    ("one load", "cortex-m4", "ldr r1, [r0]", 2),
    ("two loads follow each other", "cortex-m4", "ldr r1, [r0]\nldr r2, [r0]", 3),
    ("the second load needs the first", "cortex-m4", "movs r3, #0\nstr r0, [r0]\nldr r1, [r0]\nldr r2, [r1]", 6),
    ("an address just made", "cortex-m4", "adds r1, r0, #4\nldr r2, [r1]", 4),
    ("a store with an index", "cortex-m4", "movs r1, #0\nnop\nstr r2, [r0, r1]", 4),
    ("a store with an index behind a load", "cortex-m4", "movs r1, #0\nldr r2, [r0]\nstr r2, [r0, r1]", 4),
    ("several registers", "cortex-m4", "push {r4, r5, r6}\npop {r4, r5, r6}", 8),
    ("two registers", "cortex-m4", "ldrd r2, r3, [r0]", 3),
    ("a division", "cortex-m4", "movs r1, #3\nudiv r1, r1, r1", 8),
    ("a folded it", "cortex-m4", "cmp r0, #0\nit ne\nmovne r1, #1", 2),
    ("an it that is not folded", "cortex-m4", "cmp.w r0, #4096\nit ne\nmovne r1, #1", 3),
    ("a branch taken", "cortex-m4", "b 1f\n1: nop", 4),
    ("a call", "cortex-m4", "mov r1, lr\nbl 1f\n1: mov lr, r1", 5),
    ("the long multiplication of an M3", "cortex-m3", "smull r1, r2, r0, r0", 5),
    ("loads of an M0+ are not pipelined", "cortex-m0plus", "ldr r1, [r0]\nldr r2, [r0]", 4),
    ("several registers on an M0+", "cortex-m0plus", "push {r4, r5}\npop {r4, r5}", 6),
    ("branches of an M0+", "cortex-m0plus", "cmp r0, #0\nbeq 1f\nbne 1f\nnop\n1: nop", 5),
    ("branches of an M0", "cortex-m0", "cmp r0, #0\nbne 1f\nnop\n1: nop", 5),
)
_RETURN = {"cortex-m0plus": 2}  # cycles of `bx lr`, where they are not 3


def test_the_published_loop_costs_what_was_published() -> None:
    tool("arm-none-eabi-gcc")
    found = count(_LOOP, _M4)
    assert (found.instructions, found.cycles) == (12_005, 22_005)


@pytest.mark.parametrize(("core", "code", "cycles"), [row[1:] for row in _COUNTED], ids=[row[0] for row in _COUNTED])
def test_cycles_are_those_counted_by_hand(core: str, code: str, cycles: int) -> None:
    tool("arm-none-eabi-gcc")
    found = count(f"{code}\nbx lr", read_target(core))
    assert found.cycles - _RETURN.get(core, 3) == cycles


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("90ed001e", Kind.VECTOR_MEMORY),  # vldrb.u8 q0, [r0]
        ("b0ec101e", Kind.VECTOR_MEMORY),  # the same, indexed after
        ("90fd800e", Kind.VECTOR_MEMORY),  # vldrb.u16 q0, [r0]
        ("90fc420f", Kind.VECTOR_GATHER),  # vldrw.u32 q0, [r0, q1]
        ("f0ee020f", Kind.VECTOR),  # vmladav.s8 r0, q0, q1
        ("22ef440b", Kind.VECTOR),  # vqdmulh.s32 q0, q1, q2
        ("11ec000f", Kind.FLOAT),  # vmov q0[2], q0[0], r0, r1
        ("0ff003c8", Kind.LOOP_END),  # le
        ("21fb0230", Kind.MULTIPLY_ADD),  # smlad
        ("40f001e0", Kind.ALU),  # dls
    ],
)
def test_helium_is_told_apart(code: str, kind: Kind) -> None:
    assert [i.kind for i in decode(bytes.fromhex(code), 0)] == [kind]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "return *(volatile int *)0x60000000;",
            "net_run .* reads 4 bytes at 0x60000000, where the board has no memory",
        ),
        ("*(volatile char *)0x30000000 = 1; return 0;", "writes 1 bytes at 0x30000000, where the board has no memory"),
        ("*(volatile int *)0x08000100 = 1; return 0;", "writes 4 bytes at 0x8000100, in flash"),
        ('__asm__ volatile(".inst.n 0xde00"); return 0;', "net_run .* stops: Invalid instruction"),
    ],
)
def test_a_fault_names_its_place(body: str, message: str) -> None:
    tool("arm-none-eabi-gcc")
    with pytest.raises(EdgeqError, match=message):
        execute(f"int net_run(struct net_context *context) {{ (void)context; {body} }}", _M4)


def test_small_cores_refuse_what_is_not_aligned() -> None:
    tool("arm-none-eabi-gcc")
    run = """int net_run(struct net_context *context)
    {
        return *(volatile int *)((uintptr_t)context + 1) != 64;
    }"""
    assert execute(run, _M4)[0] == 1
    with pytest.raises(EdgeqError, match="net_run"):
        execute(run, _M0PLUS)


def test_the_stack_is_measured() -> None:
    tool("arm-none-eabi-gcc")
    run = """int net_run(struct net_context *context)
    {
        volatile uint8_t array[%d];
        for (uint32_t i = 0; i < sizeof array; i++) { array[i] = 1; }
        return (int)array[context->words[0]] - 1;
    }"""
    status, stack = execute(run % 1000, _M4)
    assert status == 0
    assert 1000 <= stack < 1050
    with pytest.raises(EdgeqError, match="takes more than 16384 bytes of stack"):
        execute(run % 16384, _M4)


def test_what_does_not_return_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    tool("arm-none-eabi-gcc")
    monkeypatch.setattr(unicorn_core, "SECONDS", 0.2)
    with pytest.raises(EdgeqError, match=r"net_run .* goes on after 0\.2 seconds"):
        execute('int net_run(struct net_context *context) { (void)context; for (;;) { __asm__(""); } }', _M4)


def test_floating_point_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    tool("arm-none-eabi-gcc")
    monkeypatch.setattr(firmware, "harness_files", _with_a_float(firmware.harness_files))
    model = edgeq.compile(_DIGITS)
    with pytest.raises(EdgeqError, match=r"30ee200a needs a floating-point unit"):
        emulate(model.program, model.files, _M4, _inputs(model))


def _with_a_float(made: Callable[..., dict[str, str]]) -> Callable[..., dict[str, str]]:
    """The harness, with a floating-point instruction behind the first layer."""

    def files(name: str, machine: str, **options: bool) -> dict[str, str]:
        harness = made(name, machine, **options)
        marks = harness["harness_marks.h"].replace("1:", ".inst.w 0xee300a20\\n1:")
        return {**harness, "harness_marks.h": marks}

    return files


def test_reads_of_constants_go_through_the_cache() -> None:
    reads = ConstantReads(Memory("flash", "flash", 0, 4096, wait_states=5, line=16, data_cache=32))
    for address in (0, 4, 16, 0, 32, 16, 48):  # the lines 0, 0, 1, 0, 2, 1, 3, of which two are kept
        reads.read(3, address)
    assert reads.misses == {3: 5}


@pytest.mark.parametrize(
    ("cache", "prefetch", "cycles"), [(0, False, 110), (0, True, 22), (16, False, 15), (32, False, 10)]
)
def test_instructions_wait_for_the_flash(cache: int, prefetch: bool, cycles: int) -> None:
    flash = Memory("flash", "flash", 0, 4096, wait_states=5, line=16, code_cache=cache, prefetch=prefetch)
    places = {(0, 0): Count(20, 20), (0, 2): Count(20, 20), (0, 16): Count(2, 2), (0, 8192): Count(9, 9)}
    assert wait_cycles(places, {}, flash) == {0: cycles}
    assert wait_cycles(places, {0: 2}, flash) == {0: cycles + 10}


def _run_digits(core: str, compiler: str | None = None) -> tuple[CompiledModel, Run]:
    if read_core(core).emulator == "qemu":
        tool("qemu-system-arm")
    model = edgeq.compile(_DIGITS, target=core, optimize="speed")
    run = emulate(model.program, model.files, read_target(core), _inputs(model), compiler=compiler)
    _equals_the_host(model, run)
    return model, run


def _inputs(model: CompiledModel) -> list[np.ndarray]:
    return [*golden.vectors(model.program.graph)[1].inputs]


def _equals_the_host(model: CompiledModel, run: Run) -> None:
    for found, wanted in zip(run.outputs, model.host.run(_inputs(model)), strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("core", core_names())
def test_a_core_computes_what_the_host_does(core: str) -> None:
    model, run = _run_digits(core)
    assert [layer.index for layer in run.layers] == [layer.index for layer in model.program.layers]
    for layer, cost in zip(model.program.layers, run.layers, strict=True):
        assert (cost.instructions == 0) == (layer.kernel is None), layer.name
        assert cost.cycles > cost.instructions / 2 or layer.kernel is None
    assert sum(n for _, n, _ in run.functions()) == run.instructions
    assert sum(c for _, _, c in run.functions()) == run.cycles
    assert all(name for name, _, _ in run.functions()), "code that is in no function"
    assert 0 < run.stack < 1024
    assert run.image.sizes.arena == model.program.plan.size
    assert run.image.sizes.weights >= model.program.weight_bytes
    assert run.waits == 0


def test_two_emulators_agree() -> None:
    tool("qemu-system-arm")
    model, run = _run_digits("cortex-m4")
    other = emulate(model.program, model.files, _M4, _inputs(model), emulator="qemu")
    assert other.layers == run.layers
    assert other.stack == run.stack
    _equals_the_host(model, other)
    with pytest.raises(EdgeqError, match=r"no machine of QEMU for Arm Cortex-M0; accepted: cortex-m4"):
        emulate(model.program, model.files, read_target("cortex-m0"), _inputs(model), emulator="qemu")


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m0plus", "rv32imc"])
def test_the_compiler_from_pip_does_as_well(core: str) -> None:
    _, run = _run_digits(core, "zig")
    assert run.image.compiler.startswith("zig cc")
    assert run.image.sizes.code > 1000
    assert run.image.sizes.weights > 3000


def test_a_board_adds_the_waits_for_its_flash() -> None:
    tool("arm-none-eabi-gcc")
    model = edgeq.compile(_DIGITS)
    ideal = emulate(model.program, model.files, _M4, _inputs(model))
    board = emulate(model.program, model.files, read_target("nucleo-l4r5zi"), _inputs(model))
    assert board.cycles == ideal.cycles
    assert 0.02 < board.waits / board.cycles < 1


def test_what_does_not_fit_is_said_and_still_runs(tmp_path: Path) -> None:
    tool("arm-none-eabi-gcc")
    memories = [("flash", 0x8000000, 4096), ("ram", 0x20000000, 4096)]
    tables = "".join(f'[[memories]]\nname="{k}"\nkind="{k}"\norigin={o}\nsize={s}\n' for k, o, s in memories)
    path = tmp_path / "tiny.toml"
    path.write_text(
        f'title="tiny"\ncore="cortex-m4"\nclock=1\nsources=["this test"]\nreserved_ram=2048\n{tables}', encoding="utf-8"
    )
    model = edgeq.compile(_DIGITS)
    run = emulate(model.program, model.files, read_target(path), _inputs(model))
    _equals_the_host(model, run)
    sizes = run.image.sizes
    assert [(e.kind, e.missing) for e in run.image.excess_with(2048)] == [
        ("flash", sizes.flash - 4096),
        ("ram", sizes.ram + 2048 + 2048 - 4096),
    ]
    assert [e.kind for e in run.excess] == ["flash"]
    assert not run.image.fits


def test_a_missing_emulator_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    tool("arm-none-eabi-gcc")
    find = shutil.which
    monkeypatch.setattr(qemu_core.shutil, "which", lambda name: None if "qemu" in name else find(name))
    model = edgeq.compile(_DIGITS)
    with pytest.raises(EdgeqError, match=r"qemu-system-arm is not installed.*apt-get install qemu-system-arm"):
        emulate(model.program, model.files, read_target("cortex-m55"), _inputs(model))


@requires_shared
@pytest.mark.slow
@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4", "cortex-m55", "rv32imc"])
@pytest.mark.parametrize("name", INT8_MODELS)
def test_real_models_compute_what_the_host_does(name: str, core: str) -> None:
    if read_core(core).emulator == "qemu":
        tool("qemu-system-arm")
    model = edgeq.compile(MODELS / f"{name}.tflite", name="net", target=core, optimize="speed")
    _equals_the_host(model, emulate(model.program, model.files, read_target(core), _inputs(model)))
