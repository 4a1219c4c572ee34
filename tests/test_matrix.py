"""Files of every depth, kind and shape: each is read as it is shown, or refused with a reason."""

import numpy as np
import pytest
import tifffile
from picture_files import limb, message
from PIL import Image

from xnet_io import radiographs

LIMB = limb(90, 70)
GREY = np.uint8(255 * LIMB)
DEEP = np.uint16(65535 * LIMB)


def tiff(pixels, **options):
    return lambda path: tifffile.imwrite(path, pixels, **options)


def bits(count):
    pixels = (LIMB * (2**count - 1)).astype(np.uint8 if count <= 8 else np.uint16)
    return tiff(pixels, bitspersample=count, photometric="minisblack")


def picture(mode=None, form="PNG", **options):
    image = Image.fromarray(GREY)
    image = image.convert(mode) if mode else image
    return lambda path: image.save(path, format=form, **options)


def levels(count):
    image = Image.fromarray(GREY).quantize(count)
    return lambda path: image.save(path, format="PNG")


def dotted(value):
    pixels = LIMB.astype(np.float32)
    pixels[3, 4] = value
    return tiff(pixels)


# What is written, and how far a grey value may be off; or a part of the message.
FILES = {
    **{
        f"TIFF, {count} bits": (bits(count), 1.1 / (2**count - 1))
        for count in (2, 4, 8, 10, 12, 14, 16)
    },
    "TIFF, 1 bit": (lambda path: Image.fromarray(LIMB > 0.5).save(path, format="TIFF"), 0.55),
    "TIFF, int32": (tiff(np.int32(1e6 * LIMB) - 500), 1e-4),
    "TIFF, uint64": (tiff(np.uint64(1e6 * LIMB)), 1e-4),
    "TIFF, Hounsfield units": (tiff(np.float32(2000 * LIMB - 1000)), 1e-4),
    "TIFF, raw counts": (tiff(np.float32(1e7 * LIMB)), 1e-4),
    "TIFF, float64": (tiff(LIMB), 1e-4),
    "TIFF, NaN": (dotted(np.nan), "1 pixels that are NaN"),
    "TIFF, Inf": (dotted(np.inf), "1 pixels that are NaN"),
    "TIFF, complex": (tiff(LIMB.astype(np.complex64)), "pixels of a kind that is not read"),
    "TIFF, BigTIFF": (tiff(DEEP, bigtiff=True), 1e-4),
    "TIFF, tiled": (tiff(DEEP, tile=(16, 16)), 1e-4),
    "TIFF, RGB": (tiff(np.dstack([GREY] * 3), photometric="rgb"), 0.01),
    "TIFF, CMYK": (tiff(np.dstack([GREY] * 4), photometric="separated"), "neither greyscale nor"),
    "TIFF, pages": (tiff(np.stack([GREY] * 3), photometric="minisblack"), "holds 3 pictures"),
    **{
        f"TIFF, {name}": (tiff(DEEP, compression=name), 1e-4)
        for name in ("lzw", "deflate", "packbits", "zstd")
    },
    **{
        f"TIFF, {name}": (tiff(GREY, compression=name), f"has the compression {name.upper()}")
        for name in ("jpeg", "lzma", "jpeg2000")
    },
    "PNG": (picture(), 0.01),
    "PNG, 16 bits": (lambda path: Image.fromarray(DEEP).save(path, format="PNG"), 1e-4),
    "PNG, palette of greys": (picture("P"), 0.01),
    "PNG, palette of 16": (levels(16), 0.2),
    "PNG, 1 bit": (lambda path: Image.fromarray(LIMB > 0.5).save(path, format="PNG"), 0.55),
    "PNG, grey and alpha": (picture("LA"), 0.01),
    "JPEG": (picture(form="JPEG", quality=95), 0.05),
    "JPEG, progressive": (picture(form="JPEG", quality=95, progressive=True), 0.05),
    "JPEG, CMYK": (picture("CMYK", "JPEG"), "has the colour mode CMYK"),
    "BMP": (picture(form="BMP"), 0.01),
    "GIF": (picture(form="GIF"), "is not PNG"),
    "WebP": (picture(form="WEBP"), "is not PNG"),
    "JPEG 2000": (picture(form="JPEG2000"), "is not PNG"),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.filterwarnings("ignore")
def test_kinds_of_files(tmp_path, name):
    write, expected = FILES[name]
    path = tmp_path / "named.wrongly"
    write(path)
    if isinstance(expected, str):
        assert expected in message(path)
        return
    image = radiographs.read(path, "bright")[..., 0]
    # Black is the darkest pixel, and white the brightest.
    right = (LIMB - LIMB.min()) / np.ptp(LIMB)
    assert image.min() == 0 and image.max() == 1
    assert np.abs(image - right).max() <= expected + 0.02


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (7, 9), (1, 10_000), (10_000, 1), (3000, 400)])
def test_shapes(tmp_path, shape):
    pixels = np.random.default_rng(0).integers(0, 65535, shape, dtype=np.uint16)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    radiograph = radiographs.load(tmp_path / "x.png")
    assert radiograph.image.shape == (*shape, 1)
    assert radiograph.widen(np.ones(shape, np.uint8)).shape == shape
    long = any("times as long as wide" in warning for warning in radiograph.warnings)
    assert long == (max(shape) >= 6 * min(shape))


def test_links_and_odd_names(tmp_path):
    path = tmp_path / "\u00fc \u6f22\x07.dcm"
    Image.fromarray(GREY).save(path, format="PNG")
    expected = radiographs.read(path)
    (tmp_path / "link.png").symlink_to(path.name)
    np.testing.assert_array_equal(radiographs.read(tmp_path / "link.png"), expected)
    (tmp_path / "dead.png").symlink_to("nowhere.png")
    assert "is a link to a file that is not there" in message(tmp_path / "dead.png")
    assert "is not a regular file" in message("/dev/null")
