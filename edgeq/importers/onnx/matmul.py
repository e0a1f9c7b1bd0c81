"""Converters for matrix products: dense layers where one side is constant, otherwise products of matrices."""

import math

import numpy as np

from edgeq.errors import Refusal
from edgeq.importers.onnx.builder import Converter, OpContext
from edgeq.importers.onnx.weights import is_fixed
from edgeq.ops.batch_matmul import BatchMatmulAttrs
from edgeq.ops.dense import DenseAttrs
from edgeq.ops.elementwise import ArithmeticAttrs
from edgeq.ops.reduce import ReduceAttrs

_OPS = ("dense", "batch_matmul", "transpose", "reshape")


def product(op: OpContext, a: str, b: str, bias: str = "") -> str:
    """The matrix product of two values of rank 2 and more, `[..., M, K]` and `[..., K, N]`.

    `bias` is added to a row; it may be given where `b` is a constant of rank 2.
    """
    rank_a, rank_b = len(op.type_of(a).shape), len(op.type_of(b).shape)
    if rank_b == 2 and is_fixed(op, b):
        return op.emit("dense", [a, op.transpose(b, (1, 0)), *([bias] if bias else [])], DenseAttrs())
    if rank_a == 2 and is_fixed(op, a):
        swapped = (*range(rank_b - 2), rank_b - 1, rank_b - 2)
        return op.transpose(op.emit("dense", [op.transpose(b, swapped), a], DenseAttrs()), swapped)
    return op.emit("batch_matmul", [a, b], BatchMatmulAttrs())


def _mat_mul(op: OpContext) -> None:
    op.output(matrix_product(op, op.required(0), op.required(1)))


def matrix_product(op: OpContext, a: str, b: str) -> str:
    """The product that NumPy's `matmul` is: a vector is a row on the left, a column on the right."""
    left, right = op.type_of(a).shape, op.type_of(b).shape
    if not left or not right:
        raise Refusal("a product with a scalar; accepted: vectors and matrices")
    rows = op.reshape(a, (1, *left)) if len(left) == 1 else a
    cols = op.reshape(b, (*right, 1)) if len(right) == 1 else b
    if len(right) > 2 and math.prod(right[:-2]) == 1 and is_fixed(op, b) and len(left) >= len(right):
        cols = op.reshape(cols, right[-2:])
    result = product(op, rows, cols)
    shape = op.type_of(result).shape
    kept = shape[:-1] if len(right) == 1 else shape
    if len(left) == 1:
        kept = (*kept[: -2 if len(right) > 1 else -1], *kept[len(kept) - (len(right) > 1) :])
    return op.reshape(result, kept)


def _gemm(op: OpContext) -> None:
    """`alpha * A' @ B' + beta * C`."""
    a = _matrix(op, 0, "transA")
    b = _matrix(op, 1, "transB")
    alpha, beta = op.float_attr("alpha", 1.0), op.float_attr("beta", 1.0)
    if not (math.isfinite(alpha) and math.isfinite(beta)):
        raise Refusal(f"alpha {alpha}, beta {beta}; accepted: finite numbers")
    rows, cols = op.type_of(a).shape[0], op.type_of(b).shape[1]
    if op.has(2) and (len(op.type(2).shape) > 2 or not _fits(op.type(2).shape, (rows, cols))):
        raise Refusal(f"C of shape {list(op.type(2).shape)}; accepted: what can be broadcast to {[rows, cols]}")
    bias = op.input(2) if beta else ""
    if bias and alpha == 1 and is_fixed(op, b) and op.type_of(bias).shape in ((cols,), (1, cols)):
        whole = op.reshape(_scaled(op, bias, beta), (cols,))
        if is_fixed(op, whole):
            op.output(product(op, a, b, whole))
            return
    result = _scaled(op, product(op, a, b), alpha)
    op.output(op.emit("add", [result, _scaled(op, bias, beta)], ArithmeticAttrs()) if bias else result)


def _matrix(op: OpContext, position: int, transposed: str) -> str:
    value = op.required(position)
    if len(op.type_of(value).shape) != 2:
        raise Refusal(f"input {position} is {op.type_of(value)}; accepted: matrices")
    return op.transpose(value, (1, 0)) if op.int_attr(transposed, 0) else value


def _fits(shape: tuple[int, ...], target: tuple[int, int]) -> bool:
    return all(n in (1, t) for n, t in zip(reversed(shape), reversed(target), strict=False))


def _scaled(op: OpContext, value: str, factor: float) -> str:
    if factor == 1:
        return value
    if value in op.builder.constants:
        return op.add_constant(op.builder.constants[value] * np.float32(factor), "scaled")
    return op.emit("mul", [value, op.add_constant(np.array(factor, np.float32), "factor")], ArithmeticAttrs())


def _einsum(op: OpContext) -> None:
    """Of one operand a sum and a permutation; of two a product of matrices, once their dimensions are grouped."""
    terms, output = _equation(op)
    operands = [op.required(i) for i in range(len(terms))]
    for position, (term, value) in enumerate(zip(terms, operands, strict=True)):
        if len(term) != len(op.type_of(value).shape):
            raise Refusal(f"operand {position} is {op.type_of(value)}, in the equation it is {term!r}")
        elsewhere = {*output, *(letter for i, other in enumerate(terms) if i != position for letter in other)}
        terms[position], operands[position] = _without(op, term, value, elsewhere)
    if len(terms) == 1:
        op.output(_ordered(op, operands[0], terms[0], output))
        return
    (a, b), (left, right) = operands, terms
    batch = "".join(c for c in left if c in right and c in output)
    summed = "".join(c for c in left if c in right and c not in output)
    rows, cols = ("".join(c for c in term if c not in batch + summed) for term in terms)
    sizes = dict(zip(left + right, op.type_of(a).shape + op.type_of(b).shape, strict=True))

    def size(letters: str) -> int:
        return math.prod(sizes[c] for c in letters)

    batches = tuple(sizes[c] for c in batch)
    grouped_a = op.reshape(_ordered(op, a, left, batch + rows + summed), (*batches, size(rows), size(summed)))
    grouped_b = op.reshape(_ordered(op, b, right, batch + summed + cols), (*batches, size(summed), size(cols)))
    result = product(op, grouped_a, grouped_b)
    split = op.reshape(result, (*batches, *(sizes[c] for c in rows + cols)))
    op.output(_ordered(op, split, batch + rows + cols, output))


def _equation(op: OpContext) -> tuple[list[str], str]:
    """The letters of each operand and of the result."""
    text = op.string_attr("equation").replace(" ", "")
    left, arrow, output = text.partition("->")
    terms = left.split(",")
    if not arrow:
        output = "".join(sorted(c for c in set(left) - {","} if left.count(c) == 1))
    letters = "".join(terms)
    plain = all(c.isalpha() for c in letters + output) and all(len(set(t)) == len(t) for t in [*terms, output])
    if not plain or len(terms) not in (1, 2) or len(terms) != op.arity or not set(output) <= set(letters):
        raise Refusal(f"equation {text!r}; accepted: one or two operands, each dimension a letter of its own")
    return terms, output


def _without(op: OpContext, term: str, value: str, kept: set[str]) -> tuple[str, str]:
    """The operand, summed over the letters that occur nowhere else."""
    axes = tuple(i for i, letter in enumerate(term) if letter not in kept)
    if not axes:
        return term, value
    return "".join(c for c in term if c in kept), op.emit("sum", [value], ReduceAttrs(axes))


def _ordered(op: OpContext, value: str, term: str, wanted: str) -> str:
    return op.transpose(value, [term.index(letter) for letter in wanted])


CONVERTERS = {
    "Einsum": Converter(_einsum, (*_OPS, "sum"), "products of matrices, sums, permutations"),
    "Gemm": Converter(_gemm, (*_OPS, "mul", "add")),
    "MatMul": Converter(_mat_mul, _OPS),
}
