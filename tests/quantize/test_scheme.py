"""What can be chosen, in Python, in a TOML file and on the command line."""

from dataclasses import fields
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from float_graphs import FloatBuilder

from edgeq.cli.options import model_options, source_from
from edgeq.errors import EdgeqError
from edgeq.ir import DType, Graph, Origin
from edgeq.quantize.ranges import METHODS
from edgeq.quantize.scheme import AUTO, Choice, Rule, Scheme, read_scheme


def _graph() -> Graph:
    b = FloatBuilder(np.random.default_rng(0))
    x = b.input(1, 4)
    y = b.node("dense", x, b.reals(4, 4))
    graph = b.graph(b.node("relu", y))
    return graph.with_(origins={x: Origin("image", 0), y: Origin("block[0]/dense", 3)})


def _read(tmp_path: Path, text: str) -> Scheme:
    path = tmp_path / "scheme.toml"
    path.write_text(text)
    return read_scheme(path)


def test_a_file_with_everything(tmp_path: Path) -> None:
    text = """
    activations = "int16"
    method = "mse"
    symmetric = true
    per-tensor = true
    weight-rounding = "nearest"
    outputs = "int8"
    bias-correction = false
    equalize = true
    weight-groups = 32

    [[layers]]
    match = "dense"
    activations = "int8"

    [[layers]]
    match = "image"
    method = "minmax"
    weight_rounding = "gptq"
    """
    assert _read(tmp_path, text) == Scheme(
        activations="int16",
        method="mse",
        symmetric=True,
        per_tensor=True,
        weight_rounding="nearest",
        outputs="int8",
        bias_correction=False,
        equalize=True,
        weight_groups=32,
        layers=(
            Rule("dense", {"activations": "int8"}),
            Rule("image", {"method": "minmax", "weight_rounding": "gptq"}),
        ),
    )


def test_an_empty_file_is_the_default(tmp_path: Path) -> None:
    assert _read(tmp_path, "") == Scheme()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("activations = ", "is no TOML"),
        ('activations = "int4"', "activations 'int4'; accepted: int8, int16"),
        ('method = "best"', f"method 'best'; accepted: {AUTO}, {', '.join(METHODS)}"),
        ('weight-rounding = "up"', "weight-rounding 'up'; accepted: gptq, adaround, nearest"),
        ('outputs = "int32"', "outputs 'int32'; accepted: int8, int16"),
        ('weights = "int9"', "weights 'int9'; accepted: int8, int4, int3, int2, binary"),
        ("weights = 9", "weights is 9; accepted: a string"),
        ('[[layers]]\nmatch = "a"\nweights = "int9"', "layer rule 1: weights 'int9'; accepted: int8, int4, int3, int2"),
        ("activations = 8", "activations is 8; accepted: a string"),
        ('weight-groups = "32"', "weight-groups is '32'; accepted: a whole number"),
        ("weight-groups = true", "weight-groups is True; accepted: a whole number"),
        ("weight-groups = 3", "weight-groups 3; accepted: 0, or 4 and more"),
        ("symmetric = 1", "symmetric is 1; accepted: true or false"),
        ('symmetric = "yes"', "symmetric is 'yes'; accepted: true or false"),
        ("bits = 8", "unknown key 'bits'; accepted: activations, weights, method, symmetric"),
        ("layers = 3", r"layers; accepted: tables, each headed \[\[layers\]\]"),
        ("layers = [1]", r"layers; accepted: tables, each headed \[\[layers\]\]"),
        ('[layers]\nmatch = "a"', r"layers; accepted: tables, each headed \[\[layers\]\]"),
        ('[[layers]]\nmethod = "mse"', 'layer rule 1 has no match; accepted: match = "PATTERN"'),
        ("[[layers]]\nmatch = 1", "layer rule 1 has no match"),
        ('[[layers]]\nmatch = "a"\n[[layers]]\nmatch = "b"\nmethod = "x"', "layer rule 2: method 'x'; accepted: auto"),
        ('[[layers]]\nmatch = "a"\noutputs = "int8"', "layer rule 1: unknown key 'outputs'; accepted: activations"),
        ('[[layers]]\nmatch = "a"\nsymmetric = 0', "layer rule 1: symmetric is 0; accepted: true or false"),
    ],
)
def test_what_a_file_must_not_say(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(EdgeqError, match=rf"scheme\.toml: .*{message}"):
        _read(tmp_path, text)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(EdgeqError, match=r"nowhere\.toml: No such file"):
        read_scheme(tmp_path / "nowhere.toml")
    with pytest.raises(EdgeqError, match="Is a directory"):
        read_scheme(tmp_path)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(EdgeqError, match="is no TOML"):
        read_scheme(tmp_path / "bytes")


def test_what_python_must_not_say() -> None:
    with pytest.raises(EdgeqError, match="rule for 'conv': weights 'int9'; accepted: int8, int4"):
        Scheme(layers=(Rule("conv", {"weights": "int9"}),))
    with pytest.raises(EdgeqError, match="rule for 'conv': bits is unknown; accepted: activations, weights"):
        Scheme(layers=(Rule("conv", {"bits": 9}),))
    with pytest.raises(EdgeqError, match="weight-groups '32'; accepted: 0, or 4 and more"):
        Scheme(weight_groups="32")  # type: ignore[arg-type]
    with pytest.raises(EdgeqError, match="weight-rounding 'up'; accepted: gptq, adaround, nearest"):
        Scheme(weight_rounding="up")


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        ("dense", True),
        ("DENSE #0*", True),
        ("DENSE #0", True),
        ('DENSE #0 "x"', True),
        ("block*", True),
        ("block[0]/dense", True),
        ("v2", True),
        ("dens", False),
        ("image", False),
        ("RELU*", False),
    ],
)
def test_what_a_rule_fits(match: str, fits: bool) -> None:
    """A layer by its op, its operator in the file with or without name, its tensor, its value; patterns of these."""
    graph = _graph()
    scheme = Scheme(layers=(Rule(match, {"activations": "int16"}),))
    made = graph.nodes[0].outputs[0]
    assert (scheme.of(graph, made).activations == "int16") == fits
    assert scheme.of(graph, graph.outputs[0]).activations == ("int16" if match == "RELU*" else "int8")


def test_the_last_rule_that_fits_counts() -> None:
    graph = _graph()
    rules = (Rule("*", {"activations": "int16", "method": "mse"}), Rule("dense", {"method": "minmax"}))
    choice = Scheme(layers=rules).of(graph, graph.nodes[0].outputs[0])
    assert (choice.activations, choice.method) == ("int16", "minmax")
    assert Scheme(layers=rules[::-1]).of(graph, graph.nodes[0].outputs[0]).method == "mse"
    assert Scheme(layers=rules).of(graph, graph.inputs[0]).method == "mse"


def test_rules_have_to_fit_something() -> None:
    graph = _graph()
    Scheme(layers=(Rule("image", {}), Rule("relu", {}))).require_matches(graph)
    with pytest.raises(EdgeqError, match=r"no layer matches 'conv2d'.*edgeq inspect"):
        Scheme(layers=(Rule("relu", {}), Rule("conv2d", {}))).require_matches(graph)


def test_types() -> None:
    assert Choice().dtype is DType.S8
    assert Choice("int16").dtype is DType.S16


class TestCommandLine:
    """Every field has an option; options overrule the file."""

    def _scheme(self, *arguments: str) -> Scheme:
        found = []

        @click.command()
        @model_options
        def command(model: str, **choices: object) -> None:
            found.append(source_from(model, choices).scheme)

        result = CliRunner().invoke(command, ["model", *arguments], catch_exceptions=False)
        assert not result.exit_code, result.output
        return found[0]

    def test_nothing_asked_for(self) -> None:
        assert self._scheme() == Scheme()

    def test_every_field_has_an_option(self) -> None:
        for field in (f for f in fields(Scheme) if f.name != "layers"):
            flag = field.name.replace("_", "-")
            if isinstance(field.default, bool):
                scheme = self._scheme(f"--no-{flag}" if field.default else f"--{flag}")
                assert getattr(scheme, field.name) is not field.default
            elif isinstance(field.default, int):
                assert getattr(self._scheme(f"--{flag}", "32"), field.name) == 32
            else:
                for value in field.metadata["accepted"]:
                    assert getattr(self._scheme(f"--{flag}", value), field.name) == value

    def test_options_overrule_the_file(self, tmp_path: Path) -> None:
        path = tmp_path / "scheme.toml"
        path.write_text('method = "mse"\nsymmetric = true\n[[layers]]\nmatch = "a"\nmethod = "minmax"')
        scheme = self._scheme("--scheme", str(path), "--method", "entropy")
        assert scheme == Scheme(method="entropy", symmetric=True, layers=(Rule("a", {"method": "minmax"}),))
