"""Raster files of every kind, and hostile ones."""

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from picture_files import FRACTIONS, GREY8, STORED, bright, limb, message, write_dicom
from PIL import Image
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    RLELossless,
)

from xnet_io.radiographs import read
from xnet_tf.files import InputError


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_eight_bit_files(tmp_path, suffix, mode):
    path = tmp_path / f"x{suffix}"
    Image.fromarray(GREY8).convert(mode).save(path)
    np.testing.assert_allclose(bright(path), FRACTIONS, atol=1e-6)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_opaque_alpha_is_taken_and_transparency_refused(tmp_path, mode):
    image = Image.fromarray(GREY8).convert(mode)
    image.save(tmp_path / "x.png")
    np.testing.assert_allclose(bright(tmp_path / "x.png"), FRACTIONS, atol=1e-6)
    image.putpixel((1, 0), (*image.getpixel((1, 0))[:-1], 200))
    image.save(tmp_path / "y.png")
    assert "transparent" in message(tmp_path / "y.png")


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bit_png_keeps_its_sixteen_bits(tmp_path, channels):
    import imagecodecs

    grey = np.array([[1000, 1001], [1002, 1004]], dtype=np.uint16)
    pixels = np.repeat(grey[..., None], channels, axis=-1)
    if channels in (2, 4):
        pixels[..., -1] = 65535
    (tmp_path / "x.png").write_bytes(imagecodecs.png_encode(pixels.squeeze()))
    expected = [[0, 0.25], [0.5, 1]]
    np.testing.assert_allclose(bright(tmp_path / "x.png"), expected, atol=1e-6)


def test_jpeg_grey_and_rgb(tmp_path):
    smooth = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (64, 1))
    for mode in ("L", "RGB"):
        Image.fromarray(smooth).convert(mode).save(tmp_path / "x.jpg", quality=95)
        np.testing.assert_allclose(bright(tmp_path / "x.jpg"), smooth / 255, atol=0.02)


def test_the_name_plays_no_part(tmp_path):
    Image.fromarray(GREY8).save(tmp_path / "x.dcm", format="PNG")
    np.testing.assert_allclose(bright(tmp_path / "x.dcm"), FRACTIONS, atol=1e-6)


@pytest.mark.parametrize(
    "dtype",
    ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float16", "float32", "float64"],
)
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("options", [{}, {"compression": "lzw"}, {"compression": "zlib"}])
def test_tiff_kinds(tmp_path, dtype, byteorder, options):
    low = -60 if np.dtype(dtype).kind != "u" else 0
    pixels = (GREY8.astype(int) + low).astype(dtype)
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, pixels, byteorder=byteorder, photometric="minisblack", **options)
    np.testing.assert_allclose(bright(path), FRACTIONS, atol=1e-6)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
def test_tiff_miniswhite_is_shown_inverted(tmp_path, dtype):
    pixels = GREY8.astype(dtype) / np.array(2, dtype) if dtype == "float32" else GREY8.astype(dtype)
    tifffile.imwrite(tmp_path / "x.tif", pixels, photometric="miniswhite")
    np.testing.assert_allclose(bright(tmp_path / "x.tif"), 1 - FRACTIONS, atol=1e-6)


def test_tiff_tiled_bigtiff_one_bit_and_preview(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 60000, (70, 90), dtype=np.uint16)
    expected = (pixels - pixels.min()) / np.ptp(pixels)
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, pixels, tile=(32, 32), bigtiff=True, compression="zlib", predictor=True)
    np.testing.assert_allclose(bright(path), expected, atol=1e-4)
    Image.fromarray(GREY8 > 100).save(path)
    np.testing.assert_allclose(bright(path), GREY8 > 100)
    with tifffile.TiffWriter(path) as writer:
        writer.write(pixels)
        writer.write(pixels[::8, ::8], subfiletype=1)
    np.testing.assert_allclose(bright(path), expected, atol=1e-4)


def test_tiff_with_several_pictures_is_refused(tmp_path):
    stack = np.zeros((3, 8, 8), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "x.tif", stack, photometric="minisblack")
    assert "holds 3 pictures" in message(tmp_path / "x.tif")
    tifffile.imwrite(tmp_path / "y.tif", stack, imagej=True)
    assert "holds 3 pictures" in message(tmp_path / "y.tif")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e31])
def test_tiff_that_is_not_finite(tmp_path, value):
    pixels = np.zeros((4, 4))
    pixels[1, 2] = value
    tifffile.imwrite(tmp_path / "x.tif", pixels)
    assert "1 pixels that are NaN, infinite" in message(tmp_path / "x.tif")


def test_constant_pictures_become_one_half(tmp_path):
    for value in (0, 77, 255):
        Image.fromarray(np.full((9, 7), value, np.uint8)).save(tmp_path / "x.png")
        for asked in ("auto", "bright", "dark"):
            assert (read(tmp_path / "x.png", polarity=asked) == 0.5).all()


def test_hot_and_dead_pixels_do_not_set_the_scale(tmp_path):
    pixels = np.linspace(10000, 20000, 200 * 200).astype(np.uint16).reshape(200, 200)
    expected = (pixels - 10000.0) / 10000
    pixels[3, 4], pixels[100, 7] = 65535, 0
    Image.fromarray(pixels).save(tmp_path / "x.png")
    expected[3, 4], expected[100, 7] = 1, 0
    np.testing.assert_allclose(bright(tmp_path / "x.png"), expected, atol=1e-3)


def test_missing_folder_empty_text(tmp_path):
    assert "no such file" in message(tmp_path / "missing.png")
    assert "is a folder" in message(tmp_path)
    (tmp_path / "x.png").write_bytes(b"")
    assert "0 bytes" in message(tmp_path / "x.png")
    for text in ("hello", "BMX" * 100, "II*\0", "\x08\0" * 100):
        (tmp_path / "x.png").write_text(text)
        message(tmp_path / "x.png")
    with pytest.raises(InputError, match="name of two lines: no such file"):
        read(tmp_path / "name\nof two lines")


def test_colour_photographs(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (30, 40, 3), dtype=np.uint8)
    for suffix in (".png", ".jpg", ".bmp", ".tif"):
        Image.fromarray(pixels).save(tmp_path / f"x{suffix}")
        assert "colour picture" in message(tmp_path / f"x{suffix}")
    Image.fromarray(pixels).convert("CMYK").save(tmp_path / "x.jpg")
    assert "CMYK" in message(tmp_path / "x.jpg")


def test_unknown_polarity(tmp_path):
    Image.fromarray(GREY8).save(tmp_path / "x.png")
    with pytest.raises(InputError, match="choose from auto, bright, dark"):
        read(tmp_path / "x.png", polarity="inverted")


def valid_files(folder):
    picture = (limb(40, 30) * 60000).astype(np.uint16)
    Image.fromarray((picture >> 8).astype(np.uint8)).save(folder / "a.png")
    Image.fromarray(picture).save(folder / "b.png")
    Image.fromarray((picture >> 8).astype(np.uint8)).save(folder / "c.jpg")
    Image.fromarray((picture >> 8).astype(np.uint8)).save(folder / "d.bmp")
    tifffile.imwrite(folder / "e.tif", picture)
    tifffile.imwrite(folder / "f.tif", picture, compression="lzw", predictor=True)
    tifffile.imwrite(folder / "g.tif", picture, compression="zlib", tile=(16, 16))
    write_dicom(folder / "h.dcm", picture)
    write_dicom(folder / "i.dcm", picture, RLELossless)
    write_dicom(folder / "j.dcm", picture, DeflatedExplicitVRLittleEndian)
    return sorted(folder.iterdir())


def test_truncated_files_are_refused(tmp_path):
    (tmp_path / "valid").mkdir()
    for valid in valid_files(tmp_path / "valid"):
        read(valid)
        content = valid.read_bytes()
        for share in (0.1, 0.5, 0.9):
            path = tmp_path / valid.name
            path.write_bytes(content[: int(len(content) * share)])
            message(path)


def mutate(content: bytes, random: np.random.Generator) -> bytes:
    data = bytearray(content)
    if random.random() < 0.3:
        data = data[: random.integers(1, len(data))]
    # Headers are short and decide most; half of the damage goes there.
    reach = len(data) if random.random() < 0.5 else min(400, len(data))
    for _ in range(int(random.integers(1, 9))):
        place = int(random.integers(reach))
        data[place] = random.choice([0, 1, 0x7F, 0x80, 0xFF, int(random.integers(256))])
    return bytes(data)


def test_damaged_files_give_a_picture_or_an_input_error(tmp_path, capfd):
    (tmp_path / "valid").mkdir()
    random = np.random.default_rng(4)
    for valid in valid_files(tmp_path / "valid"):
        content = valid.read_bytes()
        for _ in range(15):
            path = tmp_path / valid.name
            path.write_bytes(mutate(content, random))
            try:
                image = read(path)
            except InputError as error:
                assert "\n" not in str(error)
            else:
                assert np.isfinite(image).all() and image.min() >= 0 and image.max() <= 1
    assert capfd.readouterr() == ("", "")


def chunk(kind: bytes, content: bytes) -> bytes:
    crc = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + crc


def bombs(folder):
    """Small files that claim, or truly hold, pictures of gigabytes."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60000, 60000, 8, 0, 0, 0, 0))
    rows = chunk(b"IDAT", zlib.compress(bytes(10_000_000)))
    (folder / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + rows + chunk(b"IEND", b""))
    header = struct.pack("<IiiHHIIiiII", 40, 50000, 50000, 1, 8, 0, 0, 1, 1, 0, 0)
    (folder / "b.bmp").write_bytes(
        b"BM" + struct.pack("<IHHI", 1000, 0, 0, 54) + header + bytes(99)
    )
    stream = io.BytesIO()
    Image.new("L", (8, 8)).save(stream, format="JPEG")
    jpeg = bytearray(stream.getvalue())
    place = jpeg.index(b"\xff\xc0") + 5
    jpeg[place : place + 4] = b"\xff\xdc\xff\xdc"
    (folder / "c.jpg").write_bytes(jpeg)
    tifffile.imwrite(folder / "d.tif", np.zeros((64, 64), np.uint8), compression="zlib")
    tiff = bytearray((folder / "d.tif").read_bytes())
    for tag in (256, 257, 278):  # width, height, rows of a strip
        place = tiff.find(struct.pack("<H", tag))
        tiff[place : place + 12] = struct.pack("<HHII", tag, 4, 1, 70000)
    (folder / "d.tif").write_bytes(tiff)
    write_dicom(folder / "e.dcm", STORED, Rows=65535, Columns=65535)
    content = write_dicom(folder / "f.dcm", STORED, DeflatedExplicitVRLittleEndian).read_bytes()
    start = 144 + int.from_bytes(content[140:144], "little")
    deflater = zlib.compressobj(wbits=-15)
    body = b"".join(deflater.compress(bytes(10_000_000)) for _ in range(27)) + deflater.flush()
    (folder / "f.dcm").write_bytes(content[:start] + body)
    return sorted(folder.iterdir())


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux' own peak memory")
def test_bombs_are_refused_within_two_gigabytes(tmp_path):
    paths = bombs(tmp_path)
    script = (
        "import pathlib, re, sys\n"
        "import cv2, imagecodecs, pydicom, tifffile, PIL.Image\n"
        "from xnet_tf.files import InputError\n"
        "from xnet_io.radiographs import read\n"
        "for path in sys.argv[1:]:\n"
        "    try:\n"
        "        read(path)\n"
        "        print('read', path)\n"
        "    except InputError as error:\n"
        "        assert 'too large' in str(error), error\n"
        "status = pathlib.Path('/proc/self/status').read_text()\n"
        "print(int(re.search(r'VmHWM:\\s+(\\d+)', status)[1]) // 1024)\n"
    )
    command = [sys.executable, "-c", script, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stderr == ""
    assert int(done.stdout) < 1024  # MB
