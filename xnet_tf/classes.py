"""The regions of a radiograph: ids, names and colours; the paper's three, or a data set's own.

Every other module takes them from here. The paper's colours are those of the authors' figures, in
which open beam is purple, soft tissue green and bone yellow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

OPEN_BEAM, SOFT_TISSUE, BONE = 0, 1, 2

NAMES = ("open beam", "soft tissue", "bone")
"""Names of the paper's classes; the position is the class id. Metal counts as bone."""

COUNT = len(NAMES)
"""Number of the paper's classes."""

IGNORE = 255
"""A pixel of a label map that has no label: it counts in no loss and no score."""

IGNORED = "ignore"
"""What such pixels are called. Networks never predict them."""

RESERVED = {IGNORED, "all", "top label", "border", "interior", "mean of classes"}
"""What tables of scores call something else, so that no class can be called so."""

LARGEST_COUNT = 20
"""A data set has at most so many classes."""

POLARITIES = ("auto", "bright", "dark")
"""How the open beam looks in pictures that are to be read; "auto" finds out."""


def normal_name(name: str) -> str:
    """Bring a class's name to the form in which names are compared."""
    return " ".join(name.lower().replace("_", " ").replace("-", " ").split())


@dataclass(frozen=True)
class Classes:
    """The classes of a data set, and of the networks that were trained on it.

    Attributes:
        names: the position is the class id.
        colours: of each class, each as ``#rrggbb``: the first is drawn, all are read in masks.
        ignored: colours of pixels without label; None if every pixel has one.

    Raises:
        ValueError: if there are too few or too many, or a name or colour is missing, no colour, or
            there twice.
    """

    names: tuple[str, ...]
    colours: tuple[tuple[str, ...], ...]
    ignored: tuple[str, ...] | None = None

    def __post_init__(self):
        """Check."""
        names = [normal_name(name) for name in self.names]
        colours = [colour for _, colour in self.entries]
        if not 2 <= self.count <= LARGEST_COUNT:
            raise ValueError(f"holds {self.count} classes; there must be 2 to {LARGEST_COUNT}")
        for things in (names, colours):
            if twice := [thing for thing in things if things.count(thing) > 1]:
                raise ValueError(f"has {twice[0]} twice; give each class its own")
        if wrong := [c for c in colours if not re.fullmatch("#[0-9a-f]{6}", c)]:
            raise ValueError(f"{wrong[0]} is no colour; write #rrggbb, for instance #fde724")
        if not all(names) or not all(self.colours):
            raise ValueError("has a class without name or colour; give it both")
        if taken := RESERVED & {*names}:
            raise ValueError(f"has a class {min(taken)}, which has another meaning; rename it")
        if NAMES[OPEN_BEAM] in names[1:]:
            raise ValueError(f"has {NAMES[OPEN_BEAM]} in another place; it must have the id 0")

    @classmethod
    def of_rows(cls, rows: Iterable[Mapping]) -> Classes:
        """Make them of what `rows` returns, in any order; the paper's names get its spelling.

        Raises:
            ValueError: if ids do not run from 0 without gap or double, or as the class says.
        """
        cells = [(str(r["id"]), r["name"], tuple(r["colours"].lower().split())) for r in rows]
        ignored = [colours for _, name, colours in cells if normal_name(name) == IGNORED]
        cells = sorted((len(c[0]), *c) for c in cells if normal_name(c[1]) != IGNORED)
        ids = ", ".join(cell[1] for cell in cells)
        if ids != ", ".join(map(str, range(len(cells)))):
            raise ValueError(f"has the ids {ids}; they must run from 0 without gap or double")
        names = tuple(n if (n := normal_name(cell[2])) in NAMES else cell[2] for cell in cells)
        return cls(names, tuple(cell[3] for cell in cells), sum(ignored, ()) if ignored else None)

    @property
    def rows(self) -> list[dict]:
        """A row ``id, name, colours`` for each class, and one without id for unlabelled pixels."""
        cells = [*zip(range(self.count), self.names, self.colours, strict=True)]
        cells += [("", IGNORED, self.ignored)] if self.ignored is not None else []
        return [{"id": k, "name": name, "colours": " ".join(colours)} for k, name, colours in cells]

    @property
    def count(self) -> int:
        """Number of classes."""
        return len(self.names)

    @property
    def has_open_beam(self) -> bool:
        """Whether class 0 is open beam."""
        return normal_name(self.names[OPEN_BEAM]) == NAMES[OPEN_BEAM]

    @property
    def entries(self) -> list[tuple[int, str]]:
        """Every colour with the id that it stands for in a label map."""
        groups = [*enumerate(self.colours), (IGNORE, self.ignored or ())]
        return [(k, colour) for k, colours in groups for colour in colours]

    @property
    def palette(self) -> np.ndarray:
        """uint8 ``(count + 1, 3)``: how each class is drawn, RGB, and last what has no label."""
        return np.array([rgb(c[0]) for c in (*self.colours, self.ignored or ["#000000"])], np.uint8)

    def find(self, name: str) -> int:
        """Return the id of a class.

        Raises:
            ValueError: if none is called so.
        """
        names = [normal_name(each) for each in self.names]
        if normal_name(name) not in names:
            raise ValueError(f"no class is called {name!r}; choose one of {', '.join(self.names)}")
        return names.index(normal_name(name))

    def look_up(self, pixels: np.ndarray) -> np.ndarray:
        """Find the classes of colours.

        Args:
            pixels: ``(H, W, 3)``, RGB.

        Returns:
            uint8 ``(H, W)``, class ids.

        Raises:
            ValueError: if a pixel's colour is none of them.
        """
        ids = np.array([k for k, _ in self.entries], np.uint8)
        hits = np.array([(pixels == rgb(colour)).all(axis=-1) for _, colour in self.entries])
        if pixels.shape[2:] != (3,) or not hits.any(axis=0).all():
            raise ValueError("holds colours of no class")
        return ids[hits.argmax(axis=0)]

    def colour(self, labels: np.ndarray) -> np.ndarray:
        """Paint a label map.

        Args:
            labels: integer ``(H, W)`` of class ids.

        Returns:
            uint8 ``(H, W, 3)``, RGB.

        Raises:
            ValueError: if `labels` is no map of class ids.
        """
        return self.palette[np.minimum(self.checked(labels), self.count)]

    def checked(self, labels: np.ndarray) -> np.ndarray:
        """Return a label map as uint8 ``(H, W)``, or raise ValueError if it is none of these."""
        labels = np.asarray(labels)
        if labels.ndim != 2 or labels.dtype.kind not in "iu":
            raise ValueError(f"a label map is an integer (H, W), not {labels.dtype} {labels.shape}")
        ids = [*range(self.count), *([] if self.ignored is None else [IGNORE])]
        if (wrong := ~np.isin(labels, ids)).any():
            raise ValueError(f"class ids are 0 to {self.count - 1}, not {labels[wrong].max()}")
        return labels.astype(np.uint8)


def rgb(colour: str) -> tuple[int, int, int]:
    """Return red, green and blue of ``#rrggbb``, 0 to 255 each."""
    return tuple(bytes.fromhex(colour[1:]))


PAPER = Classes(NAMES, (("#440154",), ("#21908c",), ("#fde724",)))
"""The paper's classes."""

COLOURS = PAPER.palette[:-1]
"""uint8 ``(3, 3)``: their colours, as displayed in the paper."""

colour = PAPER.colour
