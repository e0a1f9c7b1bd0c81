"""Kernels for softmax and its logarithm."""

from edgeq.kernels.kernel import Kernel
from edgeq.kernels.overlap import elementwise, rows_of_depth
from edgeq.ops.softmax import LogSoftmaxParams, SoftmaxParams
from edgeq.ops.softmax_s16 import LogSoftmax16Params, Softmax16Params, Softmax16To8Params

KERNELS = (
    Kernel(
        name="edgeq_log_softmax_s8",
        family="softmax",
        ops=("log_softmax",),
        params=LogSoftmaxParams,
        inputs=("s8",),
        outputs=("s8",),
        inplace=(0,),
        overlap=elementwise("s8", "s8", rows_of_depth),
    ),
    Kernel(
        name="edgeq_log_softmax_s16",
        family="softmax",
        ops=("log_softmax",),
        params=LogSoftmax16Params,
        inputs=("s16",),
        outputs=("s16",),
        inplace=(0,),
        overlap=elementwise("s16", "s16", rows_of_depth),
    ),
    Kernel(
        name="edgeq_softmax_s8",
        family="softmax",
        ops=("softmax",),
        params=SoftmaxParams,
        inputs=("s8",),
        outputs=("s8",),
        inplace=(0,),
        overlap=elementwise("s8", "s8", rows_of_depth),
    ),
    Kernel(
        name="edgeq_softmax_s8_s16",
        family="softmax",
        ops=("softmax",),
        params=SoftmaxParams,
        inputs=("s8",),
        outputs=("s16",),
        overlap=elementwise("s8", "s16", rows_of_depth),
    ),
    Kernel(
        name="edgeq_softmax_s16",
        family="softmax",
        ops=("softmax",),
        params=Softmax16Params,
        inputs=("s16",),
        outputs=("s16",),
        inplace=(0,),
        overlap=elementwise("s16", "s16", rows_of_depth),
    ),
    Kernel(
        name="edgeq_softmax_s16_s8",
        family="softmax",
        ops=("softmax",),
        params=Softmax16To8Params,
        inputs=("s16",),
        outputs=("s8",),
        overlap=elementwise("s16", "s8", rows_of_depth),
    ),
)
