"""Calibration data: the same samples from every source, in any layout; and what is refused, in which words."""

import contextlib
import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from edgeq import array_files
from edgeq.errors import EdgeqError
from edgeq.ir import DType
from edgeq.quantize import images
from edgeq.quantize.data import CalibrationData, Port, Preprocessing, load_calibration

_settings = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))

IMAGE = Port("image", (1, 4, 5, 3))
GRAY = Port("gray", (1, 4, 5, 1))
PAIR = (Port("a", (1, 2)), Port("b", (1, 3)))
MOVED = Port("image", (1, 4, 5, 3), DType.F32, (1, 3, 4, 5), (0, 2, 3, 1))

_rng = np.random.default_rng(0)
X = _rng.normal(size=(7, 4, 5, 3)).astype(np.float32)
A, B = _rng.normal(size=(6, 2)).astype(np.float32), _rng.normal(size=(6, 3)).astype(np.float32)


def _all(data: CalibrationData, port: int = 0) -> np.ndarray:
    """One port's samples, the batch of 1 in front; each in the port's shape and type."""
    for inputs in data:
        assert [x.shape for x in inputs] == [p.shape for p in data.ports]
        assert [x.dtype for x in inputs] == [p.dtype.numpy for p in data.ports]
        assert all(x.flags.c_contiguous and x.flags.writeable for x in inputs)
    return np.stack([inputs[port][0] for inputs in data])


def _npz(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "data.npz", **arrays)
    return folder / "data.npz"


def _npy(folder: Path, array: np.ndarray) -> Path:
    np.save(folder / "data.npy", array)
    return folder / "data.npy"


def _compressed(folder: Path, array: np.ndarray) -> Path:
    np.savez_compressed(folder / "data.npz", x=array)
    return folder / "data.npz"


SOURCES: dict[str, Callable[[Path, np.ndarray], Any]] = {
    "npy": _npy,
    "npz": lambda folder, x: _npz(folder, x=x),
    "compressed": _compressed,
    "fortran": lambda folder, x: _npy(folder, np.asfortranarray(x)),
    "big endian": lambda folder, x: _npy(folder, x.astype(">f4")),
    "path as text": lambda folder, x: str(_npy(folder, x)),
    "array": lambda _, x: x,
    "dict": lambda _, x: {"image": x},
    "tuple of one": lambda _, x: (x,),
    "list": lambda _, x: list(x),
    "nested lists": lambda _, x: x.tolist(),
    "generator": lambda _, x: (sample for sample in x),
    "generator of batches": lambda _, x: (x[i : i + 3] for i in range(0, len(x), 3)),
    "generator of lists of one": lambda _, x: ([sample[np.newaxis]] for sample in x),
    "generator of dicts": lambda _, x: ({"image": sample} for sample in x),
}


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_gives_the_same_samples_again_and_again(source: str, tmp_path: Path) -> None:
    data = load_calibration(SOURCES[source](tmp_path, X), [IMAGE])
    assert len(data) == 7
    np.testing.assert_array_equal(_all(data), X)
    np.testing.assert_array_equal(_all(data), X)
    assert data.labels is None


def test_large_arrays_are_mapped_and_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array_files, "_IN_MEMORY", 100)
    for path in (_npy(tmp_path, X), _npz(tmp_path, x=X), _compressed(tmp_path, X)):
        data = load_calibration(path, [IMAGE])
        assert isinstance(data.columns[0].array, np.memmap)  # type: ignore[attr-defined]
        np.testing.assert_array_equal(_all(data), X)


@pytest.mark.parametrize(
    ("port", "shape", "count"),
    [
        ((1, 4, 5, 3), (1, 4, 5, 3), 1),
        ((1, 4, 5, 3), (6, 1, 4, 5, 3), 6),
        ((1, 4, 5, 3), (6, 4, 5, 3), 6),
        ((1, 4, 5, 3), (4, 5, 3), 1),
        ((1, 28, 28, 1), (6, 28, 28), 6),
        ((1, 28, 28, 1), (28, 28), 1),
        ((1, 28, 28, 1), (28, 28, 28), 28),
        ((1, 1, 8), (6, 8), 6),
        ((1, 10), (10,), 1),
        ((1, 10), (10, 10), 10),
        ((1, 1), (6,), 6),
        ((1, 1), (1, 1), 1),
        ((10,), (10,), 1),
        ((10,), (6, 10), 6),
        ((2, 3), (2, 3), 1),
        ((2, 3), (2, 2, 3), 2),
        ((), (6,), 6),
    ],
)
def test_layouts(port: tuple[int, ...], shape: tuple[int, ...], count: int) -> None:
    x = np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)
    data = load_calibration(x, [Port("x", port)])
    assert len(data) == count
    np.testing.assert_array_equal(np.stack([inputs[0] for inputs in data]), x.reshape(count, *port))


@pytest.mark.parametrize("layout", ["N,C,H,W", "N,1,C,H,W", "C,H,W"])
def test_data_in_the_order_of_the_models_file(layout: str) -> None:
    first = X.transpose(0, 3, 1, 2)
    given_ = {"N,C,H,W": first, "N,1,C,H,W": first[:, np.newaxis], "C,H,W": first[0]}[layout]
    data = load_calibration(given_, [MOVED])
    np.testing.assert_array_equal(_all(data), X[: len(data)])
    assert data.notes == ("image: samples taken in the order of the model's file: [1,3,4,5] brought into [1,4,5,3]",)
    assert load_calibration(X, [MOVED]).notes == ()  # in the port's own order
    with pytest.raises(EdgeqError, match=r"shape .* accepted"):
        load_calibration(given_, [IMAGE])  # nobody said that the axes were moved


def test_where_both_orders_fit_the_file_counts() -> None:
    x = np.arange(2 * 27, dtype=np.float32).reshape(2, 3, 3, 3)
    data = load_calibration(x, [Port("image", (1, 3, 3, 3), DType.F32, (1, 3, 3, 3), (0, 2, 3, 1))])
    np.testing.assert_array_equal(_all(data), x.transpose(0, 2, 3, 1))
    assert "although they fit both" in data.notes[0]


def test_moving_an_axis_of_1_is_no_ambiguity() -> None:
    x = np.arange(2 * 9, dtype=np.float32).reshape(2, 3, 3)
    port = Port("image", (1, 3, 3, 1), DType.F32, (1, 1, 3, 3), (0, 2, 3, 1))
    for given_ in (x, x[:, np.newaxis], x[..., np.newaxis]):
        data = load_calibration(given_, [port])
        np.testing.assert_array_equal(_all(data)[..., 0], x)
        assert data.notes == ()


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, np.float16, np.float64])
def test_numbers_are_taken_as_float32(dtype: Any) -> None:
    x = np.arange(7 * 60).reshape(7, 4, 5, 3).astype(dtype)
    data = load_calibration(x, [IMAGE])
    np.testing.assert_array_equal(_all(data), x.astype(np.float32))
    assert data.notes == (f"image: {np.dtype(dtype)} taken as float32",)


def test_integer_inputs_keep_their_type() -> None:
    port = Port("ids", (1, 3), DType.S32)
    x = np.array([[1, 2, 3]], np.int64)
    np.testing.assert_array_equal(_all(load_calibration(x, [port], Preprocessing(5.0, 2.0))), x)
    with pytest.raises(EdgeqError, match=r"values 1..3000000000; accepted: -2147483648..2147483647 \(int32\)"):
        list(load_calibration(np.array([[1, 2, 3_000_000_000]]), [port]))
    with pytest.raises(EdgeqError, match="float64; accepted: int32 or other integers"):
        load_calibration(np.ones((1, 3)), [port])


@pytest.mark.parametrize(
    "source",
    [
        {"b": B, "a": A},
        {"in_2": B, "in_1": A},
        (A, B),
        list(zip(A, B, strict=True)),
        [[a, b] for a, b in zip(A, B, strict=True)],
        [{"b": b, "a": a} for a, b in zip(A, B, strict=True)],
    ],
)
def test_several_inputs(source: Any, tmp_path: Path) -> None:
    for given_ in [source, _npz(tmp_path, **source)] if isinstance(source, dict) else [source]:
        data = load_calibration(given_, PAIR)
        np.testing.assert_array_equal(_all(data, 0), A)
        np.testing.assert_array_equal(_all(data, 1), B)


@pytest.mark.parametrize("key", ["image", "in_1", "x", "inputs", "anything"])
def test_names_of_a_single_input(key: str, tmp_path: Path) -> None:
    data = load_calibration(_npz(tmp_path, **{key: X, "y": np.arange(7)}), [IMAGE])
    np.testing.assert_array_equal(_all(data), X)
    np.testing.assert_array_equal(data.labels, np.arange(7))


def test_labels_and_what_is_not_used(tmp_path: Path) -> None:
    data = load_calibration(_npz(tmp_path, x=X, labels=np.arange(7)[:, np.newaxis], names=np.arange(2)), [IMAGE])
    np.testing.assert_array_equal(data.labels, np.arange(7))
    assert data.notes == ("not used: names",)
    one_hot = load_calibration({"x": X, "y": np.eye(7)}, [IMAGE])
    assert (one_hot.labels, one_hot.notes) == (None, ("not used: y",))
    with pytest.raises(EdgeqError, match="6 labels for 7 samples; accepted: one each"):
        load_calibration({"x": X, "y": np.arange(6)}, [IMAGE])


@_settings
@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 5))
def test_a_random_subset_in_order_by_seed(size: int, count: int, seed: int) -> None:
    x = np.arange(size, dtype=np.float32).reshape(size, 1)
    source = {"x": x, "y": np.arange(size)}
    data = load_calibration(source, [Port("x", (1, 1))], count=count, seed=seed)
    chosen = _all(data)[:, 0]
    assert len(data) == min(count, size)
    assert np.all(np.diff(chosen) > 0)
    np.testing.assert_array_equal(data.labels, chosen)
    np.testing.assert_array_equal(
        _all(load_calibration(source, [Port("x", (1, 1))], count=count, seed=seed))[:, 0], chosen
    )
    assert data.notes == ((f"{count} samples asked for, there are {size}",) if count > size else ())


def test_seeds_differ_and_the_rest_is_what_was_not_chosen() -> None:
    data = load_calibration(X, [IMAGE])
    chosen, rest = data.split(3, seed=1)
    assert sorted(chosen.indices + rest.indices) == list(range(7))
    np.testing.assert_array_equal(_all(rest), X[list(rest.indices)])
    assert len({data.split(3, seed)[0].indices for seed in range(10)}) > 5
    again, _ = rest.split(2)
    assert set(again.indices) <= set(rest.indices)


def test_batches_are_the_samples() -> None:
    data = load_calibration(X, [IMAGE])
    batches = [batch for (batch,) in data.batches(3)]
    assert [len(batch) for batch in batches] == [3, 3, 1]
    np.testing.assert_array_equal(np.concatenate(batches), X)


def test_preprocessing_by_number_and_by_channel() -> None:
    mean, std = (1.0, 2.0, 3.0), (2.0, 4.0, 8.0)
    np.testing.assert_allclose(_all(load_calibration(X, [IMAGE], Preprocessing(0.5, 2.0))), (X - 0.5) / 2)
    expected = (X - np.array(mean)) / np.array(std)
    np.testing.assert_allclose(_all(load_calibration(X, [IMAGE], Preprocessing(mean, std))), expected, rtol=1e-6)
    first = X.transpose(0, 3, 1, 2)
    for port in (MOVED, Port("image", (1, 3, 4, 5))):  # channels where the port has them
        data = _all(load_calibration(first, [port], Preprocessing(mean, std)))
        data = data if port is MOVED else data.transpose(0, 2, 3, 1)
        np.testing.assert_allclose(data, expected, rtol=1e-6)


def test_preprocessing_by_input() -> None:
    data = load_calibration((A, B), PAIR, {"b": Preprocessing(1.0, 2.0)})
    np.testing.assert_array_equal(_all(data, 0), A)
    np.testing.assert_array_equal(_all(data, 1), (B - 1) / 2)


@pytest.mark.parametrize(
    ("preprocessing", "message"),
    [
        (Preprocessing((1.0, 2.0)), "mean of 2 numbers for input image of shape [1,4,5,3]; accepted: one number, or"),
        (Preprocessing(0.0, (1.0, 2.0)), "std of 2 numbers"),
        (Preprocessing(0.0, 0.0), "std 0.0; accepted: finite numbers, std greater than 0"),
        (Preprocessing(0.0, -1.0), "accepted: finite numbers"),
        (Preprocessing(np.nan), "accepted: finite numbers"),
        (Preprocessing(0.0, 1e-45), "contains NaN or infinity"),
    ],
)
def test_preprocessing_that_cannot_be(preprocessing: Preprocessing, message: str) -> None:
    with pytest.raises(EdgeqError) as error:
        list(load_calibration(X, [IMAGE], preprocessing))
    assert message in str(error.value)


def _pixels(mode: str, size: tuple[int, int] = (5, 4)) -> np.ndarray:
    channels = {"L": (), "RGB": (3,), "RGBA": (4,)}[mode]
    return np.random.default_rng(1).integers(0, 256, (size[1], size[0], *channels)).astype(np.uint8)


def _save(folder: Path, name: str, mode: str = "RGB", size: tuple[int, int] = (5, 4)) -> np.ndarray:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    pixels = _pixels(mode, size)
    Image.fromarray(pixels).save(folder / name)
    return pixels


@pytest.mark.parametrize("suffix", ["png", "bmp", "ppm", "PNG", "tiff"])
def test_images_are_read_as_pixels(suffix: str, tmp_path: Path) -> None:
    pixels = _save(tmp_path, f"a.{suffix}")
    data = load_calibration(tmp_path, [IMAGE])
    np.testing.assert_array_equal(_all(data)[0], pixels)
    assert data.notes == ("image: 1 images read as RGB, 5x4",)


def test_images_are_sorted_by_path_also_in_subfolders(tmp_path: Path) -> None:
    for name in ("b.png", "c/a.png", "a.png", ".hidden.png"):
        _save(tmp_path, name)
    (tmp_path / "notes.txt").write_text("no image")
    data = load_calibration(tmp_path, [IMAGE])
    assert [p.relative_to(tmp_path).as_posix() for p in data.columns[0].paths] == [  # type: ignore[attr-defined]
        "a.png",
        "b.png",
        "c/a.png",
    ]


def test_channels_and_their_place_are_the_ports(tmp_path: Path) -> None:
    pixels = _save(tmp_path, "a.png")
    first = load_calibration(tmp_path, [Port("image", (1, 3, 4, 5))])
    np.testing.assert_array_equal(_all(first)[0].transpose(1, 2, 0), pixels)
    gray = np.asarray(Image.fromarray(pixels).convert("L"))
    np.testing.assert_array_equal(_all(load_calibration(tmp_path, [GRAY]))[0, ..., 0], gray)
    np.testing.assert_array_equal(_all(load_calibration(tmp_path, [Port("x", (1, 4, 5))]))[0], gray)


def test_gray_images_for_an_input_of_colours(tmp_path: Path) -> None:
    pixels = _save(tmp_path, "a.png", "L")
    np.testing.assert_array_equal(_all(load_calibration(tmp_path, [IMAGE]))[0], np.stack([pixels] * 3, -1))


def test_palettes_become_colours(tmp_path: Path) -> None:
    image = Image.fromarray(_pixels("RGB")).quantize(16)
    image.info["transparency"] = bytes(range(16))
    image.save(tmp_path / "a.png")
    expected = np.asarray(image.convert("RGBA"))[..., :3]
    np.testing.assert_array_equal(_all(load_calibration(tmp_path, [IMAGE]))[0], expected)


def test_images_are_resized_or_refused(tmp_path: Path) -> None:
    ramp = np.repeat(np.arange(50, dtype=np.uint8)[np.newaxis, :, np.newaxis], 40, 0).repeat(3, 2)
    Image.fromarray(ramp).save(tmp_path / "a.png")
    resized = _all(load_calibration(tmp_path, [IMAGE]))[0]
    np.testing.assert_allclose(resized[2, :, 0], [5, 14.5, 24.5, 34.5, 44], atol=1.5)
    with pytest.raises(EdgeqError, match="50x40 pixels; accepted: 5x4, or any size with resizing"):
        list(load_calibration(tmp_path, [IMAGE], Preprocessing(resize=False)))


def test_images_are_preprocessed_and_chosen(tmp_path: Path) -> None:
    for k in range(5):
        Image.fromarray(np.full((4, 5, 3), 10 * k, np.uint8)).save(tmp_path / f"{k}.png")
    data = load_calibration(tmp_path, [IMAGE], Preprocessing((0.0, 10.0, 20.0), 10.0), count=3, seed=3)
    assert len(data) == 3
    np.testing.assert_allclose(_all(data)[:, 0, 0], [[k, k - 1, k - 2] for k in data.indices])


def _text(path: Path) -> None:
    path.write_text("no image")


def _truncated(path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(_pixels("RGB", (500, 400))).save(buffer, "png")
    path.write_bytes(buffer.getvalue()[:2000])


def _sixteen_bits(path: Path) -> None:
    Image.fromarray(np.zeros((4, 5), np.uint16)).save(path)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (_text, "a.png: is no readable image"),
        (_truncated, "a.png: is no readable image"),
        (_sixteen_bits, "a.png: pixels of type I;16; accepted: 8 bits per channel"),
        (lambda path: path.mkdir(), "a.png: is no readable image"),
    ],
)
def test_unreadable_images(write: Callable[[Path], None], message: str, tmp_path: Path) -> None:
    write(tmp_path / "a.png")
    with pytest.raises(EdgeqError) as error:
        list(load_calibration(tmp_path, [IMAGE]))
    assert message in str(error.value)


def test_folders_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EdgeqError, match=r"no images; accepted: files named \.bmp, .*, or a \.npy or \.npz file"):
        load_calibration(tmp_path, [IMAGE])
    with pytest.raises(EdgeqError, match="is a folder, and the model has 2 inputs"):
        load_calibration(tmp_path, PAIR)
    for port in (Port("x", (1, 49, 10, 2)), Port("x", (1, 10)), Port("x", (1, 4, 5, 3), DType.S32)):
        with pytest.raises(EdgeqError, match=r"input x is .*, which takes no images; accepted: f32"):
            load_calibration(tmp_path, [port])
    monkeypatch.setattr(images, "pillow", None)
    with pytest.raises(EdgeqError, match=r"reading images needs Pillow: pip install 'edgeq\[images\]'"):
        load_calibration(tmp_path, [IMAGE])


def _with(value: float) -> np.ndarray:
    x = X.copy()
    x[5, 1, 2, 0] = value
    return x


def _ragged() -> Iterator[Any]:
    yield X[0]
    yield [[1.0, 2.0], [3.0]]


@pytest.mark.parametrize(
    ("source", "ports", "message"),
    [
        ([], [IMAGE], "calibration data: no samples; accepted: at least one"),
        (iter(()), PAIR, "calibration data: no samples; accepted: at least one"),
        (X[:0], [IMAGE], "no samples; accepted: at least one"),
        ({"x": X[:0]}, [IMAGE], "array 'x' for input image: no samples; accepted: at least one"),
        ({}, [IMAGE], "no array for input 1; accepted: 'image' or 'in_1' or 'x' or 'inputs'; found: nothing"),
        ({"a": A}, PAIR, "no array for input 2; accepted: 'b' or 'in_2'; found: a float32[6, 2]"),
        ({"a": A, "b": B[:2]}, PAIR, "different numbers of samples: 'a' has 6, 'b' has 2"),
        ([(A[0], B[0]), (A[:2], B[:3])], PAIR, "sample 1: the inputs have different numbers of samples: a has 2"),
        (X[..., :2], [IMAGE], "shape [7,4,5,2]; accepted: [1,4,5,3], [N,1,4,5,3], [4,5,3], [N,4,5,3]"),
        (X[..., :2], [MOVED], "[N,4,5,3], [1,3,4,5], [N,1,3,4,5], [3,4,5], [N,3,4,5]"),
        ([X[0], X[1], X[2, 0]], [IMAGE], "sample 2, input image: shape [5,3]; accepted"),
        (X.astype(complex), [IMAGE], "complex128; accepted: float32, or other floats and integers"),
        (np.full((1, 4, 5, 3), "a"), [IMAGE], "<U1; accepted: float32"),
        (np.full((1, 4, 5, 3), None), [IMAGE], "object; accepted: float32"),
        (X > 0, [IMAGE], "bool; accepted: float32"),
        (_with(np.nan), [IMAGE], "sample 5 contains NaN or infinity (as float32); accepted: finite numbers"),
        (_with(-np.inf), [IMAGE], "sample 5 contains NaN or infinity"),
        (list(_with(np.nan)), [IMAGE], "input image: sample 5 contains NaN or infinity"),
        (
            {"x": _with(1.0).astype(np.float64) * 1e300},
            [IMAGE],
            "'x' for input image: sample 0 contains NaN or infinity",
        ),
        (_ragged(), [IMAGE], "sample 1: list: "),
        (
            [A[0], A[1]],
            PAIR,
            "sample 0: ndarray; accepted: a tuple of 2 arrays, or a dict with an array for each of a, b",
        ),
        ([{"a": A[0]}], PAIR, "sample 0: no array for input 2; accepted: 'b' or 'in_2'"),
        (5, [IMAGE], "calibration data: int; accepted: path of a .npy or .npz file or of a folder of images"),
        (b"x.npz", [IMAGE], "calibration data: bytes; accepted: path"),
    ],
)
def test_refusals_say_what_would_do(source: Any, ports: Any, message: str) -> None:
    with pytest.raises(EdgeqError) as error:
        list(load_calibration(source, ports))
    assert message in str(error.value)


@pytest.mark.parametrize("count", [0, -1])
def test_a_count_of_nothing(count: int) -> None:
    with pytest.raises(EdgeqError, match=f"{count} samples of calibration data asked for; accepted: at least 1"):
        load_calibration(X, [IMAGE], count=count)


def _bytes(save: Callable[[io.BytesIO], None]) -> bytes:
    buffer = io.BytesIO()
    save(buffer)
    return buffer.getvalue()


_GOOD_NPY = _bytes(lambda f: np.save(f, X))
_GOOD_NPZ = _bytes(lambda f: np.savez(f, x=X))
_GOOD_COMPRESSED = _bytes(lambda f: np.savez_compressed(f, x=X))


def _zip_of(member: bytes) -> bytes:
    def save(file: io.BytesIO) -> None:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("x.npy", member)

    return _bytes(save)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"PK\x03\x04" + bytes(40),
        _GOOD_NPY[:50],
        _GOOD_NPY[:-10],
        _GOOD_NPZ[:-10],
        _GOOD_NPZ[:300] + _GOOD_NPZ[400:],
        _GOOD_COMPRESSED.replace(b"x.npy", b"z.npy", 1),
        _bytes(lambda f: np.save(f, np.array([{}], object), allow_pickle=True)),
        _bytes(lambda f: np.savez(f, x=np.array([{}], object))),
        _zip_of(_GOOD_NPY.replace(b"(7, 4, 5, 3)", b"(7000000000,)")),
        _zip_of(_GOOD_NPY.replace(b"(7, 4, 5, 3)", b"(-7, 4, 5,3)")),
        _GOOD_NPY.replace(b"(7, 4, 5, 3)", b"(7000000000,)"),
        _GOOD_NPY.replace(b"(7, 4, 5, 3)", b"(True, 4, 5)"),
    ],
)
def test_unreadable_files(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "data.npz").write_bytes(content)
    with pytest.raises(EdgeqError, match=r"data.npz: is no .npz or .npy file of plain arrays; accepted: what numpy"):
        load_calibration(tmp_path / "data.npz", [IMAGE])


@_settings
@given(st.sampled_from([_GOOD_NPY, _GOOD_NPZ, _GOOD_COMPRESSED]), st.data())
def test_damaged_files_end_in_an_error_or_in_numbers(tmp_path_factory: Any, content: bytes, data: Any) -> None:
    damaged = bytearray(content)
    head = st.integers(0, min(300, len(content) - 1)) | st.integers(-200, -1)
    for place, value in data.draw(st.lists(st.tuples(head, st.integers(0, 255)), min_size=1, max_size=4)):
        damaged[place] = value
    path = tmp_path_factory.mktemp("damaged") / "data"
    path.write_bytes(damaged)
    with contextlib.suppress(EdgeqError):
        list(load_calibration(path, [IMAGE]))


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(EdgeqError, match=r"none.npz: No such file or directory"):
        load_calibration(tmp_path / "none.npz", [IMAGE])
