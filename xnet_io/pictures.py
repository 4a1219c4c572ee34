"""Decode PNG, JPEG, BMP and TIFF files: by content, within a memory limit, without library chatter.

Radiographs and masks share this module. It returns the pixels as stored and judges nothing about
their meaning; `radiographs` and `labels` do that.
"""

from __future__ import annotations

import itertools
import logging
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from xnet_tf.files import InputError

MAX_PIXELS = 64_000_000
"""Larger pictures are refused before they are decoded (X-ray detectors have below 30 million)."""

MAX_BYTES = 256_000_000
"""Bytes of decoded pixels above which a picture is refused; reading needs up to six times this."""

MAX_FILE_BYTES = 1_000_000_000
"""Larger files are not opened at all."""

# The decoders of these TIFF compressions write into a buffer of the expected size, so that a small
# file cannot expand without bound: none, LZW, deflate (two codes), PackBits, Zstandard.
_TIFF_COMPRESSIONS = (1, 5, 8, 32946, 32773, 50000)

_MAX_PAGES = 64

_SMALLER = "scale it down (GIMP: Image > Scale Image) and export it again"

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
        if not path.exists():
            raise fault(path, "no such file", "check the path")
        if not path.is_file():
            raise fault(path, "is not a regular file", "give the path of a picture file")
        size = path.stat().st_size
        with path.open("rb") as stream:
            head = stream.read(132)
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise fault(path, f"cannot be opened ({_words(error)})", "check the path") from None
    if size == 0:
        raise fault(path, "is empty (0 bytes)", "copy or export it again")
    if size > MAX_FILE_BYTES:
        raise fault(path, f"has {size:,} bytes", f"files up to {MAX_FILE_BYTES:,} bytes are read")
    if found := _format(head):
        return found
    raise fault(path, f"is not {_READABLE}", "open it in GIMP and export it as PNG")


def _format(head: bytes) -> str | None:
    if head[128:132] == b"DICM":
        return "DICOM"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"BM"):
        return "BMP"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    # DICOM without a preamble begins with an element of group 0002 or 0008, in either byte order.
    if head[:2] in (b"\x02\0", b"\x08\0", b"\0\x02", b"\0\x08") and len(head) == 132:
        return "DICOM"
    return None


def decode(path: str | Path) -> Picture:
    """Decode a PNG, JPEG, BMP or TIFF file.

    Rows and columns are taken as stored: an EXIF orientation is not applied.

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
            pixels = _decode_tiff(path) if kind == "TIFF" else _decode_with_pillow(path, kind)
        except InputError:
            raise
        except Exception as error:
            # Hostile bytes make the decoders raise nearly everything, from struct.error to
            # MemoryError; whatever it is, the file is what is wrong.
            raise damaged(path, kind, error) from None
    return Picture(kind, pixels)


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


def _decode_with_pillow(path: str | Path, kind: str) -> np.ndarray:
    from PIL import Image

    try:
        image = Image.open(path, formats=(kind,))
    except Image.DecompressionBombError:
        raise fault(path, f"is too large: above {MAX_PIXELS:,} pixels", _SMALLER) from None
    with image:
        check_size(path, image.height, image.width, 4)
        if getattr(image, "n_frames", 1) > 1:
            raise fault(path, f"holds {image.n_frames} pictures", "export a single one")
        image.load()
        if kind == "PNG" and _is_deep_colour(path):
            # Pillow has just checked the file, but keeps 8 of the 16 bits of these.
            if "transparency" in image.info:
                raise fault(path, "has a transparent colour", "flatten it and export it again")
            return _deep_colour_pixels(Path(path).read_bytes())
        return _with_channels(path, image)


def _is_deep_colour(path: str | Path) -> bool:
    # PNG's first chunk: bit depth is byte 24, colour type byte 25 (0 grey, 3 indexed).
    with Path(path).open("rb") as stream:
        head = stream.read(26)
    return head[24] == 16 and head[25] not in (0, 3)


def _deep_colour_pixels(content: bytes) -> np.ndarray:
    """Decode a PNG through libpng, which prints warnings: so give it nothing to warn about."""
    import imagecodecs

    # Chunks follow the signature of 8 bytes: length, kind, data, checksum.
    header, data, place = b"", [], 8
    while place + 8 <= len(content):
        length = int.from_bytes(content[place : place + 4], "big")
        kind, body = content[place + 4 : place + 8], content[place + 8 : place + 8 + length]
        if kind == b"IHDR":
            header = body
        elif kind == b"IDAT":
            data.append(body)
        place += 12 + length
    packed = b"".join(data)
    inflater, rest = zlib.decompressobj(), packed
    while rest and not inflater.eof:
        # In steps, so that the check itself cannot grow; it ends with the data's checksum.
        inflater.decompress(rest, 1 << 20)
        rest = inflater.unconsumed_tail
    if not inflater.eof:
        raise ValueError("pixels are missing")
    chunks = [(b"IHDR", header), (b"IDAT", packed), (b"IEND", b"")]
    return imagecodecs.png_decode(content[:8] + b"".join(_chunk(*chunk) for chunk in chunks))


def _chunk(kind: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(kind + body).to_bytes(4, "big")
    return len(body).to_bytes(4, "big") + kind + body + checksum


def _with_channels(path: str | Path, image) -> np.ndarray:
    transparent = "transparency" in image.info
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA" if transparent or image.mode == "PA" else "RGB")
    elif image.mode in ("1", "L") and transparent:
        image = image.convert("LA")
    elif image.mode == "RGB" and transparent:
        image = image.convert("RGBA")
    elif image.mode == "1":
        image = image.convert("L")
    if image.mode not in ("L", "LA", "RGB", "RGBA", "I", "I;16", "I;16B"):
        wrong = f"has the colour mode {image.mode}"
        raise fault(path, wrong, "convert it to greyscale or RGB and export it again")
    pixels = np.asarray(image)
    return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels


def _decode_tiff(path: str | Path) -> np.ndarray:
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        page = _single_page(path, tiff)
        _check_tiff_page(path, page)
        pixels = page.asarray(maxworkers=1)
        axes, photometric, colormap = page.axes, int(page.photometric), page.colormap
    if axes == "YX":
        pixels = pixels[..., np.newaxis]
    elif axes == "SYX":
        pixels = np.moveaxis(pixels, 0, -1)
    elif axes != "YXS":
        raise fault(path, f"holds an array of axes {axes}", "export one flat picture")
    if photometric == tifffile.PHOTOMETRIC.PALETTE:
        # TIFF palettes have 16 bits per channel: multiples of 257 for 8-bit colours.
        return (colormap[:, pixels[..., 0]] >> 8).astype(np.uint8).transpose(1, 2, 0)
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8)
    if photometric == tifffile.PHOTOMETRIC.MINISWHITE:
        pixels = _negative(pixels, page.bitspersample)
    return pixels


def _negative(pixels: np.ndarray, bits: int) -> np.ndarray:
    if pixels.dtype.kind == "u":
        return np.array((1 << bits) - 1, dtype=pixels.dtype) - pixels
    return -1 - pixels if pixels.dtype.kind == "i" else -pixels


def _single_page(path: str | Path, tiff):
    # Previews (reduced images) and transparency masks may accompany the picture proper.
    # The list of pages may be a ring, so it is not followed without end.
    listed = list(itertools.islice(tiff.pages, _MAX_PAGES + 1))
    if len(listed) > _MAX_PAGES:
        raise fault(path, f"lists more than {_MAX_PAGES} pictures", "save the one you want alone")
    pages = [page for page in listed if not page.is_reduced and not page.is_mask]
    count = len(pages)
    if count == 1 and tiff.is_imagej:
        # ImageJ describes a stack on its first page and leaves the other pages out.
        count = int((tiff.imagej_metadata or {}).get("images", 1))
    if count != 1:
        raise fault(path, f"holds {count} pictures", "save the one you want as a TIFF of its own")
    return pages[0]


def _check_tiff_page(path: str | Path, page) -> None:
    import tifffile

    if page.dtype is None or page.dtype.kind not in "buif":
        wrong = f"has {page.bitspersample}-bit pixels of a kind that is not read"
        raise fault(path, wrong, "save it with 8 or 16 bits per pixel")
    samples = page.samplesperpixel
    check_size(path, page.imagelength, page.imagewidth, samples * page.dtype.itemsize)
    if page.is_tiled:
        check_size(path, page.tilelength, page.tilewidth, samples * page.dtype.itemsize)
    kinds = tifffile.PHOTOMETRIC
    allowed = (kinds.MINISWHITE, kinds.MINISBLACK, kinds.RGB, kinds.PALETTE)
    if page.photometric not in allowed or samples > 4 or page.imagedepth != 1:
        wrong = f"is neither greyscale nor RGB (photometric {int(page.photometric)})"
        raise fault(path, wrong, "convert it to greyscale or RGB and export it again")
    if page.photometric == kinds.PALETTE and (samples != 1 or page.dtype.kind != "u"):
        raise fault(path, "has a palette that does not fit its pixels", "export it again")
    if int(page.compression) not in _TIFF_COMPRESSIONS:
        name = getattr(page.compression, "name", page.compression)
        raise fault(path, f"has the compression {name}", "save it uncompressed or with LZW")
    starts, counts = page.dataoffsets, page.databytecounts
    ends = [start + count for start, count in zip(starts, counts, strict=True)]
    if len(ends) < _segments(page) or max(ends) > Path(path).stat().st_size:
        raise fault(path, "truncated TIFF file", "copy or export it again")
    if min(counts) < 1:
        raise fault(path, "TIFF file with pixels left out", "export it again")


def _segments(page) -> int:
    rows = page.tilelength if page.is_tiled else min(page.rowsperstrip, page.imagelength)
    columns = page.tilewidth if page.is_tiled else page.imagewidth
    planes = page.samplesperpixel if int(page.planarconfig) == 2 else 1
    return planes * -(-page.imagelength // rows) * -(-page.imagewidth // columns)
