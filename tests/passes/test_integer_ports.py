import numpy as np
import pytest
from rewriting import graph_of, op_list, run_pass
from tflite_writer import TfliteWriter

import edgeq
from edgeq.errors import UnsupportedModelError
from edgeq.ir import Origin
from edgeq.passes import Pass
from edgeq.passes.integer_ports import integer_ports

_PASS = Pass("make float ports integer", integer_ports)
_Q = "s8[2,3] @0.1+5"


def test_border_floats_become_integers_under_the_ports_names() -> None:
    graph = graph_of(f"""
graph net
input %x: f32[2,3]  # ["image", 0, null]
%q: {_Q} = quantize(%x)  # QUANTIZE #0
origin %q:  # ["image_int8", 3, null]
%r: {_Q} = neg(%q)
origin %r:  # ["probabilities_int8", 4, null]
%y: f32[2,3] = dequantize(%r)  # DEQUANTIZE #2
origin %y:  # ["probabilities", 5, null]
output %y
""")
    after, changes = run_pass(_PASS, graph)
    assert op_list(after) == ["neg"]
    assert (after.inputs, after.outputs) == (("q",), ("r",))
    assert after.origins == {"q": Origin("image", 3), "r": Origin("probabilities", 4)}
    assert changes == [f'made input "image" integer: {_Q}', f'made output "probabilities" integer: {_Q}']


def test_several_quantizes_in_the_same_way_are_one_port() -> None:
    graph = graph_of(f"""
graph net
input %a: s8[2,3] @1.0+0
input %x: f32[2,3]
%q: {_Q} = quantize(%x)
%p: {_Q} = quantize(%x)
%y: {_Q} = sub(%q, %a)
%z: {_Q} = add(%p, %a)
output %y
output %z
output %p
""")
    after, _ = run_pass(_PASS, graph)
    assert op_list(after) == ["sub", "add"]
    assert (after.inputs, after.outputs) == (("a", "q"), ("y", "z", "q"))


def test_a_value_may_be_given_as_reals_and_as_integers() -> None:
    graph = graph_of(f"""
graph net
input %x: {_Q}  # ["image", 0, null]
%r: {_Q} = neg(%x)
%y: f32[2,3] = dequantize(%r)
%z: f32[2,3] = dequantize(%x)
origin %z:  # ["image_as_float", 1, null]
output %y
output %r
output %z
output %y
""")
    after, _ = run_pass(_PASS, graph)
    assert op_list(after) == ["neg"]
    assert after.outputs == ("r", "r", "x", "r")
    assert after.origins == {"x": Origin("image", 0)}, "what is a port already keeps its name"


def test_moves_are_done_on_integers() -> None:
    graph = graph_of(f"""
graph net
input %x: f32[6]
%a: f32[3,2] = reshape(%x) {{"shape": [3, 2]}}
%b: f32[2,3] = transpose(%a) {{"perm": [1, 0]}}
%q: {_Q} = quantize(%b)
%r: {_Q} = neg(%q)
%d: f32[2,3] = dequantize(%r)
%s: f32[2,2] = slice(%d) {{"begin": [0, 0], "size": [2, 2], "stride": [1, 2]}}
%y: f32[4] = reshape(%s) {{"shape": [4]}}
output %y
output %d
""")
    after, _ = run_pass(_PASS, graph)
    assert op_list(after) == ["reshape", "transpose", "neg", "slice", "reshape"]
    assert str(after.types[after.inputs[0]]) == "s8[6] @0.1+5"
    assert [str(after.types[v]) for v in after.outputs] == ["s8[4] @0.1+5", _Q]


def test_a_move_that_several_quantizes_read_is_one_on_integers() -> None:
    graph = graph_of(f"""
graph net
input %x: f32[6]
%a: f32[2,3] = reshape(%x) {{"shape": [2, 3]}}
%p: {_Q} = quantize(%a)
%q: {_Q} = quantize(%a)
%y: {_Q} = neg(%p)
%z: {_Q} = abs(%q)
output %y
output %z
""")
    after, _ = run_pass(_PASS, graph)
    assert op_list(after) == ["reshape", "reshape", "neg", "abs"]
    assert after.nodes[0].inputs == after.nodes[1].inputs == after.inputs


def test_there_and_back_changes_nothing() -> None:
    graph = graph_of(f"""
graph net
input %x: {_Q}
%d: f32[2,3] = dequantize(%x)
%q: {_Q} = quantize(%d)
%y: {_Q} = neg(%q)
output %y
""")
    after, _ = integer_ports(graph)
    assert op_list(after) == ["requantize", "neg"]


_REFUSED = {
    "quantized in two ways": (
        f"""
input %x: f32[2,3]  # ["image", 0, null]
%q: {_Q} = quantize(%x)  # QUANTIZE #0
%y: s8[2,3] @0.2+5 = quantize(%x)  # QUANTIZE #1
output %q
output %y""",
        ['QUANTIZE #0: the float input "image" is also read in another way', "QUANTIZE #1"],
    ),
    "an op on floats": (
        """
input %x: f32[2,3]
%y: f32[2,3] = logistic(%x)  # LOGISTIC #0 "y"
output %y""",
        ['LOGISTIC #0 "y": computes with floats'],
    ),
    "floats in the middle": (
        f"""
input %x: {_Q}
%d: f32[2,3] = dequantize(%x)  # DEQUANTIZE #0
%e: f32[2,3] = tanh(%d)  # TANH #1
%y: {_Q} = quantize(%e)  # QUANTIZE #2
output %y""",
        ["DEQUANTIZE #0: computes with floats", "TANH #1: computes with floats", "QUANTIZE #2: computes with floats"],
    ),
    "there and back with another scale": (
        f"""
input %x: {_Q}
%d: f32[2,3] = dequantize(%x)  # DEQUANTIZE #0
%y: s8[2,3] @0.2+5 = quantize(%d)  # QUANTIZE #1
output %y""",
        ["DEQUANTIZE #0: computes with floats", "QUANTIZE #1: computes with floats"],
    ),
    "scales per channel": (
        """
input %x: f32[2,3]
%q: s8[2,3] @0{0.1+0,0.2+0} = quantize(%x)  # QUANTIZE #0
%d: f32[2,3] = dequantize(%q)  # DEQUANTIZE #1
%y: f32[3,2] = reshape(%d) {"shape": [3, 2]}  # RESHAPE #2
output %y""",
        ["QUANTIZE #0", "DEQUANTIZE #1: computes with floats", "RESHAPE #2: computes with floats"],
    ),
    "a float from input to output": (
        f"""
input %x: f32[2,3]
%y: {_Q} = quantize(%x)  # QUANTIZE #0
output %y
output %x""",
        ["QUANTIZE #0: the float input %x is also read in another way", "output %x: is a float input as it is"],
    ),
}


@pytest.mark.parametrize(("text", "sentences"), _REFUSED.values(), ids=_REFUSED)
def test_floats_that_have_to_stay_are_refused_all_at_once(text: str, sentences: list[str]) -> None:
    with pytest.raises(UnsupportedModelError) as caught:
        integer_ports(graph_of(f"graph net\n{text}\n"))
    assert len(caught.value.refusals) == len(sentences)
    for refusal, sentence in zip(caught.value.refusals, sentences, strict=True):
        assert refusal.startswith(sentence)
        assert "accepted: " in refusal


def _float_model() -> bytes:
    m = TfliteWriter()
    x = m.tensor((1, 4), np.float32, name="in")
    q = m.tensor((1, 4), scale=0.5, zero_point=3)
    r = m.tensor((1, 4), scale=0.5, zero_point=3)
    y = m.tensor((1, 4), np.float32, name="out")
    m.operator("QUANTIZE", [x], [q])
    m.operator("RELU", [q], [r])
    m.operator("DEQUANTIZE", [r], [y])
    return m.build([x], [y])


def test_the_user_chooses() -> None:
    integer, real = (
        edgeq.compile(_float_model(), name="net"),
        edgeq.compile(_float_model(), name="net", float_ports=True),
    )
    assert [str(p.type) for p in (*integer.program.inputs, *integer.program.outputs)] == ["s8[1,4] @0.5+3"] * 2
    assert [p.name for p in (*integer.program.inputs, *integer.program.outputs)] == ["in", "out"]
    assert "#define NET_IN_1_ZERO_POINT (3)" in integer.files["net.h"]
    assert "float" not in integer.files["net.c"]
    assert integer.run(np.array([[-128, 0, 3, 9]], np.int8)).tolist() == [[3, 3, 3, 9]]
    assert "--float-ports" in real.files["net.c"]
    assert real.run(np.array([[-8, 0.24, 0.25, 1e9]], np.float32)).tolist() == [[0, 0, 0.5, 62]]
    assert real.host.self_test()
