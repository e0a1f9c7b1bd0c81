import math
from collections.abc import Callable

import numpy as np
import pytest
from float_graphs import FloatBuilder, run_float_pass
from rewriting import op_list

from edgeq.ops.activation import Activation
from edgeq.passes import Pass
from edgeq.passes.recognize_functions import recognize_functions

_PASS = Pass("recognize functions", recognize_functions)


def _number(b: FloatBuilder, value: float) -> str:
    return b.constant(np.array(value, np.float32))


def _silu(b: FloatBuilder, x: str) -> str:
    return b.node("mul", b.node("logistic", x), x)


def _fast_gelu(b: FloatBuilder, x: str) -> str:
    return b.node("mul", x, b.node("logistic", b.node("mul", x, _number(b, 1.702))))


def _hard_swish(b: FloatBuilder, x: str) -> str:
    gate = b.node("clip", b.node("add", x, _number(b, 3)), low=0.0, high=6.0)
    return b.node("mul", b.node("mul", gate, _number(b, 1 / 6)), x)


def _hard_swish_fused(b: FloatBuilder, x: str) -> str:
    gate = b.node("add", _number(b, 3), x, activation=Activation.RELU6)
    return b.node("mul", b.node("mul", x, gate), _number(b, 1 / 6))


def _hard_swish_of_sigmoid(b: FloatBuilder, x: str) -> str:
    return b.node("mul", x, b.node("hard_sigmoid", x, alpha=1 / 6, beta=0.5))


def _mish(b: FloatBuilder, x: str) -> str:
    return b.node("mul", x, b.node("tanh", b.node("softplus", x)))


def _gelu(b: FloatBuilder, x: str) -> str:
    gate = b.node("add", b.node("erf", b.node("mul", x, _number(b, math.sqrt(0.5)))), _number(b, 1))
    return b.node("mul", b.node("mul", x, _number(b, 0.5)), gate)


def _approximate(b: FloatBuilder, x: str, cube: str) -> str:
    inner = b.node("add", x, b.node("mul", _number(b, 0.044715), cube))
    gate = b.node("tanh", b.node("mul", inner, _number(b, math.sqrt(2 / math.pi))))
    return b.node("mul", b.node("mul", x, b.node("add", gate, _number(b, 1))), _number(b, 0.5))


def _gelu_of_power(b: FloatBuilder, x: str) -> str:
    return _approximate(b, x, b.node("power", x, exponent=3.0))


def _gelu_of_products(b: FloatBuilder, x: str) -> str:
    return _approximate(b, x, b.node("mul", b.node("mul", x, x), x))


def _gelu_of_square(b: FloatBuilder, x: str) -> str:
    return _approximate(b, x, b.node("mul", x, b.node("square", x)))


_FORMS: list[tuple[Callable[[FloatBuilder, str], str], str]] = [
    (_silu, "silu"),
    (_fast_gelu, "silu"),
    (_hard_swish, "hard_swish"),
    (_hard_swish_fused, "hard_swish"),
    (_hard_swish_of_sigmoid, "hard_swish"),
    (_mish, "mish"),
    (_gelu, "gelu"),
    (_gelu_of_power, "gelu"),
    (_gelu_of_products, "gelu"),
    (_gelu_of_square, "gelu"),
]


@pytest.mark.parametrize(("form", "op"), _FORMS, ids=lambda f: getattr(f, "__name__", f))
def test_a_function_written_out_is_one_op(form: Callable[[FloatBuilder, str], str], op: str) -> None:
    b = FloatBuilder(np.random.default_rng(0))
    x = b.node("neg", b.input(3, 40))
    after, changes = run_float_pass(_PASS, b.graph(form(b, x)))
    assert op_list(after) == ["neg", op]
    assert len(changes) == 1


def test_a_factor_of_the_argument_is_no_part_of_it() -> None:
    b = FloatBuilder(np.random.default_rng(0))
    x = b.node("mul", b.input(3, 40), b.reals(40))
    after, _ = run_float_pass(_PASS, b.graph(_silu(b, x)))
    assert op_list(after) == ["mul", "silu"]


def test_similar_ones_are_others() -> None:
    b = FloatBuilder(np.random.default_rng(0))
    x, other = b.input(3, 40), b.input(3, 40)
    graph = b.graph(
        b.node("mul", other, b.node("logistic", x)),
        b.node("mul", b.node("mul", x, b.node("relu6", b.node("add", x, _number(b, 3)))), _number(b, 0.16)),
        b.node("mul", x, b.node("tanh", b.node("softplus", other))),
        b.node("mul", x, b.node("add", b.node("erf", b.node("mul", x, _number(b, 0.5))), _number(b, 1))),
    )
    assert run_float_pass(_PASS, graph) == (graph, [])
