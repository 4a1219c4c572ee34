"""The populations by name: how many pictures each has, and of what."""

from __future__ import annotations

from simulation import fixators
from simulation.composition import PARTS, SCANS, Sitting, population_plan

COUNTS = {
    "calibration": 600,
    "evaluation": 600,
    "choice": 228,
    "learning": 532,
    "proof": 304,
    "training": 2000,
    "trunks": 120,
    "metal": 60,
    "cushions": 60,
}
"""Populations and the number of their pictures, unless another is asked for."""

BELLIES = ("lumbar spine", "pelvis", "abdomen")
"""Parts of the thick trunks that are judged."""

_MORE = {
    "thorax": 10,
    "lumbar spine": 8,
    "pelvis": 8,
    "abdomen": 8,
    "neck of femur": 6,
    "head": 6,
    "shoulder": 5,
    "neck": 5,
    "femur": 4,
    "knee": 4,
    "foot": 4,
}
"""Pictures of a part in the training half for every three of another."""

_STOUT = dict.fromkeys((*BELLIES, "neck of femur"), (0, 2, 3)) | {"thorax": (3,)}
"""Which of five pictures of a part in the training half are of stout persons."""

_RESTED = ("head", "neck", "knee", "hand", "shoulder", "ankle", "forearm", "foot", "elbow", "femur")


def plan(name: str, count: int | None = None) -> list[Sitting]:
    """Return a population's sittings.

    Args:
        name: of :data:`COUNTS`.
        count: pictures; the usual number if None. More add to those of a smaller number.
    """
    count = COUNTS[name] if count is None else count
    if name == "training":
        return training_plan(count)
    if name in ("trunks", "metal", "cushions"):
        return _judged(name, count)
    return population_plan(count, name)


def _sitting(name: str, n: int, part: str, varied: bool, theme: str, scan=False, dummy=False):
    subject = f"{name}-{n + 1:03d}"
    source = "ct-projection" if scan else "radiograph"
    names = (f"{subject}-{part.replace(' ', '-')}",)
    return Sitting(part, subject, source, dummy, names, varied, theme)


def training_plan(count: int) -> list[Sitting]:
    """Return the training half: trunks more often, and every part in any beginning of the list.

    Of the bellies three in five are of stout persons, of the chests one; one of six pictures of
    other parts shows metal that leaves the body.
    """
    shares = {part: _MORE.get(part, 3) for part in (*PARTS, "abdomen")}
    total, have, sittings = sum(shares.values()), dict.fromkeys(shares, 0), []
    for n in range(count):
        # The part that has fallen furthest behind its share is next.
        part = max(shares, key=lambda p: (n + 1) * shares[p] / total - have[p])
        turn, have[part] = have[part], have[part] + 1
        scan = part in SCANS and turn % 2 == 1
        dummy = (scan and part == "head") or turn % 11 == 7
        theme = ""
        if turn % 5 in _STOUT.get(part, ()):
            theme = "trunk"
        elif part in fixators.PARTS and turn % 6 == 4:
            theme = "metal"
        sittings.append(_sitting("training", n, part, True, theme, scan, dummy and not theme))
    return sittings


def _judged(name: str, count: int) -> list[Sitting]:
    """Return pictures of one kind, of persons alone, in turn of the parts that may have it."""
    theme = "trunk" if name == "trunks" else name
    parts = {"trunks": BELLIES, "metal": fixators.PARTS, "cushions": _RESTED}[name]
    return [_sitting(name, n, parts[n % len(parts)], False, theme) for n in range(count)]
