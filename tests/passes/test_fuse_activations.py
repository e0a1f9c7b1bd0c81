import pytest
from rewriting import const, graph_of, op_list, run_pass

from edgeq.ops.activation import Activation
from edgeq.passes import Pass
from edgeq.passes.fuse_activations import fuse_activations

_PASS = Pass("fuse activations", fuse_activations)
_TYPE = "s8[1,4,4,3] @0.05-20"
_NHWC = "s8[1,4,4,3] @0.1+5"
_CONSTANTS = "\n".join(
    [
        const("w", "s8[3,1,1,3] @0.2+0", [[[[50, -60, 70]]], [[[1, 2, 3]]], [[[-9, 8, 7]]]]),
        const("d", "s8[1,2,2,3] @0.2+0", 40),
    ]
)

_PRODUCERS = {
    "conv2d": "conv2d(%x, %w)",
    "depthwise_conv2d": 'depthwise_conv2d(%x, %d) {"padding": [0, 1, 0, 1]}',
    "dense": "dense(%x, %m)",
    "transpose_conv2d": 'transpose_conv2d(%x, %w) {"size": [4, 4]}',
    "add": "add(%x, %x)",
    "sub": "sub(%x, %r)",
    "mul": "mul(%x, %x)",
}


def _graph(call: str, *activations: str, producer_type: str = _TYPE, inputs: str = _NHWC) -> str:
    lines = ["graph net", f"input %x: {inputs}", f"input %r: {inputs}", _CONSTANTS]
    lines += [const("m", "s8[3,3] @0.2+0", [[90, -60, 70], [1, 2, 3], [-9, 8, 7]])]
    lines += [f'%v0: {producer_type} = {call}  # OP #0 "op"']
    lines += [f"%v{i}: {_TYPE} = {name}(%v{i - 1})  # {name.upper()} #{i}" for i, name in enumerate(activations, 1)]
    return "\n".join([*lines, f"output %v{len(activations)}"])


@pytest.mark.parametrize("activation", ["relu", "relu6", "relu_n1_to_1", "relu_0_to_1"])
@pytest.mark.parametrize("name", _PRODUCERS)
def test_a_clamp_becomes_the_producers(name: str, activation: str) -> None:
    after, changes = run_pass(_PASS, graph_of(_graph(_PRODUCERS[name], activation)))
    assert op_list(after) == [name]
    assert after.nodes[0].attrs.activation is Activation(activation)
    assert after.outputs == ("v1",), "the value is that of the activation"
    assert changes == [f"fused {activation.upper()} #1 into OP #0"]


@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d"])
def test_pools_clamp_too(name: str) -> None:
    text = _graph(f'{name}(%x) {{"kernel": [2, 2], "padding": [0, 1, 0, 1]}}', "relu6", inputs=_TYPE)
    assert op_list(run_pass(_PASS, graph_of(text))[0]) == [name]


@pytest.mark.parametrize(
    ("activations", "fused"),
    [
        (("relu", "relu6"), Activation.RELU6),
        (("relu6", "relu"), Activation.RELU6),
        (("relu_n1_to_1", "relu"), Activation.RELU_0_TO_1),
        (("relu6", "relu_n1_to_1"), Activation.RELU_0_TO_1),
        (("relu", "relu"), Activation.RELU),
    ],
)
def test_clamps_in_a_row_are_one(activations: tuple[str, ...], fused: Activation) -> None:
    after, _ = run_pass(_PASS, graph_of(_graph("add(%x, %x)", *activations)))
    assert op_list(after) == ["add"]
    assert after.nodes[0].attrs.activation is fused


def test_other_functions_stay() -> None:
    graph = graph_of(_graph("add(%x, %x)", "abs"))
    assert run_pass(_PASS, graph) == (graph, [])


@pytest.mark.parametrize("scale", [0.06, 0.05001])
def test_a_change_of_scale_is_not_a_clamp(scale: float) -> None:
    """Not even one so small that no integer changes: the producer would round to other steps."""
    graph = graph_of(_graph("add(%x, %x)", "relu", producer_type=f"s8[1,4,4,3] @{scale}-20"))
    assert run_pass(_PASS, graph) == (graph, [])


def test_a_value_that_others_read_stays_unclamped() -> None:
    graph = graph_of(_graph("add(%x, %x)", "relu") + "\noutput %v0\n")
    assert run_pass(_PASS, graph) == (graph, [])


@pytest.mark.parametrize(("name", "left"), [("relu", ["add"]), ("neg", ["add", "neg"])])
def test_clamps_that_a_tiny_scale_rules_out_do_not_matter(name: str, left: list[str]) -> None:
    """6 / 1e-10 steps do not fit int32, so that there is no RELU6."""
    tiny = "s8[4] @1e-10-3"
    text = f"graph net\ninput %x: {tiny}\n%a: {tiny} = add(%x, %x)\n%y: {tiny} = {name}(%a)\noutput %y\n"
    assert op_list(run_pass(_PASS, graph_of(text))[0]) == left
