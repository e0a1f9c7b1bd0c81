"""Inputs from files: which array goes where, in which shape, in which type; and what is refused, in which words."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_models
import small_onnx

import edgeq
from edgeq.errors import EdgeqError
from edgeq.program import Program
from edgeq.samples import Layout, load_samples, random_samples


@pytest.fixture(scope="module")
def image() -> Program:
    """One input: s8[1,8,8,3] @0.05+3."""
    return edgeq.compile(small_models.convolutions()).program


@pytest.fixture(scope="module")
def pair() -> Program:
    """Two inputs `a` and `b`: s8[1,4] @0.5+3."""
    return edgeq.compile(small_models.two_ports()).program


def _npz(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "in.npz", **arrays)
    return folder / "in.npz"


_INTEGERS = np.arange(5 * 192, dtype=np.int8).reshape(5, 1, 8, 8, 3)


@pytest.mark.parametrize("key", ["image", "in_1", "x", "anything"])
def test_a_single_input_is_found_by_several_names(image: Program, tmp_path: Path, key: str) -> None:
    samples = load_samples(_npz(tmp_path, **{key: _INTEGERS}), image.inputs)
    np.testing.assert_array_equal(samples.arrays[0], _INTEGERS)
    assert samples.notes == ()


def test_x_is_found_beside_labels_which_are_mentioned(image: Program, tmp_path: Path) -> None:
    samples = load_samples(_npz(tmp_path, x=_INTEGERS, y=np.arange(5), z=np.arange(2)), image.inputs)
    assert samples.notes == ("not used: y, z",)


def test_npy(image: Program, tmp_path: Path) -> None:
    np.save(tmp_path / "in.npy", _INTEGERS)
    np.testing.assert_array_equal(load_samples(tmp_path / "in.npy", image.inputs).arrays[0], _INTEGERS)


def test_several_inputs_by_name_and_number(pair: Program, tmp_path: Path) -> None:
    a, b = np.full((3, 4), 1, np.int8), np.full((3, 4), 2, np.int8)
    samples = load_samples(_npz(tmp_path, in_2=b, a=a), pair.inputs)
    assert [inputs[0].tolist() for inputs in samples] == [[[1] * 4]] * 3
    assert [inputs[1].tolist() for inputs in samples] == [[[2] * 4]] * 3


@pytest.mark.parametrize(
    ("given", "layout", "stacked"),
    [
        ((1, 8, 8, 3), Layout.SINGLE, (1, 2)),
        ((5, 1, 8, 8, 3), Layout.LEADING, (5, 1, 2)),
        ((1, 1, 8, 8, 3), Layout.LEADING, (1, 1, 2)),
        ((5, 8, 8, 3), Layout.BATCH, (5, 2)),
    ],
)
def test_outputs_are_stacked_as_the_inputs_were(
    image: Program, tmp_path: Path, given: Any, layout: Layout, stacked: Any
) -> None:
    samples = load_samples(_npz(tmp_path, x=np.zeros(given, np.int8)), image.inputs)
    assert samples.layout is layout
    assert samples.stack([np.zeros((1, 2), np.int8)] * len(samples)).shape == stacked


def test_floats_are_quantized_half_away_from_zero(image: Program, tmp_path: Path) -> None:
    x = np.zeros((1, 8, 8, 3))
    x[0, 0, 0] = [0.025, -0.025, 100.0]
    samples = load_samples(_npz(tmp_path, x=x), image.inputs)
    assert samples.arrays[0][0, 0, 0, 0].tolist() == [4, 2, 127]
    assert samples.notes == ("in_1: float64 quantized with scale 0.05, zero point 3; 0.52% of the values saturate",)


def test_wider_integers_that_fit_are_taken(image: Program, tmp_path: Path) -> None:
    samples = load_samples(_npz(tmp_path, x=_INTEGERS.astype(np.int64)), image.inputs)
    assert samples.arrays[0].dtype == np.int8
    np.testing.assert_array_equal(samples.arrays[0], _INTEGERS)


def test_a_float_port_takes_any_number(tmp_path: Path) -> None:
    program = edgeq.compile(small_models.float_border(), float_ports=True).program
    samples = load_samples(_npz(tmp_path, x=np.arange(6).reshape(1, 6)), program.inputs)
    assert samples.arrays[0].dtype == np.float32
    assert samples.notes == ("in_1: int64 taken as float32",)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": _INTEGERS, "b": _INTEGERS}, "input 1; accepted: 'image' or 'in_1' or 'x' or 'inputs'; found: a int8"),
        ({}, "no array for input 1; accepted: 'image' or 'in_1' or 'x' or 'inputs'; found: nothing"),
        ({"x": np.zeros((8, 8), np.int8)}, "shape [8,8]; accepted: [1,8,8,3], [N,1,8,8,3], [N,8,8,3]"),
        ({"x": np.zeros((2, 192), np.int8)}, "the elements would fill 2 samples: reshape the array"),
        ({"x": np.zeros((0, 8, 8, 3), np.int8)}, "shape [0,8,8,3]; accepted"),
        (
            {"x": _INTEGERS.astype(np.uint8)},
            "array 'x' for in_1: uint8; accepted: int8, or floats, which are quantized",
        ),
        ({"x": np.zeros((1, 8, 8, 3), bool)}, "bool; accepted: int8, or floats"),
        ({"x": np.full((1, 8, 8, 3), 1j)}, "complex128; accepted: int8, or floats"),
        ({"x": np.full((1, 8, 8, 3), 128)}, "values 128..128; accepted: -128..127 (int8)"),
        ({"x": np.full((1, 8, 8, 3), np.nan)}, "contains NaN or infinity; accepted: finite numbers"),
        ({"x": np.full((1, 8, 8, 3), "a")}, "<U1; accepted: int8"),
    ],
)
def test_refusals_say_what_would_do(image: Program, tmp_path: Path, arrays: Any, message: str) -> None:
    with pytest.raises(EdgeqError) as error:
        load_samples(_npz(tmp_path, **arrays), image.inputs)
    assert message in str(error.value)
    assert str(tmp_path / "in.npz") in str(error.value)


def test_the_inputs_need_equally_many_samples(pair: Program, tmp_path: Path) -> None:
    path = _npz(tmp_path, a=np.zeros((3, 4), np.int8), b=np.zeros((2, 4), np.int8))
    with pytest.raises(EdgeqError, match="different numbers of samples: 'a' has 3, 'b' has 2"):
        load_samples(path, pair.inputs)


def _pickled(path: Path) -> None:
    np.savez(path, x=np.array([{}], dtype=object))


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda _: None, "No such file or directory"),
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: path.write_bytes(b""), "is no .npz or .npy file"),
        (lambda path: path.write_bytes(b"hello"), "is no .npz or .npy file"),
        (lambda path: path.write_bytes(b"PK\x03\x04" + bytes(40)), "is no .npz or .npy file"),
        (lambda path: path.write_bytes(b"\x93NUMPY\x01\x00\x10\x00{'descr':"), "is no .npz or .npy file"),
        (_pickled, "is no .npz or .npy file of plain arrays"),
    ],
    ids=["missing", "folder", "empty", "text", "zip", "npy", "pickle"],
)
def test_unreadable_files(image: Program, tmp_path: Path, write: Any, message: str) -> None:
    path = tmp_path / "in.npz"
    write(path)
    with pytest.raises(EdgeqError) as error:
        load_samples(path, image.inputs)
    assert message in str(error.value)


def test_random_samples_cover_the_whole_range_and_repeat(image: Program) -> None:
    samples = random_samples(image, 100, seed=1)
    assert len(samples) == 100
    assert set(np.unique(samples.arrays[0])) == set(range(-128, 128))
    np.testing.assert_array_equal(samples.arrays[0], random_samples(image, 100, seed=1).arrays[0])
    assert (samples.arrays[0] != random_samples(image, 100, seed=2).arrays[0]).any()


def test_random_reals_exceed_what_the_quantization_holds() -> None:
    samples = random_samples(edgeq.compile(small_models.float_border(), float_ports=True).program, 100, seed=0)
    low, high = (-128 - 7) * 0.02, (127 - 7) * 0.02
    assert samples.arrays[0].dtype == np.float32
    assert samples.arrays[0].min() < low
    assert samples.arrays[0].max() > high


def test_samples_in_the_order_of_the_file(tmp_path: Path) -> None:
    """A port in NHWC takes what the file takes, too, stacked in any way; the note says so."""
    model = edgeq.compile(small_onnx.feature_map())
    images = np.random.default_rng(0).normal(size=(4, 3, 6, 5)).astype(np.float32)
    port = load_samples(_npz(tmp_path, x=images.transpose(0, 2, 3, 1)), model.program.inputs)
    file = load_samples(_npz(tmp_path, x=images), model.program.inputs)
    np.testing.assert_array_equal(file.arrays[0], port.arrays[0])
    assert file.layout is port.layout is Layout.BATCH
    assert len(port.notes) == 1
    assert file.notes[0] == "in_1: in the order of the model's file: [1,3,6,5] brought into [1,6,5,3]"
    one = load_samples(_npz(tmp_path, x=images[:1]), model.program.inputs)
    np.testing.assert_array_equal(one.arrays[0], port.arrays[0][:1])
    with pytest.raises(EdgeqError, match=r"shape \[4,5,6,3\]; accepted: \[1,6,5,3\], \[N,1,6,5,3\], \[N,6,5,3\]"):
        load_samples(_npz(tmp_path, x=images.transpose(0, 3, 2, 1)), model.program.inputs)
