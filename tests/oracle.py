"""Other runtimes as oracles: each runs a TFLite file on given inputs and returns its outputs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tflite


class Tflm:
    """TensorFlow Lite Micro, reference kernels: the oracle of the `tflm` contract."""

    def __init__(self, data: bytes) -> None:
        from tflite_micro.python.tflite_micro import runtime

        self._data = data  # the interpreter does not keep it alive
        self._interpreter = runtime.Interpreter.from_bytes(data, arena_size=10 * len(data) + (8 << 20))
        self._outputs = int(tflite.Model.GetRootAs(data, 0).Subgraphs(0).OutputsLength())

    def __call__(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        for index, array in enumerate(inputs):
            self._interpreter.set_input(array, index)
        self._interpreter.invoke()
        return tuple(np.array(self._interpreter.get_output(i)) for i in range(self._outputs))


class Litert:
    """LiteRT with its reference kernels (BUILTIN_REF), or with those of its default, which knows more operators."""

    def __init__(self, data: bytes, *, reference: bool = True) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        kernels = OpResolverType.BUILTIN_REF if reference else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        self._interpreter = Interpreter(model_content=data, experimental_op_resolver_type=kernels)
        self._interpreter.allocate_tensors()

    def __call__(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        for detail, array in zip(self._interpreter.get_input_details(), inputs, strict=True):
            self._interpreter.set_tensor(detail["index"], array)
        self._interpreter.invoke()
        return tuple(self._interpreter.get_tensor(d["index"]) for d in self._interpreter.get_output_details())


def run_tflm(data: bytes, inputs: Sequence[Any]) -> tuple[Any, ...]:
    """One inference in TensorFlow Lite Micro."""
    return Tflm(data)(inputs)


def run_litert(data: bytes, inputs: Sequence[Any]) -> tuple[Any, ...]:
    """One inference in LiteRT's reference kernels."""
    return Litert(data)(inputs)
