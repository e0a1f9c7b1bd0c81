"""ONNX's own node tests, through the importer and the evaluation in reals.

A test's inputs stay inputs of the graph unless its operator wants a constant there: first none is bound, then as few as
possible, never the first one of an operator that computes on it. `python tests/onnx_backend.py` prints what
docs/onnx.md shows.
"""

import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from edgeq.errors import EdgeqError
from edgeq.evaluate import evaluate_float
from edgeq.importers.onnx import import_onnx
from edgeq.ir import TensorType
from edgeq.ir.tensor import dequantize

Array = np.ndarray[Any, Any]

FOLDED = frozenset(
    {
        *("And", "BitwiseAnd", "Compress", "Constant", "ConstantOfShape", "CumSum", "Equal", "EyeLike", "Greater"),
        *("GreaterOrEqual", "If", "Less", "LessOrEqual", "Not", "Or", "Range", "Shape", "Size", "Where", "Xor"),
        *("GatherElements", "GatherND", "Mod", "NonZero", "OneHot", "ScatterElements", "ScatterND", "Trilu"),
    }
)
"""Operators of shape arithmetic: computed at import, from constants. All inputs of their tests are bound."""

COMPUTED = frozenset(
    {
        *("Abs", "Acos", "Acosh", "Add", "ArgMax", "ArgMin", "Asin", "Asinh", "Atan", "Atanh", "AveragePool"),
        *("BatchNormalization", "Cast", "CastLike", "Ceil", "Celu", "Clip", "Concat", "Conv", "ConvInteger"),
        *("ConvTranspose", "Cos", "Cosh", "DepthToSpace", "DequantizeLinear", "Div", "Dropout"),
        *("DynamicQuantizeLinear", "Einsum", "Elu", "Erf", "Exp", "Expand", "Flatten", "Floor", "Gather", "Gelu"),
        *("Gemm", "GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool", "GroupNormalization", "HardSigmoid"),
        *("HardSwish", "Identity", "InstanceNormalization", "LayerNormalization", "LeakyRelu", "Log", "LogSoftmax"),
        *("LpNormalization", "LpPool", "MatMul", "MatMulInteger", "Max", "MaxPool", "Mean"),
        *("MeanVarianceNormalization", "Min", "Mish", "Mul", "Neg", "PRelu", "Pad", "Pow", "QLinearConv"),
        *("QLinearMatMul", "QuantizeLinear", "RMSNormalization", "Reciprocal", "ReduceL1", "ReduceL2"),
        *("ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum"),
        *("ReduceSumSquare", "Relu", "Reshape", "Resize", "Round", "Selu", "Shrink", "Sigmoid", "Sign", "Sin"),
        *("Sinh", "Slice", "Softmax", "Softplus", "Softsign", "SpaceToDepth", "Split", "Sqrt", "Squeeze", "Sub"),
        *("Sum", "Swish", "Tan", "Tanh", "ThresholdedRelu", "Tile", "Transpose", "Unsqueeze", "Upsample"),
    }
)
"""Operators whose tests are computed by the graph."""


@dataclass(frozen=True)
class Skip:
    """Tests that edgeq does not run: why, and their names (`*` stands for anything)."""

    reason: str
    patterns: tuple[str, ...]

    def includes(self, name: str) -> bool:
        """Whether this is one of them."""
        return any(fnmatchcase(name, f"test_{pattern}") for pattern in self.patterns)


SKIPPED = (
    Skip(
        "elements of 4 bits and less, floats of 8 bits: no kernel takes them",
        (
            *("cast*FLOAT8*", "cast*INT4*", "cast*INT2*", "cast*FLOAT4*"),
            *("*quantizelinear_e?m*", "*quantizelinear_*int[24]", "*quantizelinear_float4*"),
        ),
    ),
    Skip(
        "unsigned elements of 16 bits and more at run time",
        (
            "add_uint[136]*",
            "sub_uint[136]*",
            "mul_uint[136]*",
            "div_uint[136]*",
            "max_uint[136]*",
            "min_uint[136]*",
            "dequantizelinear_uint16",
        ),
    ),
    Skip("results rounded to bfloat16, where the graph has float32", ("cast*FLOAT_to_BFLOAT16", "celu_bfloat16")),
    Skip(
        "strings, sequences, optional values",
        ("equal_string*", "identity_sequence", "identity_opt", "if_seq", "if_opt"),
    ),
    Skip("three dimensions behind batch and channels", ("*pool_3d_*", "convtranspose_3d")),
    Skip("dimensions of size 0", ("reduce_*_empty_set*", "reshape_allowzero_reordered", "split_zero_size_splits_*")),
    Skip(
        "training",
        ("batchnorm_*_training_mode", "training_dropout", "training_dropout_mask", "training_dropout_default*"),
    ),
    Skip("the positions of the largest elements", ("maxpool_with_argmax_*",)),
    Skip(
        "arithmetic on integers at run time, where it is not that on reals",
        ("clip_default_int8_*", "div_int*", "div_uint8"),
    ),
    Skip("exponents that differ from element to element", ("pow", "pow_example", "pow_bcast_array", "pow_types_*")),
    Skip(
        "scales that are computed at run time: only a whole dynamic quantization is understood",
        ("dynamicquantizelinear*",),
    ),
    Skip("scales of blocks", ("*quantizelinear_blocked*",)),
    Skip("a dimension that two indices share", ("einsum_batch_diagonal",)),
    Skip("negative indices at run time, which the kernel clamps to 0", ("gather_negative_indices",)),
    Skip("cubic interpolation, antialiasing", ("resize_*cubic*", "resize_*antialias*")),
    Skip("what lies outside the image of a crop", ("resize_tf_crop_and_resize_extrapolation_value",)),
    Skip("a slice that is empty", ("slice_start_out_of_bounds",)),
    Skip("constants that are infinite or no number", ("mod_float_edge_cases_*",)),
    Skip("opset 1", ("not_?d",)),
)


@dataclass(frozen=True)
class Case:
    """One of ONNX's tests: a model, what goes in and what comes out."""

    name: str
    op: str
    model: onnx.ModelProto
    inputs: Sequence[Any]
    outputs: Sequence[Any]
    rtol: float
    atol: float

    @property
    def skip(self) -> Skip | None:
        """The rule by which it is not run."""
        return next((rule for rule in SKIPPED if rule.includes(self.name)), None)


@cache
def cases() -> tuple[Case, ...]:
    """The tests of the listed operators; their functions written out as graphs (`_expanded`) are left out."""
    np.random.seed(0)  # noqa: NPY002  # the tests draw from it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.case.node import collect_testcases  # it makes the data: seconds

        found = collect_testcases(None)
    wanted = [c for c in found if "_expanded" not in c.name and _op(c) in COMPUTED | FOLDED]
    return tuple(map(_case, wanted))


def _case(case: Any) -> Case:
    inputs, outputs = map(_arrays, case.data_sets[0])
    return Case(case.name, _op(case), case.model, inputs, outputs, case.rtol, case.atol)


def _arrays(values: Sequence[Any]) -> list[Any]:
    return [numpy_helper.to_array(v) if isinstance(v, onnx.TensorProto) else v for v in values]


def _op(case: Any) -> str:
    """The operator a test is about: that of the last node, as constants come before it."""
    node = case.model.graph.node[-1]
    return str(node.op_type) if not node.domain else f"{node.domain}.{node.op_type}"


def run(case: Case) -> None:
    """Import, evaluate, compare.

    Raises:
        EdgeqError: where the model is refused however many inputs are constant.
        AssertionError: where a result differs, or everything was computed at import.
    """
    refusal: EdgeqError | None = None
    for bound in _bindings(case):
        try:
            graph = import_onnx(_with_constants(case, bound).SerializeToString(), case.name, _shapes(case, bound))
        except EdgeqError as error:
            refusal = refusal or error
            continue
        run_time = [np.asarray(x) for i, x in enumerate(case.inputs) if i not in bound]
        reals = [dequantize(x, graph.types[name]) for x, name in zip(run_time, graph.inputs, strict=True)]
        values = evaluate_float(graph, reals)
        computed = any(v not in graph.constants for v in graph.outputs)
        assert computed or case.op in FOLDED, "computed at import"
        for value, expected in zip(graph.outputs, case.outputs, strict=True):
            _compare(
                _written(values[value], graph.types[value], np.asarray(expected).dtype), np.asarray(expected), case
            )
        return
    assert refusal is not None
    raise refusal


def _written(reals: Array, type_: TensorType, dtype: np.dtype[Any]) -> Array:
    """Reals as the integers that stand for them in the file, rounded as ONNX rounds; others as they are."""
    if type_.quant is None:
        return reals
    shape = [-1 if axis == type_.quant.axis else 1 for axis in range(reals.ndim)]
    scale, zero = (np.reshape(x, shape) for x in (type_.quant.scale, type_.quant.zero_point))
    steps = np.rint(reals / scale.astype(np.float32)) + zero
    # Unsigned integers that have no type of their own in the graph are kept as signed ones.
    lower = np.iinfo(dtype).min - type_.dtype.range[0]
    return np.asarray(np.clip(steps, *type_.dtype.range) + lower).astype(np.int64)


def _bindings(case: Case) -> Iterator[frozenset[int]]:
    """Which inputs are constants of the model: as few as possible first."""
    everything = range(len(case.inputs))
    if case.op in FOLDED:
        yield frozenset(everything)
        return
    for count in range(len(everything)):
        yield from map(frozenset, combinations(everything[1:], count))


def _with_constants(case: Case, bound: frozenset[int]) -> onnx.ModelProto:
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    names = [i.name for i in model.graph.input]
    for i in sorted(bound):
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(case.inputs[i]), names[i]))
    return model


def _shapes(case: Case, bound: frozenset[int]) -> Mapping[str, tuple[int, ...]]:
    names = [i.name for i in case.model.graph.input]
    return {names[i]: np.shape(x) for i, x in enumerate(case.inputs) if i not in bound}


def _compare(found: Array, expected: Array, case: Case) -> None:
    """As ONNX's runner does: floats within the test's tolerance, everything else exactly."""
    assert found.shape == expected.shape, f"shape {found.shape}, expected {expected.shape}"
    if expected.dtype.kind in "iub":
        assert found.dtype.kind == expected.dtype.kind or np.array_equal(found, np.rint(found))
        np.testing.assert_array_equal(found.astype(np.int64), expected.astype(np.int64))
    else:
        np.testing.assert_allclose(
            found.astype(np.float32), expected.astype(np.float32), rtol=case.rtol, atol=case.atol
        )


def markdown() -> str:
    """What docs/onnx.md shows of the tests: how many there are, and those that are not run."""
    listed = cases()
    skipped = [case for case in listed if case.skip]
    folded = sum(case.op in FOLDED for case in listed if not case.skip)
    passing = len(listed) - len(skipped)
    operators = len({case.op for case in listed})
    lines = [
        f"{len(listed)} of ONNX's tests are about {operators} operators that edgeq knows.",
        f"{passing} pass, {folded} of these on constants only; {len(skipped)} are not run:",
        "",
        "| Why | Number | Tests |",
        "|---|---:|---|",
    ]
    for rule in SKIPPED:
        count = sum(case.skip is rule for case in skipped)
        lines.append(f"| {rule.reason} | {count} | {', '.join(f'`{p}`' for p in rule.patterns)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(markdown())
