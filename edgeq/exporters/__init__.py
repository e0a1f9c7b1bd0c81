"""Quantized graphs to files of other formats."""
