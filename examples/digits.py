"""Compiles the digits model, runs the generated C on this machine, and counts the digits that it reads right."""

import sys
from pathlib import Path

import numpy as np

import edgeq

folder = Path(__file__).parent
model = edgeq.compile(folder / "digits_int8.tflite")
images = np.load(folder / "digits.npz")
digits = np.array([model.run(x[None]).argmax() for x in images["x"]])
right = int((digits == images["y"]).sum())
passed = model.host.self_test()

print(f"{right} of {len(digits)} digits read right; self-test {'passed' if passed else 'FAILED'}")
sys.exit(not passed)
