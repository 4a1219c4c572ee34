"""Decode PNG, JPEG, BMP and TIFF files: by content, within a memory limit, without library chatter.

Radiographs and masks share this module. It returns the pixels as stored and judges nothing about
their meaning; `radiographs` and `labels` do that.
"""

from __future__ import annotations

import io
import logging
import re
import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from xnet_tf.files import InputError

MAX_PIXELS = 64_000_000
"""Larger pictures are refused before they are decoded (X-ray detectors have below 30 million)."""

MAX_BYTES = 256_000_000
"""Bytes of decoded pixels above which a picture is refused; reading needs up to six times this."""

MAX_FILE_BYTES = 500_000_000
"""Larger files are not opened at all."""

ORIENTATION = 274
"""The tag's number in EXIF and in TIFF."""

_DEEP_COLOURS = ("LA;16B", "RGB;16B", "RGBA;16B")

_SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
}

_SMALLER = "scale it down (GIMP: Image > Scale Image) and export it again"

_ENDING = re.compile(r"(?<=.)\.(png|jpe|jpe?g|jfif|bmp|dib|tiff?|dcm|dicom|ima|xcf|ora)$", re.I)

_READABLE = "PNG, JPEG, BMP, TIFF or DICOM"


class Picture(NamedTuple):
    """Decoded pixels.

    Attributes:
        format: "PNG", "JPEG", "BMP" or "TIFF".
        pixels: ``(H, W, C)``, any real dtype; C is 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA. Indexed
            colours are looked up; black is low also where the file stores it high (MINISWHITE).
    """

    format: str
    pixels: np.ndarray


def fault(path: str | Path, wrong: str, remedy: str) -> InputError:
    """Build the one-line error: which file, what is wrong, what helps."""
    return InputError(" ".join(f"{path}: {wrong}; {remedy}".split()))


@contextmanager
def quiet() -> Iterator[None]:
    """Silence warnings and loggers of the decoding libraries: a bad file gives one line, ours."""
    loggers = [logging.getLogger(name) for name in ("PIL", "pydicom", "tifffile")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.CRITICAL + 1)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def stem_of(name: str) -> str:
    """Take a known ending off a file's name; the last number of a DICOM UID is none."""
    return _ENDING.sub("", name)


def comparable(name: str) -> str:
    """Bring a name to a form in which names are equal that are one file on some systems."""
    return unicodedata.normalize("NFC", name).casefold()


def identify(path: str | Path) -> str:
    """Tell a file's format by its first bytes; its name plays no part.

    Args:
        path: the file.

    Returns:
        "PNG", "JPEG", "BMP", "TIFF" or "DICOM" (with or without the preamble).

    Raises:
        InputError: if there is no such file, it is empty or huge, or it is none of these formats.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise fault(path, "is a folder", "give the path of a picture file")
        if path.is_symlink() and not path.exists():
            raise fault(path, "is a link to a file that is not there", "fetch that file")
        if not path.exists():
            raise fault(path, "no such file", "check the path")
        if not path.is_file():
            raise fault(path, "is not a regular file", "give the path of a picture file")
        size = path.stat().st_size
        with path.open("rb") as stream:
            head = stream.read(132)
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise fault(path, f"cannot be opened ({_words(error)})", "check the path") from None
    if size == 0:
        raise fault(path, "is empty (0 bytes)", "copy or export it again")
    if size > MAX_FILE_BYTES:
        raise fault(path, f"has {size:,} bytes", f"files up to {MAX_FILE_BYTES:,} bytes are read")
    # First, for the preamble before these letters may make a file TIFF as well.
    if head[128:] == b"DICM":
        return "DICOM"
    for start, kind in _SIGNATURES.items():
        if head.startswith(start):
            return kind
    # DICOM without a preamble begins with an element of group 0002 or 0008, in either byte order.
    if head[:2] in (b"\x02\0", b"\x08\0", b"\0\x02", b"\0\x08") and len(head) == 132:
        return "DICOM"
    raise fault(path, f"is not {_READABLE}", "open it in GIMP and export it as PNG")


def decode(path: str | Path) -> Picture:
    """Decode a PNG, JPEG, BMP or TIFF file, upright as viewers show it.

    Args:
        path: the file.

    Returns:
        Its format and pixels.

    Raises:
        InputError: if the file cannot be opened, is of another format, damaged, truncated, holds
            several pictures, or is larger than the limits of this module.
    """
    kind = identify(path)
    if kind == "DICOM":
        raise fault(path, "is a DICOM file", "give a PNG, BMP or TIFF picture here")
    with quiet():
        try:
            if kind == "TIFF":
                from xnet_io import tiff

                return Picture(kind, tiff.decode(path))
            return Picture(kind, decode_bytes(path, Path(path).read_bytes(), kind))
        except InputError:
            raise
        except Exception as error:
            # Hostile bytes make the decoders raise nearly everything, from struct.error to
            # MemoryError; whatever it is, the file is what is wrong.
            raise damaged(path, kind, error) from None


def damaged(path: str | Path, kind: str, error: Exception) -> InputError:
    """Build the error for a file whose decoder failed."""
    wrong = f"damaged or truncated {kind} file ({_words(error)})"
    return fault(path, wrong, "copy or export it again")


def check_size(path: str | Path, height: int, width: int, bytes_per_pixel: float) -> None:
    """Refuse pictures without pixels or beyond the limits, before anything is allocated.

    Raises:
        InputError: if there are no pixels, more than `MAX_PIXELS`, or more than `MAX_BYTES` bytes.
    """
    if height < 1 or width < 1:
        raise fault(path, f"has a size of {width} x {height} pixels", "export it again")
    if height * width > MAX_PIXELS or height * width * bytes_per_pixel > MAX_BYTES:
        wrong = f"is too large: {width} x {height} pixels of {bytes_per_pixel:g} bytes"
        raise fault(path, wrong, _SMALLER)


def _words(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return "".join(c for c in text if c.isprintable())[:120]


def decode_bytes(path: str | Path, content: bytes, kind: str) -> np.ndarray:
    """Decode a PNG, JPEG or BMP file with Pillow, which, unlike OpenCV, refuses truncated ones.

    Args:
        path: what messages call it.
        content: of the file.
        kind: its format.

    Returns:
        Pixels ``(H, W, C)`` as `Picture` has them.

    Raises:
        InputError: if it is too large, or of a kind that is not read.
        Exception: nearly any other, from Pillow, if it is damaged.
    """
    import imagecodecs
    from PIL import Image

    try:
        image = Image.open(io.BytesIO(content), formats=(kind,))
    except Image.DecompressionBombError:
        raise fault(path, f"is too large: above {MAX_PIXELS:,} pixels", _SMALLER) from None
    with image:
        check_size(path, image.height, image.width, 4)
        if getattr(image, "n_frames", 1) > 1:
            raise fault(path, f"holds {image.n_frames} pictures", "export a single one")
        # Pillow keeps 8 bits of these pixels' 16; it still checks that the file is whole.
        deep = kind == "PNG" and image.tile[0].args in _DEEP_COLOURS
        image.load()
        if deep and "transparency" in image.info:
            raise fault(path, "has a transparent colour", "flatten it and export it again")
        pixels = imagecodecs.png_decode(content) if deep else _with_channels(path, image)
        # Notes that cannot be read are as if they were not there.
        orientation = None
        with suppress(Exception):
            orientation = image.getexif().get(ORIENTATION)
        return upright(pixels, orientation)


def upright(pixels: np.ndarray, orientation: int | None) -> np.ndarray:
    """Turn and mirror a picture as the orientation of EXIF and TIFF, 1 to 8, says it is shown."""
    if orientation in (5, 6, 7, 8):
        pixels = np.swapaxes(pixels, 0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def _with_channels(path: str | Path, image) -> np.ndarray:
    mode = {"P": "RGB", "PA": "RGB", "1": "L"}.get(image.mode, image.mode)
    if mode in ("L", "RGB") and ("transparency" in image.info or image.mode == "PA"):
        mode += "A"
    image = image.convert(mode) if mode != image.mode else image
    if image.mode not in ("L", "LA", "RGB", "RGBA", "I", "I;16", "I;16B"):
        wrong = f"has the colour mode {image.mode}"
        raise fault(path, wrong, "convert it to greyscale or RGB and export it again")
    pixels = np.asarray(image)
    return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels
