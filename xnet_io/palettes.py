"""Palettes: which colour of a painted mask is which class.

Three are known by name: `paper` (the display colours of the paper), `authors` (the list in the
authors' code, read as RGB) and `authors-bgr` (the same list as their code applied it). Any other is
a file: a small TOML table, a GIMP palette, CVAT's label map, or a data set's ``classes.csv``.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xnet_tf import classes
from xnet_tf.classes import IGNORE, IGNORED, Classes, normal_name, rgb
from xnet_tf.dataset import read_classes
from xnet_tf.files import InputError, write_atomically

MAX_COLOURS = 64
"""Palettes of more colours are refused: nobody paints so many by hand."""

AUTHORS_COLOURS = np.array([[255, 255, 255], [255, 255, 0], [0, 0, 255]], dtype=np.uint8)
"""uint8 ``(3, 3)``: the colour of each of the paper's classes as the authors' code lists it.

Read as RGB that is white, yellow, blue. Their code reads label files with OpenCV, whose channels
come as blue, green, red: a file must hold these rows reversed, white, cyan, red, to be understood.
"""

_TOML_HELP = 'write [[class]] tables with name = "bone" and colour = [253, 231, 36]'


@dataclass(frozen=True)
class Palette:
    """Colours and the classes they stand for.

    Several colours may stand for one class, for instance bone and metal.

    Attributes:
        name: how messages call it.
        classes: that it tells apart.
        colours: uint8 ``(K, 3)``, RGB, all different.
        ids: uint8 ``(K,)``, the class id of each colour; the number of classes is that of pixels
            without label, until `settled`.
    """

    name: str
    classes: Classes
    colours: np.ndarray
    ids: np.ndarray

    @property
    def names(self) -> tuple[str, ...]:
        """What the ids are called: the classes, and last pixels without label."""
        return (*self.classes.names, IGNORED)

    @property
    def count(self) -> int:
        """Number of classes."""
        return self.classes.count

    @property
    def widest_snap(self) -> int:
        """The largest N for which no colour lies within N, in every channel, of two of these."""
        colours = self.colours.astype(int)
        apart = np.abs(colours[:, None] - colours[None]).max(axis=-1)
        apart[np.arange(len(colours)), np.arange(len(colours))] = 511
        return int(apart.min() - 1) // 2

    def find(self, name: str) -> int:
        """Return the id that a name stands for.

        Raises:
            InputError: if it stands for none.
        """
        names = [normal_name(each) for each in self.names]
        if normal_name(name) not in names:
            known = ", ".join(self.names)
            raise InputError(f"{name}: no class of the palette {self.name}; choose of {known}")
        return names.index(normal_name(name))

    def settled(self, labels: np.ndarray) -> np.ndarray:
        """Return a label map of this palette's ids as data sets have it."""
        return np.where(labels == self.count, np.uint8(IGNORE), labels)


def of_classes(name: str, classes: Classes) -> Palette:
    """Return the palette of classes in their own colours."""
    ids, colours = zip(*classes.entries, strict=True)
    ids = np.minimum(ids, classes.count).astype(np.uint8)
    return Palette(name, classes, np.array([rgb(c) for c in colours], np.uint8), ids)


def _of_the_paper(name: str, colours: np.ndarray) -> Palette:
    return Palette(name, classes.PAPER, colours, np.arange(len(colours), dtype=np.uint8))


PAPER = of_classes("paper", classes.PAPER)
KNOWN = {
    palette.name: palette
    for palette in (
        PAPER,
        _of_the_paper("authors", AUTHORS_COLOURS),
        _of_the_paper("authors-bgr", AUTHORS_COLOURS[:, ::-1]),
    )
}
"""The palettes that have a name; all tell the paper's classes apart."""


def load(name: str | Path) -> Palette:
    """Return a palette by name or from a file.

    A TOML file has one table a class, in the order of the class ids, or with an ``id``::

        [[class]]
        name = "bone"
        colour = [253, 231, 36]        # or several: colours = [[253, 231, 36], [255, 0, 0]]

    A GIMP palette (``.gpl``) and CVAT's ``labelmap.txt`` have one colour a line; the first line of
    a name gives the class its place. But open beam comes first, and where the paper's three are
    all there, they do. Entries of equal name are one class. What is called ``ignore`` is no class
    but the colours of pixels without label.

    Args:
        name: a key of `KNOWN`, or the path of a ``.toml``, ``.gpl``, ``.txt`` or ``.csv`` file.

    Raises:
        InputError: if there is no such palette, or the file does not define one.
    """
    if str(name) in KNOWN:
        return KNOWN[str(name)]
    path = Path(name)
    readers = {".toml": _toml_rows, ".gpl": _gpl_rows, ".txt": _labelmap_rows}
    suffix = path.suffix.lower()
    if suffix not in (*readers, ".csv"):
        known = f"{', '.join(KNOWN)}, nor a .toml, .gpl, .txt or .csv file"
        raise InputError(f"palette {name}: is none of {known}")
    text = _read(path)
    if suffix == ".csv":
        return of_classes(path.name, read_classes(path))
    rows = readers[suffix](path, text)
    for row in rows:
        row["colours"] = " ".join(_hex(path, row["name"], colour) for colour in row["colours"])
    try:
        palette = of_classes(path.name, Classes.of_rows(rows))
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
    if len(palette.colours) > MAX_COLOURS:
        raise InputError(f"{path}: {len(palette.colours)} colours; {MAX_COLOURS} at most")
    return palette


def write_gpl(path: str | Path, palette: Palette = PAPER, title: str = "XNet") -> Path:
    """Write a palette as a GIMP palette file. Returns the path."""
    lines = ["GIMP Palette", f"Name: {title}", "Columns: 1", "#"]
    for colour, class_id in zip(palette.colours.tolist(), palette.ids, strict=True):
        lines.append("{:3d} {:3d} {:3d}\t{}".format(*colour, palette.names[class_id]))
    text = "\n".join(lines) + "\n"
    return write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror}); check the path") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is no UTF-8 text; save it as UTF-8") from None


def _toml_rows(path: Path, text: str) -> list[dict]:
    try:
        tables = tomllib.loads(text).get("class")
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{path}: not TOML ({error}); {_TOML_HELP}") from None
    if not isinstance(tables, list) or not tables:
        raise InputError(f"{path}: defines no class; {_TOML_HELP}")
    rows, classes_before = [], 0
    for place, table in enumerate(tables):
        table = table if isinstance(table, dict) else {}
        name, class_id = table.get("name"), table.get("id", classes_before)
        colours = table.get("colours", [table.get("colour")])
        if not isinstance(name, str) or type(class_id) is not int or not isinstance(colours, list):
            raise InputError(f"{path}: class {place} is not understood; {_TOML_HELP}")
        classes_before += normal_name(name) != IGNORED
        rows.append({"id": class_id, "name": " ".join(name.split()), "colours": colours})
    return rows


def _gpl_rows(path: Path, text: str) -> list[dict]:
    lines = text.splitlines()
    if not lines or lines[0].strip() != "GIMP Palette":
        raise InputError(f"{path}: not a GIMP palette; its first line should be 'GIMP Palette'")
    named_colours = []
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip() or line.startswith(("#", "Name:", "Columns:")):
            continue
        words = line.split(maxsplit=3)
        if len(words) < 3 or not all(word.isascii() and word.isdigit() for word in words[:3]):
            raise InputError(f"{path}, line {number}: no colour; write red, green, blue and a name")
        named_colours.append(("".join(words[3:]), [int(word) for word in words[:3]]))
    return _numbered(named_colours)


def _labelmap_rows(path: Path, text: str) -> list[dict]:
    named_colours = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, rest = line.partition(":")
        channels = rest.partition(":")[0].split(",")
        if len(channels) != 3 or not all(c.strip().isdecimal() for c in channels):
            raise InputError(f"{path}, line {number}: no label; CVAT writes name:red,green,blue::")
        named_colours.append((name, [int(channel) for channel in channels]))
    return _numbered(named_colours)


def _numbered(named_colours: list[tuple[str, list]]) -> list[dict]:
    names: dict[str, str] = {}
    colours: dict[str, list] = {}
    for place, (name, colour) in enumerate(named_colours):
        plain = normal_name(name)
        if plain in ("", "untitled"):
            name = plain = f"class {place}"
        names.setdefault(plain, name)
        colours.setdefault(plain, []).append(colour)
    # GIMP sorts palettes as it likes, so names that are known decide before places do.
    known = classes.NAMES if {*classes.NAMES} <= {*names} else classes.NAMES[:1]
    order = [name for name in known if name in names]
    order += [name for name in names if name not in (*known, IGNORED)]
    places = {name: place for place, name in enumerate(order)}
    return [{"id": places.get(n, ""), "name": names[n], "colours": colours[n]} for n in names]


def _hex(path: Path, name: str, colour) -> str:
    good = isinstance(colour, list) and len(colour) == 3
    if not good or not all(type(value) is int and 0 <= value <= 255 for value in colour):
        raise InputError(f"{path}: {name!r}: {colour} is no colour; write [red, green, blue]")
    return "#" + bytes(colour).hex()
