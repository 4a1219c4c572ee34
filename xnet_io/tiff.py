"""Decode TIFF files: what tifffile leaves unchecked is checked here."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import tifffile

from xnet_io.pictures import ORIENTATION, check_size, fault, upright

# The decoders of these TIFF compressions write into a buffer of the expected size, so that a small
# file cannot expand without bound: none, LZW, deflate (two codes), PackBits, Zstandard.
_COMPRESSIONS = (1, 5, 8, 32946, 32773, 50000)

# "Photometric interpretations" of TIFF; 1 is black is zero, 2 is RGB.
_WHITE_IS_ZERO, _PALETTE = 0, 3
_KINDS = (_WHITE_IS_ZERO, 1, 2, _PALETTE)

_MAX_PAGES = 64


def decode(path: str | Path) -> np.ndarray:
    """Decode a TIFF file that holds one picture.

    Args:
        path: the file.

    Returns:
        Pixels ``(H, W, C)`` as `xnet_io.pictures.Picture` has them.

    Raises:
        InputError: if it is of a kind that is not read, or too large.
        Exception: nearly any other, from tifffile, if it is damaged.
    """
    with tifffile.TiffFile(path) as tiff:
        page = _single_page(path, tiff)
        _check_page(path, page)
        pixels = page.asarray(maxworkers=1)
        colours, orientation = page.colormap, page.tags.valueof(ORIENTATION)
    if page.axes == "YX":
        pixels = pixels[..., np.newaxis]
    elif page.axes == "SYX":
        pixels = np.moveaxis(pixels, 0, -1)
    elif page.axes != "YXS":
        raise fault(path, f"holds an array of axes {page.axes}", "export one flat picture")
    if page.photometric == _PALETTE:
        # TIFF palettes have 16 bits per channel: multiples of 257 for 8-bit colours.
        pixels = (colours[:, pixels[..., 0]] >> 8).astype(np.uint8).transpose(1, 2, 0)
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8)
    if page.photometric == _WHITE_IS_ZERO:
        pixels = _negative(pixels, page.bitspersample)
    return upright(pixels, orientation)


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


def _check_page(path: str | Path, page) -> None:
    if page.dtype is None or page.dtype.kind not in "buif":
        wrong = f"has {page.bitspersample}-bit pixels of a kind that is not read"
        raise fault(path, wrong, "save it with 8 or 16 bits per pixel")
    samples = page.samplesperpixel
    check_size(path, page.imagelength, page.imagewidth, samples * page.dtype.itemsize)
    if page.is_tiled:
        check_size(path, page.tilelength, page.tilewidth, samples * page.dtype.itemsize)
    kind = int(page.photometric)
    if kind not in _KINDS or samples > 4 or page.imagedepth != 1:
        wrong = f"is neither greyscale nor RGB (photometric {kind})"
        raise fault(path, wrong, "convert it to greyscale or RGB and export it again")
    if kind == _PALETTE and (samples != 1 or page.dtype.kind != "u"):
        raise fault(path, "has a palette that does not fit its pixels", "export it again")
    if int(page.compression) not in _COMPRESSIONS:
        name = getattr(page.compression, "name", page.compression)
        raise fault(path, f"has the compression {name}", "save it uncompressed or with LZW")
    # Where data are missing, tifffile fills up with zeros.
    starts, counts = page.dataoffsets, page.databytecounts
    ends = [start + count for start, count in zip(starts, counts, strict=True)]
    if len(ends) < math.prod(page.chunked) or max(ends) > Path(path).stat().st_size:
        raise fault(path, "truncated TIFF file", "copy or export it again")
    if min(counts) < 1:
        raise fault(path, "TIFF file with pixels left out", "export it again")
