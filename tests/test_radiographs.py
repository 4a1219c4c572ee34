"""Reading real files of every format, and refusing everything else in one line."""

import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pydicom
import pytest
import tifffile
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from xnet_tf import dicom, polarity
from xnet_tf.files import InputError
from xnet_tf.radiographs import normalise, read, resize_area

# As shown, black to white: 0, 1/3, 2/3, 1.
GREY8 = np.array([[0, 60, 120], [180, 120, 60]], dtype=np.uint8)
FRACTIONS = GREY8 / 180


def message(path, **options) -> str:
    with pytest.raises(InputError) as caught:
        read(path, **options)
    text = str(caught.value)
    assert "\n" not in text and str(path) in text and ";" in text
    return text


def bright(path) -> np.ndarray:
    image = read(path, polarity="bright")
    assert image.dtype == np.float32 and image.ndim == 3 and image.shape[-1] == 1
    return image[..., 0]


def limb(height=160, width=128, bone=True) -> np.ndarray:
    """A cylinder of soft tissue around one of bone in an open beam: float ``(H, W)``, raw."""
    x = np.abs(np.arange(width) - width / 2 + np.linspace(-8, 8, height)[:, None]) / (width / 4)
    thickness = np.sqrt(np.clip(1 - x**2, 0, None))
    core = np.sqrt(np.clip(0.15 - x**2, 0, None)) if bone else 0
    return np.exp(-2 * thickness - 3 * core)


# Raster files


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


# DICOM


def write_dicom(path, stored, syntax=ExplicitVRLittleEndian, preamble=True, **tags):
    meta = FileMetaDataset()
    # pydicom compresses what was declared uncompressed.
    meta.TransferSyntaxUID = ExplicitVRLittleEndian if syntax == RLELossless else syntax
    meta.MediaStorageSOPClassUID = pydicom.uid.ComputedRadiographyImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    little = syntax != ExplicitVRBigEndian
    dataset = FileDataset(
        str(path), {}, file_meta=meta, preamble=b"\0" * 128, is_little_endian=little
    )
    dataset.SOPClassUID = meta.MediaStorageSOPClassUID
    dataset.SOPInstanceUID = "1.2.3"
    dataset.Modality = "CR"
    dataset.Rows, dataset.Columns = stored.shape[-2:]
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = 8 * stored.itemsize
    dataset.BitsStored = tags.pop("BitsStored", dataset.BitsAllocated)
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(stored.dtype.kind == "i")
    if syntax == ExplicitVRBigEndian:
        stored = stored.astype(stored.dtype.newbyteorder(">"))
    dataset.PixelData = stored.tobytes()
    dataset["PixelData"].VR = "OW"
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    if syntax == RLELossless:
        dataset.compress(RLELossless)
    if preamble:
        dataset.save_as(path, enforce_file_format=True)
    else:
        del dataset.file_meta
        dataset.preamble = None
        dataset.save_as(path, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=True)
    return path


STORED = np.array([[0, 1000, 2000], [3000, 2000, 1000]], dtype=np.uint16)
THIRDS = STORED / 3000


@pytest.mark.parametrize(
    "syntax",
    [
        ExplicitVRLittleEndian,
        ImplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
        RLELossless,
    ],
)
def test_dicom_transfer_syntaxes(tmp_path, syntax):
    path = write_dicom(tmp_path / "x", STORED, syntax, BitsStored=12)
    np.testing.assert_allclose(bright(path), THIRDS, atol=1e-6)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_dicom_without_preamble(tmp_path, syntax):
    path = write_dicom(tmp_path / "x", STORED, syntax, preamble=False, BitsStored=12)
    np.testing.assert_allclose(bright(path), THIRDS, atol=1e-6)


@pytest.mark.parametrize(("dtype", "bits"), [("uint8", 8), ("uint16", 10), ("int16", 12)])
def test_dicom_depths(tmp_path, dtype, bits):
    pixels = GREY8.astype(dtype) - np.array(60 if dtype == "int16" else 0, dtype)
    path = write_dicom(tmp_path / "x", pixels, BitsStored=bits)
    np.testing.assert_allclose(bright(path), FRACTIONS, atol=1e-6)


def test_dicom_monochrome1_is_shown_inverted(tmp_path):
    path = write_dicom(tmp_path / "x", STORED, PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_allclose(bright(path), 1 - THIRDS, atol=1e-6)
    image = read(path, polarity="dark")
    np.testing.assert_allclose(image[..., 0], THIRDS, atol=1e-6)


def test_dicom_negative_slope_turns_the_scale_over(tmp_path):
    path = write_dicom(tmp_path / "x", STORED, RescaleSlope="-2", RescaleIntercept="5")
    np.testing.assert_allclose(bright(path), 1 - THIRDS, atol=1e-6)


def test_dicom_window_clips(tmp_path):
    # LINEAR: from 1500 - 0.5 - 1000 to 1500 - 0.5 + 1000, so 499.5 is black and 2499.5 white.
    tags = {"WindowCenter": ["1500", "1"], "WindowWidth": ["2001", "2"]}
    path = write_dicom(tmp_path / "x", STORED, **tags)
    shown, _ = dicom.read(path)
    expected = np.array([[0, 500.5, 1500.5], [2000, 1500.5, 500.5]]) / 2000
    np.testing.assert_allclose(shown, expected, atol=1e-6)
    path = write_dicom(tmp_path / "x", STORED, VOILUTFunction="LINEAR_EXACT", **tags)
    shown, _ = dicom.read(path)
    # From 499.5 to 2500.5 by the other formula.
    np.testing.assert_allclose(shown[0], [0, 500.5 / 2001, 1500.5 / 2001], atol=1e-6)
    path = write_dicom(tmp_path / "x", STORED, VOILUTFunction="SIGMOID", **tags)
    shown, _ = dicom.read(path)
    np.testing.assert_allclose(shown[0, 1], 1 / (1 + np.exp(4 * 500 / 2001)), atol=1e-6)


@pytest.mark.parametrize(
    ("centre", "width"), [("60000", "10"), ("1500", "0"), ("1500", "-5"), ("", "")]
)
def test_dicom_useless_windows_are_ignored(tmp_path, centre, width):
    path = write_dicom(tmp_path / "x", STORED, WindowCenter=centre, WindowWidth=width)
    np.testing.assert_allclose(bright(path), THIRDS, atol=1e-6)


def lut(first, entries):
    item = pydicom.Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries), first, 16])
    item.add_new("LUTData", "US", entries)
    return [item]


def test_dicom_lookup_tables(tmp_path):
    small = np.array([[0, 1], [2, 3]], dtype=np.uint16)
    path = write_dicom(tmp_path / "x", small, ModalityLUTSequence=lut(0, [0, 10, 30, 40]))
    np.testing.assert_allclose(bright(path), [[0, 0.25], [0.75, 1]], atol=1e-6)
    path = write_dicom(tmp_path / "x", small, VOILUTSequence=lut(1, [40, 30, 0]))
    np.testing.assert_allclose(bright(path), [[1, 1], [0.75, 0]], atol=1e-6)


def test_dicom_intensity_sign_is_decisive(tmp_path):
    dark = (1000 * (1 - limb())).astype(np.uint16)
    for photometric in ("MONOCHROME1", "MONOCHROME2"):
        for sign, expected in ((1, dark), (-1, 1000 - dark.astype(float))):
            path = write_dicom(
                tmp_path / "x",
                dark,
                PhotometricInterpretation=photometric,
                PixelIntensityRelationshipSign=sign,
            )
            image = read(path)[..., 0]
            assert np.corrcoef(image.ravel(), expected.ravel())[0, 1] > 0.99
            assert not np.isfinite(dicom.read(path)[1])


@pytest.mark.parametrize(
    ("tags", "prior"),
    [
        ({}, dicom.PRESENTED),
        ({"PresentationIntentType": "FOR PRESENTATION"}, dicom.PRESENTED),
        ({"PresentationIntentType": "FOR PROCESSING"}, 0),
        ({"Modality": "OT"}, dicom.UNDECLARED),
        ({"PixelIntensityRelationshipSign": 0}, dicom.PRESENTED),
    ],
)
def test_dicom_priors(tmp_path, tags, prior):
    assert dicom.read(write_dicom(tmp_path / "x", STORED, **tags))[1] == prior


@pytest.mark.filterwarnings("ignore:Invalid value for VR DS")
def test_dicom_that_is_no_single_grey_picture(tmp_path):
    path = tmp_path / "x"
    assert "3 frames" in message(write_dicom(path, np.stack([STORED] * 3), NumberOfFrames=3))
    tags = {"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3, "PlanarConfiguration": 0}
    assert "not greyscale (RGB)" in message(write_dicom(path, np.stack([STORED] * 3), **tags))
    write_dicom(path, STORED)
    dataset = pydicom.dcmread(path)
    del dataset.PixelData
    dataset.save_as(path)
    assert "without a picture" in message(path)
    write_dicom(path, STORED)
    path.write_bytes(path.read_bytes()[:-5])
    assert "truncated" in message(path)
    assert "too large" in message(write_dicom(path, STORED, Rows=60000, Columns=60000))
    message(write_dicom(path, STORED, Rows=0))
    assert "not finite" in message(write_dicom(path, STORED, RescaleIntercept="nan"))


def test_dicom_without_a_decoder_names_the_compression(tmp_path):
    path = write_dicom(tmp_path / "x", STORED)
    dataset = pydicom.dcmread(path)
    dataset.PixelData = pydicom.encaps.encapsulate([b"\xff\xd8\xff\xd9"])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.HTJ2K
    dataset.save_as(path)
    assert "High-Throughput JPEG 2000" in message(path)


# The two real radiographs of pydicom-data


@pytest.mark.parametrize("name", ["RG1", "RG3"])
def test_real_radiographs(name):
    pytest.importorskip("data_store")
    path = pydicom.data.get_testdata_file(f"{name}_UNCR.dcm", download=False)
    stored = pydicom.dcmread(path).pixel_array
    image = read(path)
    assert image.shape == (*stored.shape, 1)
    assert 0 <= image.min() < image.max() <= 1
    # Both store the beam's intensity under MONOCHROME1, so that a viewer shows bone white.
    assert np.corrcoef(image[::9, ::9, 0].ravel(), stored[::9, ::9].ravel())[0, 1] > 0.9
    twin = pydicom.data.get_testdata_file(f"{name}_J2KR.dcm", download=False)  # lossless
    np.testing.assert_array_equal(read(twin), image)


# Everything else


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
        for _ in range(30):
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
    body = b"".join(deflater.compress(bytes(10_000_000)) for _ in range(60)) + deflater.flush()
    (folder / "f.dcm").write_bytes(content[:start] + body)
    return sorted(folder.iterdir())


def test_bombs_are_refused_within_two_gigabytes(tmp_path):
    paths = bombs(tmp_path)
    script = (
        "import resource, sys\n"
        "import cv2, imagecodecs, pydicom, tifffile, PIL.Image\n"
        "from xnet_tf.files import InputError\n"
        "from xnet_tf.radiographs import read\n"
        "for path in sys.argv[1:]:\n"
        "    try:\n"
        "        read(path)\n"
        "        print('read', path)\n"
        "    except InputError as error:\n"
        "        assert 'too large' in str(error), error\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)\n"
    )
    command = [sys.executable, "-c", script, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stderr == ""
    assert int(done.stdout) < 1024  # MB


# Resizing and normalisation


def test_resize_area_by_hand():
    image = np.array([[0, 2, 4, 6], [2, 4, 6, 8]], dtype=np.float32)[..., None]
    assert resize_area(image, 1, 2)[..., 0].tolist() == [[2, 6]]
    assert resize_area(image, 2, 4).tolist() == image.tolist()
    # Rows shrink to their mean, columns grow linearly: pixel centres at 1/4, 3/4, 5/4, ...
    wide = resize_area(image, 1, 8)[0, :, 0]
    np.testing.assert_allclose(wide, [1, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7], atol=1e-6)
    assert resize_area(image, 5, 3).shape == (5, 3, 1)


def test_resize_area_keeps_the_mean():
    image = np.random.default_rng(0).random((150, 120, 1), dtype=np.float32)
    small = resize_area(image, 50, 40)
    assert small.dtype == np.float32
    np.testing.assert_allclose(small.mean(), image.mean(), atol=1e-6)


def test_normalise_by_hand():
    image = np.array([[0, 1], [2, 5]], dtype=np.float32)[..., None]  # mean 2, largest magnitude 3
    expected = np.array([[-2 / 3, -1 / 3], [0, 1]])
    np.testing.assert_allclose(normalise(image)[..., 0], expected, atol=1e-6)
    batch = np.stack([image, 10 * image + 7, np.full_like(image, 0.1)])
    result = normalise(batch).numpy()
    np.testing.assert_allclose(result[0, ..., 0], expected, atol=1e-6)
    np.testing.assert_allclose(result[1], result[0], atol=1e-6)
    assert (result[2] == 0).all()


def test_normalise_in_graphs():
    import tensorflow as tf

    images = np.random.default_rng(0).random((3, 40, 24, 1), dtype=np.float32)
    images[1] = 0.1
    expected = normalise(images).numpy()
    assert expected.min() >= -1 and expected.max() <= 1 and (expected[1] == 0).all()
    mapped = np.stack(list(tf.data.Dataset.from_tensor_slices(images).map(normalise)))
    compiled = tf.function(normalise, jit_compile=True)(images).numpy()
    np.testing.assert_allclose(mapped, expected, atol=1e-6)
    np.testing.assert_allclose(compiled, expected, atol=1e-6)
    assert (compiled[1] == 0).all()
    assert normalise((images * 255).astype(np.uint8)).dtype == tf.float32


# Polarity from the picture


def test_features_change_sign_when_the_picture_is_inverted():
    picture = limb().astype(np.float32)
    upright, inverted = polarity.features(picture), polarity.features(1 - picture)
    for name, value in upright.items():
        assert inverted[name] == pytest.approx(-value, abs=0.02), name
    assert polarity.log_odds(1 - picture) == pytest.approx(-polarity.log_odds(picture), abs=0.3)


@pytest.mark.parametrize("gamma", [0.4, 1.0, 2.5])
@pytest.mark.parametrize("turn", [0, 1])
@pytest.mark.parametrize("size", [(64, 50), (160, 128), (800, 640)])
def test_a_limb_in_an_open_beam(gamma, turn, size):
    picture = np.rot90(limb(*size) ** gamma, turn)
    assert polarity.log_odds(picture) > 0
    assert polarity.log_odds(1 - picture) < 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (3, 2), (2, 900)])
def test_odd_shapes_and_constant_pictures(shape):
    random = np.random.default_rng(0)
    assert np.isfinite(polarity.log_odds(random.random(shape)))
    assert polarity.log_odds(np.full(shape, 0.5)) == 0
    assert polarity.log_odds(np.zeros((*shape, 1))) == 0


def test_auto_turns_presented_pictures_over(tmp_path):
    raw = limb().astype(np.float32)
    tifffile.imwrite(tmp_path / "raw.tif", raw)
    tifffile.imwrite(tmp_path / "presented.tif", 1 - raw)
    np.testing.assert_allclose(
        read(tmp_path / "raw.tif"), read(tmp_path / "presented.tif"), atol=1e-6
    )
    assert read(tmp_path / "raw.tif")[0, 0, 0] > 0.9


def test_importing_needs_no_tensorflow():
    script = (
        "import sys, xnet_tf.radiographs, xnet_tf.labels; sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
