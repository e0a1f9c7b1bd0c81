"""The other runtimes that `edgeq verify` compares with, each in a process of its own, as their native code may crash.

They are optional: `pip install 'edgeq[verify]'`.
"""

import importlib.metadata
import importlib.util
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol, Self

import numpy as np
import onnx
import tflite

from edgeq.errors import EdgeqError
from edgeq.ir.graph import Array

_INSTALL = "pip install 'edgeq[verify]'"
_SERVER = "from edgeq.oracles import serve; serve()"
_LAST_WORDS = 400  # characters of a runtime's log that are quoted when it fails


class Runtime(Protocol):
    """A loaded model in another runtime."""

    def run(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        """The outputs, in the file's order and types."""

    def tensor(self, index: Any) -> Array:
        """A tensor of the last run, by index or name as the format has it, if the model was loaded to keep all."""


class Tflm:
    """TensorFlow Lite Micro with its reference kernels: what the `tflm` contract means."""

    def __init__(self, data: bytes, arena: int, *, keep_tensors: bool) -> None:
        from tflite_micro.python.tflite_micro import runtime  # noqa: PLC0415 - optional

        config = runtime.InterpreterConfig
        self._data = data  # the interpreter does not keep it alive
        self._interpreter = runtime.Interpreter.from_bytes(
            data,
            arena_size=arena,
            intrepreter_config=config.kPreserveAllTensors if keep_tensors else config.kAllocationRecording,
        )
        self._outputs = int(tflite.Model.GetRootAs(data, 0).Subgraphs(0).OutputsLength())

    def run(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        """See `Runtime`."""
        for index, array in enumerate(inputs):
            self._interpreter.set_input(array, index)
        self._interpreter.invoke()
        return tuple(np.array(self._interpreter.get_output(i)) for i in range(self._outputs))

    def tensor(self, index: int) -> Array:
        """See `Runtime`."""
        return np.array(self._interpreter.GetTensor(index, 0)["tensor_data"])


class Litert:
    """LiteRT with its reference kernels (BUILTIN_REF), without delegates."""

    def __init__(self, data: bytes, arena: int, *, keep_tensors: bool) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType  # noqa: PLC0415 - optional

        del arena  # it allocates by itself
        self._interpreter = Interpreter(
            model_content=data,
            experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
            experimental_preserve_all_tensors=keep_tensors,
        )
        self._interpreter.allocate_tensors()

    def run(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        """See `Runtime`."""
        for detail, array in zip(self._interpreter.get_input_details(), inputs, strict=True):
            self._interpreter.set_tensor(detail["index"], array)
        self._interpreter.invoke()
        return tuple(self._interpreter.get_tensor(d["index"]) for d in self._interpreter.get_output_details())

    def tensor(self, index: int) -> Array:
        """See `Runtime`."""
        return np.array(self._interpreter.get_tensor(index))


class OnnxRuntime:
    """ONNX Runtime on one core, every node as the file has it: fused ones saturate in between on some processors."""

    def __init__(self, data: bytes, arena: int, *, keep_tensors: bool) -> None:
        import onnxruntime  # noqa: PLC0415 - optional

        del arena  # it allocates by itself
        model = onnx.load_model_from_string(data)
        self._outputs = len(model.graph.output)
        if keep_tensors:
            there = {port.name for port in model.graph.output}
            names = dict.fromkeys(name for node in model.graph.node for name in node.output if name)
            model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in there)
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self._tensors: dict[str, Array] = {}

    def run(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        """See `Runtime`."""
        widths = {"tensor(float16)": np.float16, "tensor(double)": np.float64}
        fed = {
            port.name: array.astype(widths.get(port.type, array.dtype))
            for port, array in zip(self._session.get_inputs(), inputs, strict=True)
        }
        found = [np.asarray(y) for y in self._session.run(None, fed)]
        self._tensors = {port.name: y for port, y in zip(self._session.get_outputs(), found, strict=True)}
        return tuple(found[: self._outputs])

    def tensor(self, index: str) -> Array:
        """See `Runtime`."""
        return self._tensors[index]


@dataclass(frozen=True)
class Oracle:
    """One runtime.

    Attributes:
        title: its name for people, with what is special about how it is used.
        package: what must be installed.
        module: what that package is imported as.
        load: opens a model: file content, bytes of arena, whether all tensors are kept.
        infers_shapes: whether it computes the shapes of tensors, or believes those that the file declares.
        format: of the files that it runs.
        tolerance: steps by which it may differ from what is right.
        deviations: operators, or element types, that it computes differently from edgeq, and how.
    """

    title: str
    package: str
    module: str
    load: Callable[..., Runtime]
    infers_shapes: bool
    deviations: Mapping[str, str]
    format: str = "tflite"
    tolerance: int = 0


ORACLES: Mapping[str, Oracle] = {
    "tflm": Oracle("TensorFlow Lite Micro, reference kernels", "tflite-micro", "tflite_micro", Tflm, False, {}),
    "litert": Oracle(
        "LiteRT, reference kernels (BUILTIN_REF)",
        "ai-edge-litert",
        "ai_edge_litert",
        Litert,
        True,
        {
            "FULLY_CONNECTED": "scaled in float64 and rounded once; TFLM: in fixed point, rounded twice",
            "uint8": "convolutions multiply the scales of input and weights in float32; TFLM, for int8: in float64",
        },
    ),
    "onnxruntime": Oracle(
        "ONNX Runtime, not optimized",
        "onnxruntime",
        "onnxruntime",
        OnnxRuntime,
        True,
        dict.fromkeys(
            ("QuantizeLinear", "QLinearConv", "QLinearMatMul"), "computed in float32, halves rounded to even"
        ),
        format="onnx",
        tolerance=1,
    ),
}


class OracleProcess:
    """A model loaded in another runtime, in another process; a context manager.

    Args:
        name: key of `ORACLES`.
        data: the model file.
        arena: bytes of working memory for runtimes that want to be told.
        keep_tensors: whether `run` can return tensors between inputs and outputs.

    Raises:
        EdgeqError: where the runtime is not installed, refuses the model, or crashes.
    """

    def __init__(self, name: str, data: bytes, arena: int, *, keep_tensors: bool = False) -> None:
        self.oracle = ORACLES[name]
        if importlib.util.find_spec(self.oracle.module) is None:
            raise EdgeqError(f"{self.oracle.title} is not installed; install it with `{_INSTALL}`")
        self.version = importlib.metadata.version(self.oracle.package)
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self._process = subprocess.Popen(  # noqa: S603 - our own arguments
            [sys.executable, "-P", "-c", _SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(p or str(Path.cwd()) for p in sys.path)},
        )
        try:
            self._ask((name, data, arena, keep_tensors))
        except BaseException:
            self.close()
            raise

    def run(
        self, inputs: Sequence[Array], tensors: Sequence[int | str] = ()
    ) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        """One inference: the outputs, and the tensors of these indices or names.

        Raises:
            EdgeqError: where the runtime fails or crashes.
        """
        outputs, kept = self._ask((tuple(inputs), tuple(tensors)))
        return outputs, kept

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, request: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            pickle.dump(request, self._process.stdin)
            self._process.stdin.flush()
            failure, answer = pickle.load(self._process.stdout)  # noqa: S301 - our own process
        except (EOFError, BrokenPipeError, pickle.UnpicklingError) as error:
            raise EdgeqError(f"{self.oracle.title} crashed on this model{self._how()}{self._last_words()}") from error
        if failure:
            raise EdgeqError(f"{self.oracle.title} does not run this model: {failure}{self._last_words()}")
        return answer

    def _how(self) -> str:
        status = self._process.wait()
        return f" ({signal.Signals(-status).name})" if status < 0 else f" (exit status {status})"

    def _last_words(self) -> str:
        self._log.seek(0)
        log = self._log.read().decode(errors="replace")
        words = "".join(c for c in log if c.isprintable() or c == "\n").strip()[-_LAST_WORDS:]
        return f"\nIts last words: {words}" if words else ""


def serve() -> None:
    """The other process: answers requests from standard input on standard output, until there are no more."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what native code prints must not mix with the answers

    def answer(compute: Callable[[], Any]) -> None:
        try:
            result = ("", compute())
        except Exception as error:  # noqa: BLE001 - whatever it is, the other side reports it
            result = (f"{type(error).__name__}: {error}", None)
        pickle.dump(result, answers)
        answers.flush()

    loaded: list[Runtime] = []

    def load() -> None:
        name, data, arena, keep_tensors = pickle.load(requests)  # noqa: S301 - our own process
        loaded.append(ORACLES[name].load(data, arena, keep_tensors=keep_tensors))

    def run() -> Any:
        outputs = loaded[0].run(inputs)
        return outputs, tuple(loaded[0].tensor(i) for i in tensors)

    answer(load)
    while loaded:
        try:
            inputs, tensors = pickle.load(requests)  # noqa: S301 - our own process
        except EOFError:
            return
        answer(run)
