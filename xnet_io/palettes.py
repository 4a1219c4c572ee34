"""Palettes: which colour of a painted mask is which class.

Three are known by name: `paper` (the display colours of the paper), `authors` (the list in the
authors' code, read as RGB) and `authors-bgr` (the same list as their code applied it). Any other is
a file: a small TOML table or a GIMP palette.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xnet_tf import classes
from xnet_tf.files import InputError, write_atomically

MAX_COLOURS = 64
"""Palettes of more colours are refused: nobody paints so many by hand."""

_TOML_HELP = 'write [[class]] tables with name = "bone" and colour = [253, 231, 36]'


@dataclass(frozen=True)
class Palette:
    """Colours and the classes they stand for.

    Several colours may stand for one class, for instance bone and metal.

    Attributes:
        name: how messages call it.
        classes: the name of each class; the position is the class id.
        colours: uint8 ``(K, 3)``, RGB, all different.
        ids: uint8 ``(K,)``, the class id of each colour; every class has at least one.
    """

    name: str
    classes: tuple[str, ...]
    colours: np.ndarray
    ids: np.ndarray

    @property
    def count(self) -> int:
        """Number of classes."""
        return len(self.classes)

    @property
    def widest_snap(self) -> int:
        """The largest N for which no colour lies within N, in every channel, of two of these."""
        colours = self.colours.astype(int)
        apart = np.abs(colours[:, None] - colours[None]).max(axis=-1)
        apart[np.arange(len(colours)), np.arange(len(colours))] = 511
        return int(apart.min() - 1) // 2

    def colour_of(self, class_id: int) -> tuple[int, int, int]:
        """Return the first colour of a class."""
        return tuple(self.colours[np.argmax(self.ids == class_id)].tolist())


def _simple(name: str, colours: np.ndarray) -> Palette:
    return Palette(name, classes.NAMES, colours, np.arange(len(colours), dtype=np.uint8))


PAPER = _simple("paper", classes.COLOURS)
KNOWN = {
    palette.name: palette
    for palette in (
        PAPER,
        _simple("authors", classes.AUTHORS_COLOURS),
        _simple("authors-bgr", classes.AUTHORS_COLOURS[:, ::-1]),
    )
}
"""The palettes that have a name."""


def load(name: str | Path) -> Palette:
    """Return a palette by name or from a file.

    A TOML file has one table a class, in the order of the class ids, or with an ``id``::

        [[class]]
        name = "bone"
        colour = [253, 231, 36]        # or several: colours = [[253, 231, 36], [255, 0, 0]]

    A GIMP palette (``.gpl``) has one colour a line. If its entries bear the names of the three
    classes, those have their usual ids and further colours follow; otherwise a colour's place is
    its class id. Entries of equal name are one class.

    Args:
        name: a key of `KNOWN`, or the path of a ``.toml`` or ``.gpl`` file.

    Raises:
        InputError: if there is no such palette, or the file does not define one.
    """
    if str(name) in KNOWN:
        return KNOWN[str(name)]
    path = Path(name)
    if path.suffix.lower() not in (".toml", ".gpl"):
        known = ", ".join(KNOWN)
        raise InputError(f"palette {name}: is none of {known}, nor a .toml or .gpl file")
    text = _read(path)
    entries = _toml_entries(path, text) if path.suffix.lower() == ".toml" else _gpl(path, text)
    return _build(path, entries)


def write_gpl(path: str | Path, palette: Palette = PAPER, title: str = "XNet") -> Path:
    """Write a palette as a GIMP palette file. Returns the path."""
    lines = ["GIMP Palette", f"Name: {title}", "Columns: 1", "#"]
    for colour, class_id in zip(palette.colours.tolist(), palette.ids, strict=True):
        lines.append("{:3d} {:3d} {:3d}\t{}".format(*colour, palette.classes[class_id]))
    text = "\n".join(lines) + "\n"
    return write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def normal_name(name: str) -> str:
    """Bring a class or layer name to the form in which names are compared."""
    return " ".join(name.lower().replace("_", " ").replace("-", " ").split())


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror}); check the path") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is no UTF-8 text; save it as UTF-8") from None


def _toml_entries(path: Path, text: str) -> list[tuple[int, str, list]]:
    try:
        tables = tomllib.loads(text).get("class")
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{path}: not TOML ({error}); {_TOML_HELP}") from None
    if not isinstance(tables, list) or not tables:
        raise InputError(f"{path}: defines no class; {_TOML_HELP}")
    entries = []
    for place, table in enumerate(tables):
        table = table if isinstance(table, dict) else {}
        name, class_id = table.get("name"), table.get("id", place)
        colours = table.get("colours", [table.get("colour")])
        if not isinstance(name, str) or type(class_id) is not int or not isinstance(colours, list):
            raise InputError(f"{path}: class {place} is not understood; {_TOML_HELP}")
        entries += [(class_id, name, colour) for colour in colours]
    return entries


def _gpl(path: Path, text: str) -> list[tuple[int, str, list]]:
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
    return _number(path, named_colours)


def _number(path: Path, named_colours: list[tuple[str, list]]) -> list[tuple[int, str, list]]:
    # GIMP sorts palettes as it likes, so names that are known decide before places do.
    names = [normal_name(name) for name, _ in named_colours]
    known = [name for name in classes.NAMES if name in names]
    if known and len(known) < classes.COUNT:
        missing = ", ".join(set(classes.NAMES) - set(known))
        raise InputError(f"{path}: names {', '.join(known)} but not {missing}; name all or none")
    order = list(known)
    entries = []
    for place, (name, (_, colour)) in enumerate(zip(names, named_colours, strict=True)):
        key = name if name and name != "untitled" else f"class {place}"
        if key not in order:
            order.append(key)
        entries.append((order.index(key), key, colour))
    return entries


def _build(path: Path, entries: list[tuple[int, str, list]]) -> Palette:
    for _, name, colour in entries:
        good = isinstance(colour, list) and len(colour) == 3
        if not good or not all(type(value) is int and 0 <= value <= 255 for value in colour):
            raise InputError(f"{path}: {name!r}: {colour} is no colour; write [red, green, blue]")
    colours = [tuple(colour) for _, _, colour in entries]
    twice = {colour for colour in colours if colours.count(colour) > 1}
    if twice:
        raise InputError(f"{path}: {min(twice)} stands for two entries; give each its own colour")
    names: dict[int, str] = {}
    for class_id, name, _ in entries:
        if names.setdefault(class_id, name) != name:
            raise InputError(f"{path}: {names[class_id]!r} and {name!r} share the id {class_id}")
    count = len(names)
    if not 1 < count <= len(entries) <= MAX_COLOURS or sorted(names) != list(range(count)):
        wrong = f"ids {sorted(names)}" if count > 1 else "fewer than two classes"
        raise InputError(f"{path}: {wrong}; ids run from 0 without a gap, {MAX_COLOURS} at most")
    if len({normal_name(name) for name in names.values()}) < count:
        raise InputError(f"{path}: two classes have one name; give each its own")
    ordered = tuple(names[class_id] for class_id in range(count))
    ids = np.array([class_id for class_id, _, _ in entries], dtype=np.uint8)
    return Palette(path.name, ordered, np.array(colours, dtype=np.uint8), ids)
