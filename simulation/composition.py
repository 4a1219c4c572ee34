"""Which pictures the data set has, of whom, and on which side of the split they lie."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from zlib import crc32

import numpy as np

# Pictures per subject. The paper gives the totals (150, of which 69 projections and 81 standard
# X-rays; 19 parts; thorax rarest); the counts per part are ours.
RADIOGRAPHS: dict[str, tuple[int, ...]] = {
    "hand": (2, 2, 1, 1, 1, 1),
    "finger": (1, 1, 1, 1),
    "wrist": (2, 1, 1, 1),
    "forearm": (1, 1, 1, 1),
    "elbow": (2, 1, 1),
    "humerus": (1, 1, 1, 1),
    "shoulder": (1, 1, 1, 1),
    "clavicle": (1, 1, 1, 1),
    "neck": (2, 1, 1),
    "head": (1, 1),
    "thorax": (1, 1, 1),
    "lumbar spine": (2, 1, 1),
    "pelvis": (1, 1, 1, 1),
    "neck of femur": (1, 1, 1, 1),
    "femur": (2, 1, 1, 1),
    "knee": (2, 1, 1),
    "lower leg": (2, 1, 1, 1),
    "ankle": (2, 1, 1, 1),
    "foot": (2, 1, 1),
}
"""Standard radiographs: pictures of each subject, by part. 81 in all."""

SCANS: dict[str, tuple[int, ...]] = {
    "foot": (6, 5, 4, 4, 3, 2),
    "knee": (6, 5, 4, 4, 3, 3),
    "head": (6, 5, 4, 3, 2),
}
"""Projections of each simulated CT scan, by part; heads are phantoms. 69 in all."""

PARTS = tuple(RADIOGRAPHS)
SIZES = {"train": 105, "validation": 23, "test": 22}


@dataclass(frozen=True)
class Sitting:
    """One subject before the tube: one scene, one or more pictures.

    Attributes:
        part: body part.
        subject: identifier; ``person-...``, ``scan-...`` or ``phantom-...``, or, in a population,
            that of its one picture without the part.
        source: ``"radiograph"`` or ``"ct-projection"``.
        phantom: whether the subject is a dummy.
        names: stems of the pictures, for instance ``("hand-01", "hand-02")``.
        varied: whether subject and technique are drawn from wider ranges than those of the data
            set: what a network learns from should be more various than what it is scored on.
        theme: ``"trunk"`` for a thick one with the exposure that it needs, ``"metal"`` for metal
            that leaves the body, ``"cushions"`` for what the body lies on, or empty.
    """

    part: str
    subject: str
    source: str
    phantom: bool
    names: tuple[str, ...]
    varied: bool = False
    theme: str = ""


def stream(seed: int, *purpose: str | int) -> np.random.Generator:
    """Return the generator of one purpose; independent of the order in which work is done."""
    keys = [word if isinstance(word, int) else crc32(word.encode()) for word in purpose]
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, *keys])))


def number(seed: int, *purpose: str | int) -> int:
    """Return a 32-bit seed for one purpose."""
    return int(stream(seed, *purpose).integers(2**32))


def plan() -> list[Sitting]:
    """Return the sittings of the data set, 150 pictures in a fixed order."""
    sittings, pictures, people = [], Counter(), Counter()
    for source, table in (("radiograph", RADIOGRAPHS), ("ct-projection", SCANS)):
        for part, subjects in table.items():
            for views in subjects:
                # The standard X-rays are of humans and phantoms: every ninth is of a phantom.
                dummy = part == "head" if source != "radiograph" else people.total() % 9 == 5
                word = "phantom" if dummy else "scan" if source != "radiograph" else "person"
                people[word] += 1
                names = tuple(
                    f"{part.replace(' ', '-')}-{pictures[part] + n + 1:02d}" for n in range(views)
                )
                pictures[part] += views
                sittings.append(Sitting(part, f"{word}-{people[word]:02d}", source, dummy, names))
    return sittings


def population_plan(count: int, prefix: str) -> list[Sitting]:
    """Return ``count`` sittings of one picture each, the 19 parts in turn.

    Args:
        count: pictures and subjects.
        prefix: ``"calibration"``, ``"evaluation"``, ``"choice"``, ``"learning"`` or ``"proof"``;
            enters the subjects' names and so the seeds.
    """
    sittings = []
    for n in range(count):
        part = PARTS[n % len(PARTS)]
        scan = part in SCANS and (n // len(PARTS)) % 2 == 1
        dummy = (scan and part == "head") or n % 11 == 7
        subject = f"{prefix}-{n + 1:03d}"
        names = (f"{prefix}-{n + 1:03d}-{part.replace(' ', '-')}",)
        source = "ct-projection" if scan else "radiograph"
        sittings.append(Sitting(part, subject, source, dummy, names))
    return sittings


def split(
    sittings: list[Sitting], sizes: dict[str, int] | None = None, seed: int = 0, tries: int = 4000
) -> dict[str, list[str]]:
    """Divide the pictures by subject: exact sizes, every part on every side, scans on every side.

    A random search from a fixed seed: each try draws for every part one subject for validation and
    one for test, fills both up to size with what fits, and is scored by how near each part's share
    of pictures comes to 70 / 15 / 15 %; the best try wins.

    Args:
        sittings: a subject may sit more than once.
        sizes: pictures per side; :data:`SIZES` if None.
        seed: of the search.
        tries: draws.

    Returns:
        picture stems by side, in the order of ``sittings``.

    Raises:
        ValueError: if no try meets the conditions.
    """
    sizes = sizes or SIZES
    subjects: dict[str, Counter] = {}
    scans = {s.subject for s in sittings if s.source == "ct-projection"}
    for sitting in sittings:
        subjects.setdefault(sitting.subject, Counter())[sitting.part] += len(sitting.names)
    rng = stream(seed, "split")
    best, best_score = None, np.inf
    for _ in range(tries):
        sides = _attempt(subjects, sizes, rng)
        if sides is None:
            continue
        score = _score(subjects, scans, sides, sizes)
        if score < best_score:
            best, best_score = sides, score
    if best is None:
        raise ValueError(f"no split by subject has sizes {sizes} and every part on every side")
    return {
        side: [name for s in sittings if best[s.subject] == side for name in s.names]
        for side in sizes
    }


def _attempt(
    subjects: dict[str, Counter], sizes: dict[str, int], rng: np.random.Generator
) -> dict[str, str] | None:
    names = list(subjects)
    sides = dict.fromkeys(names, "train")
    rest = {"validation": sizes["validation"], "test": sizes["test"]}
    order = [names[i] for i in rng.permutation(len(names))]
    for side in rest:
        for part in sorted({p for count in subjects.values() for p in count}):
            if any(sides[s] == side and part in subjects[s] for s in names):
                continue
            free = [s for s in order if sides[s] == "train" and part in subjects[s]]
            if not free:
                return None
            sides[free[0]] = side
            rest[side] -= subjects[free[0]].total()
    for side in rest:
        for subject in order:
            size = subjects[subject].total()
            if sides[subject] == "train" and size <= rest[side]:
                sides[subject] = side
                rest[side] -= size
        if rest[side] != 0:
            return None
    parts = {p for count in subjects.values() for p in count}
    left = {p for s in names if sides[s] == "train" for p in subjects[s]}
    return sides if left == parts else None


def _score(
    subjects: dict[str, Counter], scans: set[str], sides: dict[str, str], sizes: dict[str, int]
) -> float:
    total, score = sum(sizes.values()), 0.0
    parts: Counter = sum(subjects.values(), Counter())
    for side, size in sizes.items():
        held: Counter = sum((c for s, c in subjects.items() if sides[s] == side), Counter())
        score += sum(abs(held[p] - n * size / total) for p, n in parts.items())
        projections = sum(subjects[s].total() for s in scans if sides[s] == side)
        score += 0.0 if projections else 100.0
    return score
