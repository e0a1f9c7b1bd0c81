"""Runs networks on emulated cores: outputs, instructions, estimated cycles, stack.

board = read_target("cortex-m4")
run = emulate(program, files, board, inputs)
run.outputs, run.layers[3].cycles, run.stack, run.image.sizes
"""

from edgeq.emulation.emulate import LayerCost, Run, emulate, run_image

__all__ = ("LayerCost", "Run", "emulate", "run_image")
