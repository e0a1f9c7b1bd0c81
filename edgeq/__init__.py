"""edgeq compiles quantized neural networks to integer-only C99 for microcontrollers.

import edgeq

model = edgeq.compile("model.tflite")
y = model.run(x)          # executes the generated C on this machine
model.write("model/")     # the C sources
edgeq.verify(model)       # compares that C with TensorFlow Lite Micro

model = edgeq.compile("float.onnx", calibrate="samples.npz")
edgeq.compare(model)      # what quantization costs, layer by layer
"""

from edgeq.analysis import compare
from edgeq.compiler import CompiledModel, Options
from edgeq.compiler import compile_model as compile  # noqa: A004 - edgeq.compile is the name users look for
from edgeq.errors import EdgeqError, UnsupportedModelError
from edgeq.verification import verify
from edgeq.version import __version__

__all__ = [
    "CompiledModel",
    "EdgeqError",
    "Options",
    "UnsupportedModelError",
    "__version__",
    "compare",
    "compile",
    "verify",
]
