"""Calibration images from a folder, by Pillow."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgeq.array_files import shape_text
from edgeq.errors import EdgeqError
from edgeq.ir.graph import Array
from edgeq.quantize.columns import Port

try:
    import PIL.Image as pillow  # noqa: N813  # the package is known by its project's name
except ImportError:  # an extra of edgeq's
    pillow = None  # type: ignore[assignment]

SUFFIXES = frozenset((".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"))

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
"""Pillow's name of 8-bit pixels, by number of channels."""

_WIDE_MODES = ("I", "F")
"""How Pillow's names of pixels with more than 8 bits per channel begin."""


@dataclass(frozen=True)
class ImageColumn:
    """Images as samples of one input, pixels 0..255 in as many channels as the input has.

    Attributes:
        where: the folder, for messages.
        paths: in the order of the samples.
        port: the input.
        resize: whether images of another size are resized, bilinearly; else they are refused.
    """

    where: str
    paths: tuple[Path, ...]
    port: Port
    resize: bool

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Array:
        path = self.paths[index]
        height, width, channels, first = image_shape(self.port)
        try:
            with pillow.open(path) as image:
                if image.mode.startswith(_WIDE_MODES):
                    raise EdgeqError(f"{path}: pixels of type {image.mode}; accepted: 8 bits per channel")
                if image.size != (width, height) and not self.resize:
                    size = f"{image.width}x{image.height}"
                    raise EdgeqError(f"{path}: {size} pixels; accepted: {width}x{height}, or any size with resizing")
                # A palette becomes colours before anything else: neither indices nor transparency can be averaged.
                plain = image.convert("RGBA") if image.mode in {"P", "PA"} else image
                pixels = plain.convert(_MODES[channels])
                if pixels.size != (width, height):
                    pixels = pixels.resize((width, height), pillow.Resampling.BILINEAR)
        except (OSError, SyntaxError, ValueError, pillow.DecompressionBombError) as error:
            raise EdgeqError(f"{path}: is no readable image: {error}") from error
        array = np.asarray(pixels, np.uint8).reshape(height, width, channels)
        return (array.transpose(2, 0, 1) if first else array).reshape(self.port.shape)


def image_column(folder: Path, port: Port, *, resize: bool) -> tuple[ImageColumn, list[str]]:
    """The images in a folder and below, sorted by path, and notes on how they are read.

    Raises:
        EdgeqError: where there is none, the input takes no images, or Pillow is missing.
    """
    if pillow is None:
        raise EdgeqError(f"{folder}: reading images needs Pillow: pip install 'edgeq[images]'")
    height, width, channels, _ = image_shape(port)
    found = [p for p in sorted(folder.rglob("*")) if p.suffix.lower() in SUFFIXES and not p.name.startswith(".")]
    if not found:
        names = ", ".join(sorted(SUFFIXES))
        raise EdgeqError(f"{folder}: no images; accepted: files named {names}, or a .npy or .npz file instead")
    note = f"{port.name}: {len(found)} images read as {_MODES[channels]}, {width}x{height}"
    return ImageColumn(str(folder), tuple(found), port, resize), [note]


def image_shape(port: Port) -> tuple[int, int, int, bool]:
    """Height, width and channels of the images that an input takes, and whether the channels come first.

    Raises:
        EdgeqError: where its shape is not that of images.
    """
    shape = port.shape
    if port.dtype.is_float and shape[:1] == (1,):
        if len(shape) == 4 and shape[3] in _MODES:
            return shape[1], shape[2], shape[3], False
        if len(shape) == 4 and shape[1] in _MODES:
            return shape[2], shape[3], shape[1], True
        if len(shape) == 3:
            return shape[1], shape[2], 1, False
    raise EdgeqError(
        f"input {port.name} is {port.dtype.value}{shape_text(shape)}, which takes no images; "
        "accepted: f32[1,H,W,C] or f32[1,C,H,W] with C of 1, 3 or 4, or f32[1,H,W]"
    )
