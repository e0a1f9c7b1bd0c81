"""Kernels for dense layers."""

from edgeq.kernels import dsp_dense, mve_dense, swar_dense, work
from edgeq.kernels.kernel import Kernel
from edgeq.kernels.overlap import dense_rows
from edgeq.kernels.packed import NARROW, pack_weights
from edgeq.ops.dense import DenseParams, DenseS16Params

_ACTIVATIONS = (("s8", "s8"), ("s8", "s16"), ("s16", "s8"), ("s16", "s16"))
"""Of input and output."""

KERNELS = (
    Kernel(
        name="edgeq_dense_s8",
        family="dense",
        ops=("dense",),
        params=DenseParams,
        inputs=("s8",),
        outputs=("s8",),
        overlap=dense_rows("s8", "s8"),
        units=work.dense,
    ),
    Kernel(
        name="edgeq_dense_s8_s16",
        family="dense",
        ops=("dense",),
        params=DenseParams,
        inputs=("s8",),
        outputs=("s16",),
        overlap=dense_rows("s8", "s16"),
    ),
    Kernel(
        name="edgeq_dense_s16_s8",
        family="dense",
        ops=("dense",),
        params=DenseS16Params,
        inputs=("s16",),
        outputs=("s8",),
        overlap=dense_rows("s16", "s8"),
    ),
    Kernel(
        name="edgeq_dense_s16",
        family="dense",
        ops=("dense",),
        params=DenseS16Params,
        inputs=("s16",),
        outputs=("s16",),
        overlap=dense_rows("s16", "s16"),
    ),
    *(
        Kernel(
            name=f"edgeq_dense_packed_{x}" if x == y else f"edgeq_dense_packed_{x}_{y}",
            family="dense",
            ops=("dense",),
            params=DenseParams if x == "s8" else DenseS16Params,
            pack=pack_weights,
            weight_bits=NARROW,
            inputs=(x,),
            outputs=(y,),
            overlap=dense_rows(x, y),
            units=work.dense,
        )
        for x, y in _ACTIVATIONS
    ),
    Kernel(
        name="edgeq_dense_s8__dsp",
        family="dense",
        isa="dsp",
        ops=("dense",),
        accepts=DenseParams,
        params=dsp_dense.DenseDspParams,
        refuses=dsp_dense.refuses,
        pack=dsp_dense.pack,
        inputs=("s8",),
        outputs=("s8",),
        scratch=dsp_dense.scratch,
        overlap=dsp_dense.overlap,
        units=dsp_dense.units,
    ),
    Kernel(
        name="edgeq_dense_s8_long__dsp",
        family="dense",
        isa="dsp",
        ops=("dense",),
        accepts=DenseParams,
        params=dsp_dense.DenseLongDspParams,
        refuses=dsp_dense.refuses_long,
        pack=dsp_dense.pack_long,
        inputs=("s8",),
        outputs=("s8",),
        scratch=dsp_dense.scratch_long,
        overlap=dsp_dense.overlap,
        units=dsp_dense.units,
    ),
    Kernel(
        name="edgeq_dense_s8__mve",
        family="dense",
        isa="mve",
        ops=("dense",),
        accepts=DenseParams,
        params=mve_dense.DenseMveParams,
        refuses=mve_dense.refuses,
        pack=mve_dense.pack,
        inputs=("s8",),
        outputs=("s8",),
        scratch=mve_dense.scratch,
        overlap=mve_dense.overlap,
        units=mve_dense.units,
    ),
    Kernel(
        name="edgeq_dense_s8__swar",
        family="dense",
        isa="swar",
        ops=("dense",),
        accepts=DenseParams,
        params=swar_dense.DenseSwarParams,
        refuses=swar_dense.refuses,
        pack=swar_dense.pack,
        inputs=("s8",),
        outputs=("s8",),
        scratch=swar_dense.scratch,
        overlap=swar_dense.overlap,
        units=swar_dense.units,
    ),
)
