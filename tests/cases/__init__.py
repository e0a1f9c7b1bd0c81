"""Strategies for every TFLite operator that edgeq supports, by operator name."""

from cases import conv2d

CASES = {**conv2d.CASES}
