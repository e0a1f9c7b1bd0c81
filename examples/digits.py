"""Quantizes and compiles the digits model, runs the generated C here, and counts the digits that it reads right."""

import sys
from pathlib import Path

import numpy as np

import edgeq

folder = Path(__file__).parent
train = np.load(folder / "digits_train.npz")["x"] / np.float32(16)
model = edgeq.compile(folder / "digits.onnx", calibrate=train)
images = np.load(folder / "digits.npz")
digits = np.array([model.run(x.reshape(1, 1, 8, 8)).argmax() for x in images["x"]])
right = int((digits == images["y"]).sum())
passed = model.host.self_test()

print(f"{right} of {len(digits)} digits read right; self-test {'passed' if passed else 'FAILED'}")
sys.exit(not passed)
