"""Kernels with two operands, element by element; the output may take the place of either."""

from edgeq.kernels import dsp_product, dsp_sum, swar_sum, work
from edgeq.kernels.kernel import Kernel
from edgeq.kernels.overlap import broadcast
from edgeq.ops.binary import BinaryParams
from edgeq.ops.elementwise import AddParams, MulParams, PreluParams
from edgeq.ops.op import Params


def _kernel(op: str, params: type[Params], dtype: str) -> Kernel:
    return Kernel(
        name=f"edgeq_{op}_{dtype}",
        family="elementwise",
        ops=(op,),
        params=params,
        inputs=(dtype, dtype),
        outputs=(dtype,),
        inplace=(0, 1),
        overlap=broadcast(dtype),
        units=work.binary,
    )


_PARAMS: dict[str, type[Params]] = {
    "add": AddParams,
    "sub": AddParams,
    "squared_difference": AddParams,
    "mul": MulParams,
    "maximum": BinaryParams,
    "minimum": BinaryParams,
    "prelu": PreluParams,
}

_EXTENSIONS = tuple(
    Kernel(
        name=f"edgeq_{op}_s8__{isa}",
        family="elementwise",
        isa=isa,
        ops=(op,),
        accepts=AddParams,
        params=dsp_sum.AddDspParams,
        refuses=dsp_sum.refuses,
        pack=dsp_sum.pack(sign),
        inputs=("s8", "s8"),
        outputs=("s8",),
        inplace=(0, 1),
        overlap=broadcast("s8"),
        units=dsp_sum.units,
    )
    for op, sign in (("add", 1), ("sub", -1))
    for isa in ("dsp", "mve")
)

_SWAR = tuple(
    Kernel(
        name=f"edgeq_{op}_s8__swar",
        family="elementwise",
        isa="swar",
        ops=(op,),
        accepts=AddParams,
        params=swar_sum.PlaneParams,
        refuses=swar_sum.refuses(sign),
        pack=swar_sum.pack(sign),
        inputs=("s8", "s8"),
        outputs=("s8",),
        inplace=(0, 1),
        overlap=broadcast("s8"),
        units=work.binary,
    )
    for op, sign in (("add", 1), ("sub", -1))
)

_PRODUCT = Kernel(
    name="edgeq_mul_s8__dsp",
    family="elementwise",
    isa="dsp",
    ops=("mul",),
    accepts=MulParams,
    params=dsp_product.MulDspParams,
    refuses=dsp_product.refuses,
    pack=dsp_product.pack,
    inputs=("s8", "s8"),
    outputs=("s8",),
    inplace=(0, 1),
    overlap=broadcast("s8"),
    units=dsp_sum.units,
)

KERNELS = (
    *(_kernel(op, params, dtype) for op, params in _PARAMS.items() for dtype in ("s8", "s16")),
    *_SWAR,
    *_EXTENSIONS,
    _PRODUCT,
)
