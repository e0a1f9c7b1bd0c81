"""edgeq compiles quantized neural networks to integer-only C99 for microcontrollers.

    import edgeq

    model = edgeq.compile("model.tflite")
    y = model.run(x)          # executes the generated C on this machine
"""

__version__ = "0.1.0"

from edgeq.compiler import CompiledModel, Options
from edgeq.compiler import compile_model as compile  # noqa: A004 - edgeq.compile is the name users look for
from edgeq.errors import EdgeqError, UnsupportedModelError

__all__ = ["CompiledModel", "EdgeqError", "Options", "UnsupportedModelError", "__version__", "compile"]
