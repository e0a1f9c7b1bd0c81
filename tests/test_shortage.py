"""The sentence about an arena that is too large: what it names is live at the peak, what it accepts fits."""

import re

import pytest
import small_models
from tflite_writer import TfliteWriter

import edgeq
from edgeq.shortage import arena_shortage


def _program(**options: bool) -> "edgeq.program.Program":
    return edgeq.compile(small_models.convolutions(), **options).program


def test_an_arena_that_fits_is_no_shortage() -> None:
    program = _program()
    assert arena_shortage(program, program.plan.size) is None


def test_the_sentence_names_layer_tensors_and_bytes_of_the_peak() -> None:
    program = _program()
    plan = program.plan
    found, accepted = str(arena_shortage(program, plan.size - 100)).split("; accepted: ")
    assert found.startswith(f"the arena takes {plan.size:,} bytes, 100 too many: at its peak, layer {plan.peak} (")
    assert program.layers[plan.peak].node.label in found
    sizes = [int(n.replace(",", "")) for n in re.findall(r", ([\d,]+) bytes", found.partition("it holds")[2])]
    assert sizes == [block.size for block in plan.live_at_peak]
    assert f"{plan.shared:,} of these bytes" in found or not plan.shared
    assert accepted.startswith(f"up to {plan.size - 100:,} bytes")


@pytest.mark.parametrize("share", [0.9, 0.5])
def test_smaller_images_fit(share: float) -> None:
    """A convolution over images of 40 pixels a side, and over as much of them as the sentence says."""
    program = edgeq.compile(_convolution(40)).program
    available = int(program.plan.size * share)
    percent = re.search(r"about (\d+) %", str(arena_shortage(program, available)))
    assert percent is not None
    smaller = edgeq.compile(_convolution(40 * int(percent[1]) // 100)).program
    assert smaller.plan.size <= available * 1.05


def _convolution(side: int) -> bytes:
    m = TfliteWriter()
    x, y = (m.tensor((1, side, side, 8), scale=0.5) for _ in range(2))
    m.operator("ADD", [x, x], [y], "AddOptions")
    z = m.tensor((1, side, side, 8), scale=0.5)
    m.operator("MAXIMUM", [x, y], [z])
    return m.build([x], [z])


def test_inputs_that_are_kept_in_vain_are_named() -> None:
    program = _program(keep_inputs=True)
    sentence = str(arena_shortage(program, program.plan.size - 1))
    live = {v for block in program.plan.live_at_peak for v in block.values}
    needed = {v for layer in program.layers[program.plan.peak :] for v in layer.node.inputs}
    assert ("inputs that need not be kept" in sentence) == bool(live & {*program.graph.inputs} - needed)
