"""Strategies for every TFLite operator that edgeq supports, by operator name."""

from cases import (
    arg_max,
    blocks,
    conv2d,
    elementwise,
    l2_normalization,
    matmul,
    movement,
    padding,
    pool,
    quantize,
    reduce,
    resize,
    slicing,
    softmax,
    transpose_conv,
    unary,
)

CASES = {
    **arg_max.CASES,
    **blocks.CASES,
    **conv2d.CASES,
    **elementwise.CASES,
    **l2_normalization.CASES,
    **matmul.CASES,
    **movement.CASES,
    **padding.CASES,
    **pool.CASES,
    **quantize.CASES,
    **reduce.CASES,
    **resize.CASES,
    **slicing.CASES,
    **softmax.CASES,
    **transpose_conv.CASES,
    **unary.CASES,
}
