"""Radiographs: read them with an open beam that is bright, write them as PNG.

The open beam is where X-rays reach the detector through air alone. Raw detector pictures show it
bright and bone dark, as the paper's do; hospital pictures are presented the other way round.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xnet_io import dicom, exposure, pictures
from xnet_io.exposure import Region
from xnet_io.pictures import fault
from xnet_io.polarity import log_odds
from xnet_tf import classes, preprocessing
from xnet_tf.files import InputError, write_atomically

# What `preprocessing.stretch` takes at most.
_LARGEST = 1e30

# JPEG rounds colours: grey pixels may differ by this much between channels of 255.
_GREY_TOLERANCE = 2


_DOUBT = float(np.log(0.65 / 0.35))
"""Log odds of 65 %: polarity less certain than this is worth a warning (`results/warnings.csv`)."""

_CONTRADICTION = 3.0
"""Log odds, from the picture, at which it contradicts its tags."""

_WRITING = "letters or lines are burnt in and were filled from beside them; look at the mask there"

_LONG = 25
"""From here on `xnet_io.tiles` squeezes, and little is left of the shorter side."""


@dataclass(frozen=True)
class Radiograph:
    """A radiograph that was read.

    Attributes:
        image: float32 ``(H, W, 1)`` in [0, 1], open beam bright.
        exposed: rows and columns of the picture proper, within uniform margins if it has any.
        polarity: how the open beam looks in the file as a viewer shows it: "bright" or "dark".
        certainty: probability that this is so; 1 if it was given.
        warnings: what may be wrong with polarity or form, one line each.
    """

    image: np.ndarray
    exposed: Region
    polarity: str
    certainty: float
    warnings: tuple[str, ...]

    def widen(self, labels: np.ndarray) -> np.ndarray:
        """Make of the exposed part's label map one of the whole: margins are open beam.

        Args:
            labels: ``(h, w)`` of ``image[exposed]``.

        Returns:
            ``(H, W)`` of the same dtype.
        """
        whole = np.full(self.image.shape[:2], classes.OPEN_BEAM, dtype=labels.dtype)
        whole[self.exposed] = labels
        return whole

    def widen_probabilities(self, probabilities: np.ndarray) -> np.ndarray:
        """As `widen`, of probabilities ``(h, w, C)``: margins are open beam, surely."""
        whole = np.zeros((*self.image.shape[:2], probabilities.shape[-1]), probabilities.dtype)
        whole[..., classes.OPEN_BEAM] = 1
        whole[self.exposed] = probabilities
        return whole


def load(path: str | Path, polarity: str = "auto") -> Radiograph:
    """Read a radiograph: PNG, JPEG, BMP, TIFF or DICOM, told apart by content.

    The grey values are stretched so that the picture fills [0, 1], clipping 0.01 % of the pixels at
    either end; a DICOM window is applied before. A constant picture becomes 0.5 everywhere.
    Margins, dead lines, padding and labels burnt in count for neither grey scale nor polarity
    (`xnet_io.exposure`).

    Polarity "auto" is found by `xnet_io.polarity` from the picture, and for DICOM from the tags and
    the picture together (`xnet_io.dicom.read` has the rules). What "bright" and "dark" speak of is
    the picture as a viewer shows it: MINISWHITE and MONOCHROME1 have been heeded.

    Args:
        path: the file. It must hold one grey picture; palettes, RGB and an alpha channel are taken
            if the colours are grey and nothing is transparent.
        polarity: "auto", "bright" or "dark", what the open beam looks like in the file.

    Returns:
        The image, with an open beam that is bright, and how it looked.

    Raises:
        InputError: if the file cannot be read as such a picture; one line with file, fault, remedy.
    """
    if polarity not in classes.POLARITIES:
        raise InputError(
            f"polarity {polarity!r} is unknown; choose from {', '.join(classes.POLARITIES)}"
        )
    shown, prior = shown_by(path)
    try:
        return interpret(shown, prior, polarity)
    except ValueError as error:
        raise fault(path, str(error), "replace them and save it again") from None


def interpret(shown: np.ndarray, prior: float = 0.0, polarity: str = "auto") -> Radiograph:
    """Make a radiograph of a picture: what `load` does once the file is decoded.

    Args:
        shown: any real dtype ``(H, W)``, as a viewer shows it, black low.
        prior: log odds that its open beam is bright, from what is known beside the picture.
        polarity: "auto", "bright" or "dark".

    Returns:
        The image, with an open beam that is bright, and how it looked.

    Raises:
        ValueError: if pixels are no numbers, or too large.
    """
    exposed, image = stretched(shown)
    inner = image[exposed]
    by_picture = log_odds(inner)
    odds = prior if np.isinf(prior) else prior + by_picture
    taken, certainty = polarity, 1.0
    if polarity == "auto":
        taken = "bright" if odds >= 0 else "dark"
        certainty = float(1 / (1 + np.exp(-abs(odds))))
    sign = 1 if taken == "bright" else -1
    warnings = _doubts(taken, certainty, sign * odds, sign * by_picture) + _too_long(inner)
    if taken == "dark":
        image = 1 - image
    inner = image[exposed]
    mended = exposure.without_writing(inner)
    if mended is not inner:
        image[exposed] = preprocessing.stretch(mended)
        warnings += (_WRITING,)
    return Radiograph(image[..., np.newaxis], exposed, taken, certainty, warnings)


def _doubts(taken: str, certainty: float, odds: float, by_picture: float) -> tuple[str, ...]:
    """Say what speaks against a polarity: log odds that it is right, in all and by the picture."""
    start = f"the open beam is taken for {taken}"
    remedy = "if the mask is wrong, give --polarity"
    if certainty == 1 and odds <= -_DOUBT:
        return (f"{start}, as was asked for, but the picture or its tags look otherwise",)
    if by_picture <= -_CONTRADICTION:
        return (f"{start}, as the tags say, but the picture looks otherwise; {remedy}",)
    if certainty < 1 and odds < _DOUBT:
        return (f"{start}, which is only {100 * certainty:.0f} % certain; {remedy}",)
    return ()


def _too_long(image: np.ndarray) -> tuple[str, ...]:
    ratio = max(image.shape) / min(image.shape)
    if ratio < _LONG:
        return ()
    return (f"is {ratio:.0f} times as long as wide, too long for the network; cut it into parts",)


def read(path: str | Path, polarity: str = "auto") -> np.ndarray:
    """Read a radiograph's image alone, as `load` does: float32 ``(H, W, 1)``, open beam bright.

    Example:
        >>> image = read("hand.png")                  # doctest: +SKIP
        >>> image.shape                               # doctest: +SKIP
        (1500, 1200, 1)
    """
    return load(path, polarity).image


def write_grey(path: str | Path, image: np.ndarray, bits: int = 8) -> Path:
    """Write an image as a grey PNG, whole or not at all.

    Args:
        path: destination.
        image: ``(H, W, 1)`` in [0, 1].
        bits: 8, or 16 as data sets have them.

    Returns:
        The destination.
    """
    from PIL import Image

    full = 2**bits - 1
    values = np.round(np.clip(image[..., 0], 0, 1) * np.float64(full))
    grey = Image.fromarray(values.astype(np.uint8 if bits == 8 else np.uint16))
    return write_atomically(path, lambda temporary: grey.save(temporary, format="PNG"))


def shown_by(path: str | Path) -> tuple[np.ndarray, float]:
    """Decode a file: the picture as a viewer shows it, and what tags say of its polarity.

    Returns:
        ``(H, W)`` of any real dtype, black low, and the log odds that its open beam is bright.

    Raises:
        InputError: as `load` does.
    """
    if pictures.identify(path) == "DICOM":
        return dicom.read(path)
    return _grey(path, pictures.decode(path).pixels), 0.0


def _grey(path: str | Path, pixels: np.ndarray) -> np.ndarray:
    channels = pixels.shape[-1]
    full = np.iinfo(pixels.dtype).max if pixels.dtype.kind in "iu" else 1
    if channels in (2, 4) and (pixels[..., -1] != full).any():
        remedy = "flatten it (GIMP: Image > Flatten Image) and export it again"
        raise fault(path, "has transparent pixels", remedy)
    if channels >= 3:
        allowed = _GREY_TOLERANCE * (full / 255)
        for other in (0, 2):
            # The signed difference of unsigned numbers, without a wider copy of the picture.
            first, second = pixels[..., other], pixels[..., 1]
            if (np.maximum(first, second) - np.minimum(first, second) > allowed).any():
                remedy = "convert it (GIMP: Image > Mode > Grayscale) if it is a radiograph"
                raise fault(path, "is a colour picture", remedy)
    return pixels[..., 0] if channels <= 2 else pixels[..., 1]


def stretched(shown: np.ndarray) -> tuple[Region, np.ndarray]:
    """Bring a picture to [0, 1] by the grey values of what is X-ray in it.

    Args:
        shown: any real dtype ``(H, W)``.

    Returns:
        Rows and columns of the exposed region, and float32 ``(H, W)``.

    Raises:
        ValueError: if pixels are no numbers, or too large.
    """
    if shown.dtype.kind == "f" and not float(np.abs(shown).max()) < _LARGEST:
        preprocessing.stretch(shown)  # which says how many pixels are no numbers
    exposed = exposure.find(shown)
    inner = exposure.without_boxes(exposure.without_dead_lines(shown[exposed]))
    image = preprocessing.stretch(inner)
    if image.shape == shown.shape:
        return exposed, image
    low, high = float(inner.min()), float(inner.max())
    whole = ((np.clip(shown, low, high) - low) / (high - low or 1)).astype(np.float32)
    whole[exposed] = image
    return exposed, whole
