"""Searching for the precision of each layer, on the example's digits."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from toolchains import tool

import edgeq
from edgeq.analysis import compare
from edgeq.cli import cli
from edgeq.cli.search import AmountType
from edgeq.errors import EdgeqError
from edgeq.frontend import Calibration, ModelFile
from edgeq.quantize.data import Preprocessing
from edgeq.quantize.scheme import Rule, Scheme, read_scheme, scheme_text
from edgeq.quantize.sensitivity import sensitivity
from edgeq.search import Limits, Setting, search
from edgeq.search.assignment import Assignment
from edgeq.search.setting import Bench, parse_widths

_EXAMPLES = Path(__file__).parents[2] / "examples"
_MODEL, _DATA = _EXAMPLES / "digits.onnx", _EXAMPLES / "digits_train.npz"


def _setting(**changes: Any) -> Setting:
    with np.load(_DATA) as data:
        x = data["x"][:100]
    setting = Setting(
        ModelFile.read(_MODEL),
        Calibration(x, preprocessing=Preprocessing(std=16.0)),
        scheme=Scheme(weight_rounding="nearest"),
        widths=("int8", "int4", "int2"),
    )
    return replace(setting, **changes)


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["search", str(_MODEL), "--calibrate", str(_DATA), "--std", "16", *arguments])


def _edgeq(*arguments: str) -> str:
    result = _run("--weight-rounding", "nearest", "--jobs", "1", *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of all searches here with the same setting: what one tried, no other computes again."""
    return tmp_path_factory.mktemp("search") / "trials"


def test_trials_say_what_the_scheme_gives(journal: Path) -> None:
    found = search(_setting(), Limits(min_sqnr=15), trials=8, journal=journal)
    assert found.chosen.sqnr >= 15
    assert found.chosen.weight_bytes < found.plain.weight_bytes
    assert found.chosen.flash == min(t.flash for t in found.trials if t.sqnr >= 15)
    bench = Bench(_setting())
    made = bench.compile(found.scheme)
    again = compare(made, bench.judged_on, layers=False).outputs[0]
    assert (again.scores or again.output).sqnr == found.chosen.sqnr
    assert made.program.weight_bytes == found.chosen.flash


def test_the_same_search_repeats_exactly(journal: Path) -> None:
    first = search(_setting(), Limits(min_sqnr=15), trials=3)
    again = search(_setting(), Limits(min_sqnr=15), trials=3)
    assert first.trials == again.trials
    assert first.scheme == again.scheme
    by_journal = search(_setting(), Limits(min_sqnr=15), trials=3, journal=journal)
    assert by_journal.trials == first.trials


@pytest.mark.slow
def test_processes_find_what_one_finds() -> None:
    alone = search(_setting(), Limits(min_sqnr=15), trials=3)
    shared = search(_setting(), Limits(min_sqnr=15), trials=3, jobs=2)
    assert shared.trials == alone.trials
    assert shared.noise == alone.noise


def test_what_is_in_the_journal_is_not_computed_again(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = search(_setting(), Limits(min_sqnr=15), trials=8, journal=journal)
    monkeypatch.setattr("edgeq.search.workers.KINDS", {})
    assert search(_setting(), Limits(min_sqnr=15), trials=8, journal=journal).trials == expected.trials


def test_results_of_another_setting_are_not_taken(tmp_path: Path) -> None:
    search(_setting(), Limits(min_sqnr=1), trials=1, journal=tmp_path / "t")
    other = _setting(seed=1)
    found = search(other, Limits(min_sqnr=1), trials=1, journal=tmp_path / "t")
    assert found == search(other, Limits(min_sqnr=1), trials=1)


def test_weights_and_judgement_use_different_samples() -> None:
    bench = Bench(_setting())
    fitted, judged = set(bench.fitted_on.indices), set(bench.judged_on.indices)
    assert fitted
    assert judged
    assert not fitted & judged
    assert len(fitted | judged) == 100
    other = Bench(_setting(seed=1))
    assert set(other.judged_on.indices) != judged
    few = Bench(_setting(calibration=replace(_setting().calibration, count=10)))
    assert len(few.fitted_on) == 10


def test_labels_go_with_their_samples() -> None:
    bench = Bench(_setting(labels=np.arange(100)))
    assert bench.judged_on.labels is not None
    assert bench.judged_on.labels.tolist() == list(bench.judged_on.indices)
    with pytest.raises(EdgeqError, match=r"labels of int64\[3\] for .* samples; accepted: one integer each"):
        Bench(_setting(labels=np.arange(3))).judged_on  # noqa: B018


def test_rules_of_the_user_stand() -> None:
    layers = Bench(_setting()).layers
    scheme = Scheme(weight_rounding="nearest", layers=(Rule(layers[0].name, {"weights": "int2"}),))
    bench = Bench(_setting(scheme=scheme))
    assert [layer.name for layer in bench.layers] == [layer.name for layer in layers[1:]]
    chosen = Assignment({layers[0].name: "int4"}).scheme(scheme)
    graph = bench.graph
    value = next(n for n in graph.nodes if n.name == layers[0].node).outputs[0]
    assert chosen.of(graph, value).weights == "int2"


@pytest.mark.slow
def test_sixteen_bits_where_eight_are_not_accurate_enough() -> None:
    plain = search(_setting(), Limits(min_sqnr=1), trials=1).plain
    found = search(_setting(), Limits(min_sqnr=plain.sqnr + 1), trials=14)
    assert found.chosen.assignment.wide
    assert found.chosen.sqnr >= plain.sqnr + 1
    assert found.chosen.ram >= plain.ram


def test_cycles_count_where_they_are_limited(tmp_path: Path) -> None:
    tool("arm-none-eabi-gcc")
    setting = _setting(options=edgeq.Options(target="cortex-m4"))
    found = search(setting, Limits(cycles=10**9, min_sqnr=10), trials=2, journal=tmp_path / "t")
    assert all(trial.cycles for trial in found.trials)
    assert found.chosen.flash > found.chosen.constant_bytes  # the code counts
    text = (tmp_path / "t").read_text()
    assert "cycles int4" in text
    cycles = json.loads(next(line for line in text.splitlines() if "cycles int4" in line))["result"]
    names = [layer.name for layer in Bench(setting).layers]
    assert [*cycles] == names
    assert cycles[names[0]] > 0


@pytest.mark.parametrize(
    ("changes", "limits", "message"),
    [
        ({}, Limits(max_drop=1), "a limit on lost accuracy, and no labels; accepted: --labels"),
        ({}, Limits(cycles=5), "a limit on cycles, and no target; accepted: --target"),
        (
            {"calibration": Calibration(np.zeros((1, 8, 8), np.float32))},
            Limits(),
            "none is left to judge choices on",
        ),
    ],
)
def test_what_cannot_be_searched(changes: dict[str, Any], limits: Limits, message: str) -> None:
    with pytest.raises(EdgeqError, match=message):
        search(_setting(**changes), limits)


def test_a_quantized_model_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        cli, ["quantize", str(_MODEL), "--calibrate", str(_DATA), "--std", "16", "-o", str(tmp_path / "q.onnx")]
    )
    assert result.exit_code == 0, result.output
    result = CliRunner().invoke(cli, ["search", str(tmp_path / "q.onnx"), "--calibrate", str(_DATA)])
    assert result.exit_code == 1
    assert "q.onnx" in result.stderr
    assert "accepted: " in result.stderr


def test_widths() -> None:
    assert parse_widths("int2, int4") == ("int8", "int4", "int2")
    for text in ("int9", "int4,x", ""):
        with pytest.raises(EdgeqError, match=r"unknown type of weights '.*'; accepted: int8, int4, int3, int2, binary"):
            parse_widths(text)


@pytest.mark.parametrize(
    ("text", "expected"), [("64K", 65536), ("1.5m", 1572864), ("100", 100), ("64 KiB", 65536), ("1kb", 1024)]
)
def test_amounts(text: str, expected: int) -> None:
    assert AmountType("BYTES", 1024).convert(text, None, None) == expected


@pytest.mark.parametrize("text", ["0", "-1", "64G", "K", "1e3", ""])
def test_amounts_that_are_none(text: str) -> None:
    result = _run("--flash", text)
    assert result.exit_code == 2
    assert "accepted: a number above 0, also in K or M" in result.stderr


def test_a_scheme_is_read_as_it_was_written(tmp_path: Path) -> None:
    rules = (Rule('Conv #1 "a\\b\x7f"', {"weights": "int4", "symmetric": True}), Rule("x", {"activations": "int16"}))
    scheme = Scheme(method="mse", per_tensor=True, bias_correction=False, layers=rules)
    path = tmp_path / "scheme.toml"
    path.write_text(scheme_text(scheme, "two\nlines"), encoding="utf-8")
    assert path.read_text().startswith("# two\n# lines\n")
    assert read_scheme(path) == scheme
    path.write_text(scheme_text(Scheme()))
    assert read_scheme(path) == Scheme()


def test_the_command_writes_a_scheme_that_compiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = _edgeq("--min-sqnr", "15", "--trials", "4", "--plot", "front.svg")
    assert "chosen" in page
    assert "less than" in page
    scheme = read_scheme("digits.scheme.toml")
    assert scheme.layers
    assert "<svg" in (tmp_path / "front.svg").read_text()
    first = (tmp_path / "digits.scheme.toml").read_bytes(), (tmp_path / "front.svg").read_bytes()
    document = json.loads(_edgeq("--min-sqnr", "15", "--trials", "4", "--plot", "front.svg", "--json"))
    assert first == ((tmp_path / "digits.scheme.toml").read_bytes(), (tmp_path / "front.svg").read_bytes())
    (chosen,) = (t for t in document["trials"] if t["chosen"])
    assert chosen["front"]
    assert chosen["sqnr"] >= 15
    rules = {rule.match: rule.changes["weights"] for rule in scheme.layers}
    assert rules == chosen["assignment"]["weights"]


def test_nothing_is_written_where_nothing_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = _run("--flash", "10", "--trials", "2", "--jobs", "1", "--weight-rounding", "nearest", "--plot", "f.png")
    assert result.exit_code == 1
    assert "nothing of 2 tried has flash of at most 10" in result.stderr
    assert "Traceback" not in result.output
    assert [p.name for p in tmp_path.iterdir()] == ["digits.scheme.toml.trials"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--plot", "front.gif"), "accepted: names that end in .svg, .png, .pdf"),
        (("--weights", "int4"), "accepted: --widths TYPES"),
        (("--widths", "int5"), "unknown type of weights 'int5'"),
        (("-o", "no/such/folder/s.toml"), "No such file or directory"),
    ],
)
def test_arguments_that_are_refused(arguments: tuple[str, ...], message: str) -> None:
    result = _run("--jobs", "1", "--trials", "1", "--weight-rounding", "nearest", *arguments)
    assert result.exit_code == 1
    assert message in result.stderr.replace("\n", " ")


@pytest.mark.slow
def test_weights_auto_compiles_what_a_search_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    arguments = ["compile", str(_MODEL), "--calibrate", str(_DATA), "--std", "16", "--weight-rounding", "nearest"]
    result = CliRunner().invoke(cli, [*arguments, "--weights", "auto", "-o", str(tmp_path / "auto"), "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)["weight_bytes"]
    calibration = Calibration(_DATA, preprocessing=Preprocessing(std=16.0))
    scheme = search(_setting(calibration=calibration, widths=Setting.widths)).scheme
    assert found == edgeq.compile(_MODEL, calibrate=calibration, scheme=scheme).program.weight_bytes
    result = CliRunner().invoke(cli, ["compile", str(_MODEL), "--weights", "auto", "-o", str(tmp_path / "x")])
    assert result.exit_code == 1
    assert "--weights auto without samples to choose by; accepted: --calibrate DATA" in result.stderr


def test_noise_is_measured_with_the_groups_that_the_user_asks_for() -> None:
    """Of integers without their factors, it would be more than the signal."""
    plain, grouped = (
        sensitivity(bench.encoded, bench.fitted_on, bench.judged_on, bench.setting.scheme, "int4").layers
        for bench in (Bench(_setting()), Bench(_setting(scheme=Scheme(weight_rounding="nearest", weight_groups=16))))
    )
    assert plain.keys() == grouped.keys()
    assert plain != grouped
    assert all(grouped[name] < 2 * plain[name] for name in plain)
