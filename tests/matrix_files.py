"""The inputs that readers are tried with: what is written, and what must come of it.

    PYTHONPATH=. python tests/matrix_files.py     writes results/reliability.csv and its page

All show one picture, `LIMB`. What is read must be it, to a tolerance; what is refused must be
refused by one line that says why.
"""

import io
import tempfile
import zlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import imagecodecs
import numpy as np
import pandas as pd
import pydicom
import tifffile
from picture_files import LOSSLESS, limb, write_dicom
from PIL import Image, TiffImagePlugin
from pydicom import uid
from pydicom.encaps import encapsulate

from xnet_io import radiographs
from xnet_tf.files import InputError, save_table

TABLE = Path(__file__).parents[1] / "results" / "reliability.csv"
PAGE = Path(__file__).parents[1] / "docs" / "reliability.md"

LIMB = limb(90, 70)
RIGHT = (LIMB - LIMB.min()) / np.ptp(LIMB)
GREY = np.uint8(255 * LIMB)
DEEP = np.uint16(65535 * LIMB)
TWELVE = np.uint16(4095 * LIMB)

CLIPPED = 0.02
"""What the stretch to [0, 1] may add to an error: it clips the extreme pixels."""


@dataclass(frozen=True)
class Case:
    """One input.

    Attributes:
        kind: group of the table.
        name: says what is special; unique within the group.
        write: writes it to a path.
        expected: how far a grey value may be off, or a part of the message.
        inside: where the picture lies, if something was put around it.
    """

    kind: str
    name: str
    write: object
    expected: float | str
    inside: tuple = (slice(None), slice(None))


def outcome(case: Case, folder: Path) -> tuple[str, bool]:
    """Write a file, read it; return what came of it in words, and whether that is as expected."""
    path = folder / "named.wrongly"
    case.write(path)
    try:
        image = radiographs.read(path, "bright")[..., 0]
    except InputError as error:
        text = str(error).removeprefix(f"{path}: ")
        ours = isinstance(case.expected, str) and case.expected in text and "\n" not in text
        return f"refused: {text}", ours
    inner = image[case.inside]
    if inner.shape != RIGHT.shape or isinstance(case.expected, str):
        return f"read, {image.shape[1]} x {image.shape[0]} pixels", False
    return "read", np.abs(inner - RIGHT).max() <= case.expected + CLIPPED


def written() -> pd.DataFrame:
    """Return a row for each case: ``kind, input, expected, got, as_expected``."""
    rows = []
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            got, right = outcome(case, Path(folder))
        wanted = "read" if isinstance(case.expected, float) else f"refused: {case.expected}"
        wanted = wanted.removesuffix(": ")
        rows.append((case.kind, case.name, wanted, got, right))
    return pd.DataFrame(rows, columns=["kind", "input", "expected", "got", "as_expected"])


def drawn(table: pd.DataFrame) -> str:
    """Return the table as Markdown: for each kind what is read, and what is refused and why."""
    lines = ["| kind | read | refused |", "|---|---|---|"]
    for kind, rows in table.groupby("kind", sort=False):
        read = rows[rows["expected"] == "read"]["input"]
        refused = rows[rows["expected"] != "read"]
        if kind == "damage":
            cut = refused["input"].str.contains("the first")
            forms = "PNG, JPEG, TIFF, BMP and DICOM files cut off"
            said = [f"{forms} at {cut.sum()} places", *refused["input"][~cut]]
        else:
            reasons = refused["expected"].str.removeprefix("refused: ")
            said = [f"{name} ({why})" for name, why in zip(refused["input"], reasons, strict=True)]
        lines.append(f"| {kind} | {'; '.join(read) or '-'} | {'; '.join(said) or '-'} |")
    return "\n".join(lines) + "\n"


def page(table: pd.DataFrame) -> str:
    """Return the page with the table drawn anew."""
    before, rest = PAGE.read_text(encoding="utf-8").split("<!-- table -->\n")[::2]
    return f"{before}<!-- table -->\n{drawn(table)}<!-- table -->\n{rest}"


def tiff(pixels, **options):
    return lambda path: tifffile.imwrite(path, pixels, **options)


def bits(count):
    pixels = (LIMB * (2**count - 1)).astype(np.uint8 if count <= 8 else np.uint16)
    return tiff(pixels, bitspersample=count, photometric="minisblack")


def image(pixels=GREY, mode=None, form="PNG", **options):
    picture = Image.fromarray(pixels)
    picture = picture.convert(mode) if mode else picture
    return lambda path: picture.save(path, format=form, **options)


def levels(count):
    return lambda path: Image.fromarray(GREY).quantize(count).save(path, format="PNG")


def dotted(value):
    pixels = LIMB.astype(np.float32)
    pixels[3, 4] = value
    return tiff(pixels)


def turned(orientation, form):
    """Store the picture on its side, and say so: viewers turn it back."""
    tags = Image.Exif() if form != "TIFF" else TiffImagePlugin.ImageFileDirectory_v2()
    tags[274] = orientation
    options = {"exif": tags} if form != "TIFF" else {"tiffinfo": tags}
    return image(
        np.rot90(GREY), form=form, **options, **({"quality": 95} if form == "JPEG" else {})
    )


def framed(value, width=9):
    return image(np.pad(DEEP, width, constant_values=value))


INNER = (slice(9, -9), slice(9, -9))


def dicom(stored=DEEP, **tags):
    return lambda path: write_dicom(path, stored, **tags)


def compressed(syntax, encode, **tags):
    def write(path):
        data = pydicom.dcmread(write_dicom(path, TWELVE, BitsStored=12, **tags))
        data.PixelData = encapsulate([encode(TWELVE)])
        data["PixelData"].VR = "OB"
        data["PixelData"].is_undefined_length = True
        data.file_meta.TransferSyntaxUID = syntax
        data.save_as(path)

    return write


def edited(stored, change, **tags):
    """Write a DICOM file and change its data set afterwards."""

    def write(path):
        data = pydicom.dcmread(write_dicom(path, stored, **tags))
        change(data)
        data.save_as(path)

    return write


def lookup(name):
    """A table that turns the stored values over, twice in all with the stored picture."""

    def change(data):
        table = pydicom.Dataset()
        table.LUTDescriptor = [256, 0, 16]
        table.add_new("LUTData", "US", np.linspace(65535, 0, 256).astype(np.uint16).tolist())
        setattr(data, name, pydicom.Sequence([table]))

    return edited(255 - GREY, change)


def overlay(data):
    """Say that all pixels are written over, in a plane of one bit."""
    data.add_new(0x60000010, "US", 90)
    data.add_new(0x60000011, "US", 70)
    data.add_new(0x60000040, "CS", "G")
    data.add_new(0x60000050, "SS", [1, 1])
    data.add_new(0x60000100, "US", 1)
    data.add_new(0x60000102, "US", 0)
    data.add_new(0x60003000, "OW", b"\xff" * 788)


def content(data):
    return lambda path: path.write_bytes(data)


def stored(form):
    """The bytes of a plain file."""
    if form == "DICOM":
        with tempfile.TemporaryDirectory() as folder:
            return write_dicom(Path(folder) / "x", DEEP).read_bytes()
    buffer = io.BytesIO()
    Image.fromarray(GREY).save(buffer, format=form)
    return buffer.getvalue()


def bomb(path):
    """Write a PNG that says that it has more than a billion pixels."""

    def chunk(kind, data):
        crc = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + crc

    header = (40_000).to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    pixels = chunk(b"IDAT", zlib.compress(bytes(40_001)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels)


_DEPTHS = [
    *(
        Case("depth", f"TIFF, {n} bits", bits(n), 1.1 / (2**n - 1))
        for n in (2, 4, 8, 10, 12, 14, 16)
    ),
    Case("depth", "TIFF, 1 bit", image(LIMB > 0.5, form="TIFF"), 0.55),
    Case("depth", "PNG, 1 bit", image(LIMB > 0.5), 0.55),
    Case("depth", "PNG, 8 bits", image(), 0.01),
    Case("depth", "PNG, 16 bits", image(DEEP), 1e-4),
    Case("depth", "TIFF, int32", tiff(np.int32(1e6 * LIMB) - 500), 1e-4),
    Case("depth", "TIFF, uint64", tiff(np.uint64(1e6 * LIMB)), 1e-4),
    Case("depth", "TIFF, float32 in Hounsfield units", tiff(np.float32(2000 * LIMB - 1000)), 1e-4),
    Case("depth", "TIFF, float32 of raw counts", tiff(np.float32(1e7 * LIMB)), 1e-4),
    Case("depth", "TIFF, float64", tiff(LIMB), 1e-4),
    Case("depth", "TIFF, a NaN", dotted(np.nan), "1 pixels that are NaN"),
    Case("depth", "TIFF, an infinite pixel", dotted(np.inf), "1 pixels that are NaN"),
    Case("depth", "TIFF, complex", tiff(LIMB.astype(np.complex64)), "of a kind that is not read"),
]

_COLOURS = [
    Case("colours", "PNG, RGB of greys", image(mode="RGB"), 0.01),
    Case("colours", "PNG, RGBA, opaque", image(mode="RGBA"), 0.01),
    Case("colours", "PNG, grey and alpha", image(mode="LA"), 0.01),
    Case("colours", "PNG, palette of greys", image(mode="P"), 0.01),
    Case("colours", "PNG, palette of 16 greys", levels(16), 0.2),
    Case("colours", "TIFF, RGB of greys", tiff(np.dstack([GREY] * 3), photometric="rgb"), 0.01),
    Case("colours", "TIFF, white is zero", tiff(65535 - DEEP, photometric="miniswhite"), 1e-4),
    Case(
        "colours",
        "TIFF, CMYK",
        tiff(np.dstack([GREY] * 4), photometric="separated"),
        "neither greyscale nor",
    ),
    Case("colours", "JPEG, CMYK", image(mode="CMYK", form="JPEG"), "has the colour mode CMYK"),
    Case("colours", "PNG, coloured", image(np.dstack([GREY, GREY // 2, GREY])), "colour"),
]

_FORMS = [
    Case("format", "JPEG", image(form="JPEG", quality=95), 0.05),
    Case("format", "JPEG, progressive", image(form="JPEG", quality=95, progressive=True), 0.05),
    Case("format", "BMP", image(form="BMP"), 0.01),
    Case("format", "TIFF, BigTIFF", tiff(DEEP, bigtiff=True), 1e-4),
    Case("format", "TIFF, big-endian", tiff(DEEP, byteorder=">"), 1e-4),
    Case("format", "TIFF, tiled", tiff(DEEP, tile=(16, 16)), 1e-4),
    *(
        Case("format", f"TIFF, {name}", tiff(DEEP, compression=name), 1e-4)
        for name in ("lzw", "deflate", "packbits", "zstd")
    ),
    *(
        Case(
            "format",
            f"TIFF, {name}",
            tiff(GREY, compression=name),
            f"has the compression {name.upper()}",
        )
        for name in ("jpeg", "lzma", "jpeg2000")
    ),
    Case(
        "format",
        "TIFF, three pages",
        tiff(np.stack([GREY] * 3), photometric="minisblack"),
        "holds 3 pictures",
    ),
    *(
        Case("format", f"{form}", image(form=form.replace(" ", "")), "is not PNG")
        for form in ("GIF", "WEBP", "JPEG 2000")
    ),
]

_SHOWN = [
    *(
        Case("orientation", f"{form}, on its side", turned(6, form), 0.05)
        for form in ("JPEG", "PNG", "TIFF")
    ),
]

_MARGINS = [
    Case("margins", "black margin", framed(0), 1e-3, INNER),
    Case("margins", "white margin", framed(65535), 1e-3, INNER),
    Case("margins", "grey margin", framed(30000), 1e-3, INNER),
]

_DICOM = [
    *(
        Case("DICOM", f"{syntax.name}", dicom(syntax=syntax), 1e-4)
        for syntax in (
            uid.ImplicitVRLittleEndian,
            uid.ExplicitVRLittleEndian,
            uid.ExplicitVRBigEndian,
            uid.RLELossless,
        )
    ),
    *(
        Case("DICOM", f"{syntax.name}", compressed(syntax, encode), 1e-3)
        for syntax, encode in LOSSLESS.items()
    ),
    Case(
        "DICOM",
        uid.JPEGLSNearLossless.name,
        compressed(uid.JPEGLSNearLossless, partial(imagecodecs.jpegls_encode, level=3)),
        0.01,
    ),
    Case(
        "DICOM",
        uid.JPEGExtended12Bit.name,
        compressed(
            uid.JPEGExtended12Bit, partial(imagecodecs.jpeg8_encode, level=95, bitspersample=12)
        ),
        0.05,
    ),
    Case(
        "DICOM",
        uid.HTJ2K.name,
        compressed(uid.HTJ2K, partial(imagecodecs.htj2k_encode, level=0.002)),
        0.1,
    ),
    Case(
        "DICOM", "MPEG2 video", compressed(uid.MPEG2MPML, lambda pixels: b"\0\0\1\xb3" * 9), "MPEG2"
    ),
    Case("DICOM", "without preamble", dicom(preamble=False), 1e-4),
    Case("DICOM", "8 bits", dicom(GREY), 0.01),
    Case("DICOM", "signed", dicom(np.int16(DEEP.astype(int) - 32768)), 1e-4),
    Case("DICOM", "unused bits set", dicom(TWELVE | np.uint16(0xF000), BitsStored=12), 1e-3),
    Case(
        "DICOM", "MONOCHROME1", dicom(65535 - DEEP, PhotometricInterpretation="MONOCHROME1"), 1e-4
    ),
    Case(
        "DICOM",
        "negative slope",
        dicom(65535 - DEEP, RescaleSlope="-1", RescaleIntercept="0"),
        1e-4,
    ),
    Case(
        "DICOM", "window of the whole range", dicom(WindowCenter="32768", WindowWidth="65536"), 1e-3
    ),
    Case("DICOM", "window of no width", dicom(WindowCenter="5", WindowWidth="0"), 1e-4),
    Case("DICOM", "modality LUT", lookup("ModalityLUTSequence"), 0.01),
    Case("DICOM", "VOI LUT", lookup("VOILUTSequence"), 0.01),
    Case(
        "DICOM",
        "padding value around",
        dicom(np.pad(TWELVE + np.uint16(9), 9), PixelPaddingValue=0),
        1e-3,
        INNER,
    ),
    Case("DICOM", "overlay plane", edited(DEEP, overlay), 1e-4),
    Case("DICOM", "three frames", dicom(np.stack([DEEP] * 3), NumberOfFrames=3), "3 frames"),
    Case(
        "DICOM",
        "no pixels",
        edited(DEEP, lambda data: data.__delattr__("PixelData")),
        "without a picture",
    ),
    Case("DICOM", "60,000 x 60,000 pixels declared", dicom(Rows=60000, Columns=60000), "too large"),
    Case("DICOM", "slope that is no number", dicom(RescaleSlope="nan"), "not finite"),
]

_DAMAGE = [
    Case("damage", "no bytes", content(b""), "0 bytes"),
    Case("damage", "text", content(b"no picture at all"), "is not PNG"),
    Case("damage", "a folder", lambda path: path.mkdir(), "is a folder"),
    Case("damage", "not there", lambda path: None, "no such file"),
    Case(
        "damage",
        "a dead link",
        lambda path: path.symlink_to("nowhere"),
        "is a link to a file that is not there",
    ),
    Case("damage", "PNG of a billion pixels, declared", bomb, "large"),
    *(
        Case(
            "damage",
            f"{form}, the first {share} %",
            content(stored(form)[: len(stored(form)) * share // 100]),
            "",
        )
        for form in ("PNG", "JPEG", "TIFF", "BMP", "DICOM")
        for share in range(5, 100, 10)
    ),
]

CASES = [*_DEPTHS, *_COLOURS, *_FORMS, *_SHOWN, *_MARGINS, *_DICOM, *_DAMAGE]

if __name__ == "__main__":
    table = written()
    save_table(table, TABLE)
    PAGE.write_text(page(table), encoding="utf-8")
    print(table[~table["as_expected"]].to_string())
    print(f"{len(table)} inputs, {table['as_expected'].sum()} as expected")
