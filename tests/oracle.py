"""Other runtimes as oracles: each runs a TFLite file on given inputs and returns its outputs."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def run_tflm(data: bytes, inputs: Sequence[Any], arena_size: int | None = None) -> tuple[Any, ...]:
    """TensorFlow Lite Micro, reference kernels: the oracle of the `tflm` contract."""
    from tflite_micro.python.tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(data, arena_size=arena_size or 10 * len(data) + (1 << 20))
    for index, array in enumerate(inputs):
        interpreter.set_input(array, index)
    interpreter.invoke()
    return tuple(np.array(interpreter.get_output(i)) for i in range(_outputs(data)))


def run_litert(data: bytes, inputs: Sequence[Any]) -> tuple[Any, ...]:
    """LiteRT with its reference kernels (BUILTIN_REF)."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(model_content=data, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    for detail, array in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], array)
    interpreter.invoke()
    return tuple(interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details())


def _outputs(data: bytes) -> int:
    import tflite

    return int(tflite.Model.GetRootAs(data, 0).Subgraphs(0).OutputsLength())
