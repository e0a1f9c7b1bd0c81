"""What a firmware engineer may rely on in the generated folder, on every model at hand."""

import functools
import hashlib
import itertools
import json
import re
import sys
from pathlib import Path

import pytest
import small_models
from cases import CASES
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from shared import INT8_MODELS, MODELS, UINT8_MODELS
from toolchains import (
    CLANG,
    COMPILER_HELPERS,
    FLOAT_HELPERS,
    GCC,
    M0PLUS,
    PEDANTIC,
    SANITIZE,
    TOOLCHAINS,
    Toolchain,
    compile_objects,
    run,
    symbols,
    undefined,
    write,
)

import edgeq
from edgeq import resources
from edgeq.emit import Banner, emit
from edgeq.fixedpoint import Rounding
from edgeq.program import build_program

_DIGITS = Path(__file__).parents[1] / "examples" / "digits_int8.tflite"
_EVERY_MODEL = pytest.mark.parametrize(
    "name", ["digits_int8", *(pytest.param(name, marks=pytest.mark.slow) for name in (*INT8_MODELS, *UINT8_MODELS))]
)
_EVERY_TOOLCHAIN = pytest.mark.parametrize("toolchain", TOOLCHAINS, ids=lambda t: t.name)

_MAIN = """
#include "{name}_test.h"

static uint8_t arena[{NAME}_ARENA_SIZE] __attribute__((aligned({NAME}_ARENA_ALIGN)));

int main(void)
{{
    struct {name}_context context;
    int status = {name}_init(&context, arena, sizeof arena);
    return status != {NAME}_OK ? status : {name}_self_test(&context);
}}
"""


@functools.cache
def _compiled(name: str) -> edgeq.CompiledModel:
    path = _DIGITS if name == "digits_int8" else MODELS / f"{name}.tflite"
    if not path.is_file():
        pytest.skip(f"{path.name} is not among the shared models; set EDGEQ_SHARED to their folder")
    return edgeq.compile(path)


def _folder(model: edgeq.CompiledModel, folder: Path) -> Path:
    model.write(folder)
    return folder


def _objects(toolchain: Toolchain, folder: Path, output: Path, *flags: str) -> list[Path]:
    """Every C file of a generated folder, with nothing but the folder itself to include from."""
    sources = sorted(folder.rglob("*.c"))
    return compile_objects(toolchain, sources, [folder, folder / "kernels"], output, *PEDANTIC, *flags)


def _executable(name: str, folder: Path, output: Path, main: str, *flags: str) -> Path:
    """The folders below `folder`, and a `main`, as a program with the sanitizers in it."""
    write(output, {"main.c": main})
    sources = [output / "main.c", *sorted(folder.rglob("*.c"))]
    headers = sorted({path.parent for path in folder.rglob("*.h")})
    objects = compile_objects(GCC, sources, headers, output / "objects", *SANITIZE, *flags)
    run(["gcc", "-no-pie", *SANITIZE, *objects, "-o", output / name])
    return output / name


@_EVERY_TOOLCHAIN
@_EVERY_MODEL
def test_the_folder_compiles_alone_and_needs_nothing(name: str, toolchain: Toolchain, tmp_path: Path) -> None:
    folder = _folder(_compiled(name), tmp_path / "net")
    objects = _objects(toolchain, folder, tmp_path / "objects")
    missing = {s for s in undefined(toolchain, objects) if not COMPILER_HELPERS.fullmatch(s)}
    assert not missing
    kinds = symbols(toolchain, objects)
    assert not kinds.keys() & set("BbCDdSs"), "writable memory outside the arena"
    public = set().union(*(names for kind, names in kinds.items() if kind.isupper() and kind != "U"))
    assert all(symbol.startswith(f"{_compiled(name).program.name}_") for symbol in public)


@_EVERY_MODEL
@pytest.mark.parametrize("toolchain", [t for t in TOOLCHAINS if t.integer], ids=lambda t: t.name)
def test_there_is_no_float_instruction(name: str, toolchain: Toolchain, tmp_path: Path) -> None:
    folder = _folder(_compiled(name), tmp_path / "net")
    _objects(toolchain, folder, tmp_path / "objects", toolchain.integer)


def test_a_float_would_be_found(tmp_path: Path) -> None:
    source = write(tmp_path, {"f.c": "float f(float x);\nfloat f(float x)\n{\n    return x * 2.0f;\n}\n"}) / "f.c"
    with pytest.raises(pytest.fail.Exception, match="SSE"):
        compile_objects(GCC, [source], [], tmp_path / "host", GCC.integer)
    assert undefined(M0PLUS, compile_objects(M0PLUS, [source], [], tmp_path / "m0plus")) == {"__aeabi_fadd"}
    assert not COMPILER_HELPERS.fullmatch("__aeabi_fadd")


@_EVERY_MODEL
def test_the_self_test_passes_under_sanitizers(name: str, tmp_path: Path) -> None:
    model = _compiled(name)
    folder = _folder(model, tmp_path / "net")
    main = _MAIN.format(name=model.program.name, NAME=model.program.name.upper())
    run([_executable("self_test", folder, tmp_path / "out", main)])


@pytest.mark.parametrize("rounding", Rounding)
def test_the_folder_rounds_as_the_graph_does(rounding: Rounding, tmp_path: Path) -> None:
    graph = _compiled("digits_int8").program.graph.with_(rounding=rounding)
    files = emit(build_program(graph, "net"), Banner("0", "digits", "", ""))
    header = (resources.RUNTIME_ROUNDING / rounding.value / "rounding.h").read_text()
    assert files["kernels/net_rounding.h"] == header.replace("edgeq_", "net_").replace("EDGEQ_", "NET_").replace(
        '"gemmlowp.h"', '"net_gemmlowp.h"'
    )
    folder = write(tmp_path / "net", files)
    run([_executable("self_test", folder, tmp_path / "out", _MAIN.format(name="net", NAME="NET"))])


@pytest.mark.parametrize("operator", sorted(CASES))
@settings(
    max_examples=2,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_every_operator_compiles_and_passes_its_self_test(
    operator: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # Moves are tested on floats too, which cannot all become integers.
    floats = operator not in ("QUANTIZE", "DEQUANTIZE")
    model = edgeq.compile(data.draw(CASES[operator]).model, name="net", float_ports=floats)
    tmp_path = tmp_path_factory.mktemp(operator)
    folder = _folder(model, tmp_path / "net")
    run([_executable("self_test", folder, tmp_path / "out", _MAIN.format(name="net", NAME="NET"))])
    helpers = FLOAT_HELPERS if _has_floats(model) else COMPILER_HELPERS
    missing = undefined(M0PLUS, _objects(M0PLUS, folder, tmp_path / "m0plus"))
    assert not {s for s in missing if not helpers.fullmatch(s)}


def _has_floats(model: edgeq.CompiledModel) -> bool:
    return any(type_.dtype.is_float for type_ in model.program.graph.types.values())


def test_the_self_test_notices_a_wrong_weight(tmp_path: Path) -> None:
    model = _compiled("digits_int8")
    weights = f"{model.program.name}_weights.c"
    first = re.compile(r"(_weights\[\d+\] = \{\n    )(-?\d+)")
    broken = first.sub(lambda m: f"{m[1]}{127 if int(m[2]) < 0 else -127}", model.files[weights], count=1)
    folder = write(tmp_path / "net", {**model.files, weights: broken})
    main = _MAIN.format(name=model.program.name, NAME=model.program.name.upper())
    program = _executable("self_test", folder, tmp_path / "out", main)
    with pytest.raises(pytest.fail.Exception, match="status 252"):  # -4 as an exit status
        run([program])


def test_init_and_run_say_what_is_wrong(tmp_path: Path) -> None:
    model = _compiled("digits_int8")
    folder = _folder(model, tmp_path / "net")
    main = """
#include "digits_int8.h"

static uint8_t arena[DIGITS_INT8_ARENA_SIZE + 1] __attribute__((aligned(DIGITS_INT8_ARENA_ALIGN)));

int main(void)
{
    struct digits_int8_context context = {arena};
    int right = digits_int8_init(NULL, arena, sizeof arena) == DIGITS_INT8_ERROR_NULL;
    right &= digits_int8_init(&context, NULL, sizeof arena) == DIGITS_INT8_ERROR_NULL;
    right &= digits_int8_init(&context, arena, DIGITS_INT8_ARENA_SIZE - 1u) == DIGITS_INT8_ERROR_ARENA_SIZE;
    right &= digits_int8_run(&context) == DIGITS_INT8_ERROR_NULL;
    right &= digits_int8_init(&context, arena + 1, DIGITS_INT8_ARENA_SIZE) == DIGITS_INT8_ERROR_ARENA_ALIGN;
    right &= digits_int8_run(&context) == DIGITS_INT8_ERROR_NULL;
    right &= digits_int8_run(NULL) == DIGITS_INT8_ERROR_NULL;
    right &= digits_int8_init(&context, arena, DIGITS_INT8_ARENA_SIZE) == DIGITS_INT8_OK;
    right &= digits_int8_run(&context) == DIGITS_INT8_OK;
    return right ? 0 : 1;
}
"""
    run([_executable("statuses", folder, tmp_path / "out", main)])


def test_the_self_test_wants_an_initialised_context(tmp_path: Path) -> None:
    folder = _folder(_compiled("digits_int8"), tmp_path / "net")
    main = """
#include "digits_int8_test.h"

int main(void)
{
    struct digits_int8_context context = {NULL};
    int right = digits_int8_self_test(NULL) == DIGITS_INT8_ERROR_NULL;
    right &= digits_int8_self_test(&context) == DIGITS_INT8_ERROR_NULL;
    return right ? 0 : 1;
}
"""
    run([_executable("uninitialised", folder, tmp_path / "out", main)])


def test_ports_are_aligned_as_their_macros_say() -> None:
    """Also a port that lies in the middle of a larger value, wherever that begins."""
    model = edgeq.compile(small_models.joined_inputs(), name="net")
    offsets = {f"IN_{i}": port.offset for i, port in enumerate(model.program.inputs, 1)}
    stated = {name: int(n) for name, n in re.findall(r"NET_(IN_\d)_ALIGNMENT (\d+)u", model.files["net.h"])}
    assert sorted(offsets.values()) == [0, 3]
    assert stated == {name: 1 if offset else 4 for name, offset in offsets.items()}


def test_two_networks_share_an_image(tmp_path: Path) -> None:
    """One model twice, as a stranger to itself, since its kernels and layers are the same: the hardest pair."""
    for name in ("first", "second"):
        _folder(edgeq.compile(_DIGITS, name=name), tmp_path / "nets" / name)
    main = """
#include "first_test.h"
#include "second_test.h"

int main(void)
{
    struct first_context first;
    struct second_context second;
    int status = first_init(&first, first_static_arena, sizeof first_static_arena);
    status |= second_init(&second, second_static_arena, sizeof second_static_arena);
    return status | first_self_test(&first) | second_self_test(&second) | first_self_test(&first);
}
"""
    flags = ("-DFIRST_STATIC_ARENA", "-DSECOND_STATIC_ARENA")
    run([_executable("both", tmp_path / "nets", tmp_path / "out", main, *flags)])


def test_the_hook_is_called_after_each_layer(tmp_path: Path) -> None:
    model = _compiled("digits_int8")
    folder = _folder(model, tmp_path / "net")
    hook = "#include <stdint.h>\nvoid hook(int layer, const uint8_t *arena);\n"
    write(tmp_path, {"hook.h": hook + "#define DIGITS_INT8_AFTER_LAYER(layer, arena) hook(layer, arena)\n"})
    main = """
#include "digits_int8.h"

static int called;

void hook(int layer, const uint8_t *arena)
{
    called += layer == called && arena == digits_int8_static_arena;
}

int main(void)
{
    struct digits_int8_context context;
    int status = digits_int8_init(&context, digits_int8_static_arena, sizeof digits_int8_static_arena);
    return status | digits_int8_run(&context) | (called != LAYERS);
}
"""
    flags = [
        "-DDIGITS_INT8_STATIC_ARENA",
        "-include",
        str(tmp_path / "hook.h"),
        f"-DLAYERS={len(model.program.layers)}",
    ]
    run([_executable("hooked", folder, tmp_path / "out", main, *flags)])


def test_sections_can_be_chosen(tmp_path: Path) -> None:
    folder = _folder(_compiled("digits_int8"), tmp_path / "net")
    flags = (
        "-DDIGITS_INT8_STATIC_ARENA",
        '-DDIGITS_INT8_ARENA_ATTR=__attribute__((section(".dtcm"),aligned(16)))',
        '-DDIGITS_INT8_WEIGHTS_ATTR=__attribute__((section(".qspi")))',
    )
    objects = _objects(M0PLUS, folder, tmp_path / "objects", *flags)
    sections = {o.stem: run(["arm-none-eabi-size", "-A", o]) for o in objects}
    assert re.search(rf"^\.dtcm +{_compiled('digits_int8').program.plan.size} ", sections["digits_int8"], re.MULTILINE)
    assert ".qspi" in sections["digits_int8_weights"]
    assert not re.search(r"^\.rodata +[1-9]", sections["digits_int8_weights"], re.MULTILINE)


def test_c_plus_plus_can_call_it(tmp_path: Path) -> None:
    folder = _folder(_compiled("digits_int8"), tmp_path / "net")
    objects = _objects(CLANG, folder, tmp_path / "objects")
    main = '#include "digits_int8_test.h"\nint main() { return digits_int8_get_info()->inputs != 1; }\n'
    write(tmp_path, {"app.cpp": main})
    flags = ("-std=c++11", "-Wall", "-Wextra", "-pedantic", "-Werror", "-no-pie", f"-I{folder}")
    run(["clang", *flags, tmp_path / "app.cpp", *objects, "-o", tmp_path / "app"])
    run([tmp_path / "app"])


def test_the_cmake_project_builds_and_runs(tmp_path: Path) -> None:
    _folder(_compiled("digits_int8"), tmp_path / "net")
    project = """
cmake_minimum_required(VERSION 3.13)
project(app C)
add_subdirectory(net)
add_executable(app main.c)
target_link_libraries(app PRIVATE edgeq::digits_int8)
"""
    main = _MAIN.format(name="digits_int8", NAME="DIGITS_INT8")
    write(tmp_path, {"CMakeLists.txt": project, "main.c": main})
    run(["cmake", "-S", tmp_path, "-B", tmp_path / "build"])
    run(["cmake", "--build", tmp_path / "build"])
    run([tmp_path / "build" / "app"])


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    """In processes that hash differently, from different folders."""
    script = (
        "import edgeq, hashlib, json, sys\n"
        "files = edgeq.compile(sys.argv[1]).files\n"
        "print(json.dumps({p: hashlib.sha256(t.encode()).hexdigest() for p, t in files.items()}))\n"
    )
    seen = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        (folder / _DIGITS.name).write_bytes(_DIGITS.read_bytes())
        command = [sys.executable, "-c", script, folder / _DIGITS.name]
        seen.append(json.loads(run(command, folder, {"PYTHONHASHSEED": seed})))
    assert seen[0] == seen[1]
    ours = {p: hashlib.sha256(t.encode()).hexdigest() for p, t in _compiled("digits_int8").files.items()}
    assert seen[0] == ours


def test_no_file_tells_where_or_when_it_was_made() -> None:
    text = "\n".join(_compiled("digits_int8").files.values())
    for place in (Path.cwd(), Path.home(), Path(__file__).parents[1], Path(sys.prefix)):
        assert str(place) not in text
    assert not re.search(r"__(DATE|TIME|FILE)__|\b20\d\d-\d\d-\d\d\b", text)


def test_the_files_read_like_code_written_by_hand() -> None:
    for path, text in _compiled("digits_int8").files.items():
        assert text.endswith("\n"), path
        lines = [*text.splitlines(), ""]
        assert not [line for line in lines if line != line.rstrip() or "\t" in line], path
        assert not [a for a, b in itertools.pairwise(lines) if a == b == ""], path
        # Kernels are formatted under the name `edgeq`.
        assert path.startswith("kernels/") or not path.endswith((".c", ".h")) or max(map(len, lines)) <= 100, path


def test_all_but_tables_is_formatted_as_the_kernels_are(tmp_path: Path) -> None:
    """Under the repository's style; kernels keep the line breaks that they have under the name `edgeq`."""
    folder = _folder(_compiled("digits_int8"), tmp_path / "net")
    style = f"--style=file:{Path(__file__).parents[1] / '.clang-format'}"
    for name in ("digits_int8.h", "digits_int8.c", "digits_int8_weights.h", "digits_int8_test.h"):
        assert run(["clang-format", style, folder / name]) == (folder / name).read_text(), name
