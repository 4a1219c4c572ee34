"""Render a plan into ``images/``, ``masks/``, ``manifest.csv`` and ``split.json``.

Work is divided by sitting. A finished picture leaves a small record in ``.render/``; it is kept as
long as the record's key (:func:`fingerprint`, seed and technique) still fits, or is one of sources
that draw the same (:data:`SAME_PIXELS`).
Every random number derives from the seed and the picture's name, never from who rendered it when.
"""

from __future__ import annotations

import csv
import hashlib
import json
import multiprocessing
import os
from collections import Counter
from collections.abc import Collection, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from tqdm import tqdm

from simulation import contrast, parts, subjects, things
from simulation.composition import Sitting, number, stream
from simulation.projector import PreparedVolume, prepare, project
from simulation.render import Picture, beam_of, render
from simulation.scene import Scene
from simulation.technique import draw_technique, shifted
from xnet_tf.classes import COLOURS

COLUMNS = (
    "image",
    "mask",
    "body_part",
    "subject",
    "source",
    "view",
    "kvp",
    "metal",
    "cast",
    "collimated",
    "polarity",
)
NATIVE = (240, 300)
"""Range of the longer side in pixels; more where the shorter would fall below SHORTEST."""

SHORTEST = 224

_NO_PICTURES = {"dataset.py", "__main__.py", "sheet.py", "card.py", "check.py"}

SAME_PIXELS = ("08435994c924dd1c", "e144a400f27527fe")
"""Fingerprints of sources that draw equal pixels of all that is neither varied nor has a theme.

``python -m simulation check`` tells whether those at hand do, on pictures of ``data/`` and of every
population; whoever has changed sources for the training half or the judged sets alone runs it and
then adds their fingerprint. All others make pictures of other sources count as not yet rendered.
"""


def fingerprint() -> str:
    """Hash of the source files that shape bodies, rays and detector.

    This file is left out, though :func:`take` and :func:`quantise` shape pictures too: after a
    change of these delete ``.render`` in the data set's folder, which renders it anew.
    """
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.name not in _NO_PICTURES:
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def quantise(image: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Turn [0, 1] into 16-bit levels no finer than the noise deserves.

    The step is a power of two, at most one standard deviation of the local noise, which adds less
    than 5 % to the noise and lets PNG compress the empty low bits away.

    Args:
        image: float32 ``(H, W)`` in [0, 1].
        noise: float32 ``(H, W)``, standard deviation of the noise in ``image``.

    Returns:
        uint16 ``(H, W)``.
    """
    step = np.exp2(np.clip(np.floor(np.log2(np.maximum(65535 * noise, 1.0))), 0, 9))
    levels = np.round(image * 65535 / step) * step
    return np.minimum(levels, 65535).astype(np.uint16)


def _write(path: Path, image: Image.Image) -> None:
    """Write a PNG under a temporary name, then rename: no half-written picture survives a kill."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    image.save(part, format="PNG", compress_level=9)
    part.replace(path)


def _write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def _record(out: Path, name: str) -> Path:
    return out / ".render" / f"{name}.json"


def sources(sitting: Sitting) -> tuple[str, ...]:
    """Fingerprints of the sources whose pictures of a sitting equal those of the present ones."""
    now = fingerprint()
    plain = not (sitting.varied or sitting.theme)
    return SAME_PIXELS if plain and now in SAME_PIXELS else (now,)


def finished(out: Path, name: str, keys: Collection[str]) -> bool:
    """Whether picture ``name`` lies in ``out`` and was rendered under one of ``keys``."""
    path = _record(out, name)
    files = (path, out / "images" / f"{name}.png", out / "masks" / f"{name}.png")
    return all(f.is_file() for f in files) and json.loads(path.read_text())["key"] in keys


@dataclass(frozen=True)
class Posed:
    """A sitting with its scene built: what all of its pictures share."""

    sitting: Sitting
    scene: Scene
    prepared: PreparedVolume


def pose(sitting: Sitting, seed: int) -> Posed:
    """Build a sitting's scene.

    Args:
        sitting: who and what.
        seed: of the data set.
    """
    cv2.setNumThreads(1)
    person = subjects.draw_subject(
        sitting.subject,
        number(seed, "subject", sitting.subject),
        phantom=sitting.phantom,
        varied=sitting.varied,
        thick=sitting.theme == "trunk",
    )
    scene = parts.scene(
        sitting.part,
        person,
        stream(seed, "scene", sitting.names[0]),
        views=len(sitting.names),
        source=sitting.source,
        varied=sitting.varied,
        theme=sitting.theme,
    )
    return Posed(sitting, scene, prepare(scene.volume))


def take(
    posed: Posed, index: int, seed: int, shifts: Sequence[str | None] = (None,)
) -> list[tuple[Picture, dict]]:
    """Take one picture of a sitting with one technique or several; the rays are followed once.

    Args:
        posed: the sitting.
        index: which of its pictures.
        seed: of the data set.
        shifts: of :data:`simulation.technique.SHIFTS`, each to take it with another technique, or
            None for the sitting's own.

    Returns:
        for each, the picture and its record.
    """
    sitting, scene = posed.sitting, posed.scene
    name, geometry = sitting.names[index], scene.geometries[index]
    # All projections of a scan share technique, size and panel, as on a real scanner.
    shared = sitting.names[0] if sitting.source == "ct-projection" else name
    drawn = stream(seed, "technique", shared)
    own = draw_technique(
        sitting.part, sitting.source, scene.kvp, drawn, sitting.varied, sitting.theme
    )
    techniques = [shifted(own, shift) if shift else own for shift in shifts]
    size = int(drawn.integers(NATIVE[0], NATIVE[1] + 1))
    sides = sorted((geometry.width_mm, geometry.height_mm))
    size = max(size, round(SHORTEST * sides[1] / sides[0]))
    projections = project(posed.prepared, geometry, [beam_of(t) for t in techniques], size)
    pictures = []
    for technique, projection in zip(techniques, projections, strict=True):
        chance, panel = stream(seed, "picture", name), stream(seed, "panel", shared)
        picture = render(projection, technique, chance, panel)
        if sitting.theme == "cushions" and not sitting.varied:
            picture = replace(picture, things=things.cushions(picture))
        if sitting.theme == "metal" and not sitting.varied:
            beam = beam_of(technique)
            found = things.metal(scene.volume, geometry, beam, projection, picture)
            picture = replace(picture, things=found)
        pictures.append((picture, _describe(sitting, geometry.view, technique.kvp, picture)))
    return pictures


def _describe(sitting: Sitting, view: str, kvp: float, picture: Picture) -> dict:
    shares = np.bincount(picture.label.ravel(), minlength=3) / picture.label.size
    return {
        "body_part": sitting.part,
        "subject": sitting.subject,
        "source": sitting.source,
        "view": view,
        "kvp": kvp,
        "metal": int(picture.metal),
        "cast": int(picture.cast),
        "collimated": int(picture.collimated),
        "marker": int(picture.marker),
        "phantom": int(sitting.phantom),
        "size": list(picture.label.shape),
        "cnr": round(contrast.local(picture), 2),
        "quanta": round(contrast.over_quanta(picture), 2),
        "spread": round(contrast.over_spread(picture), 2),
        "shares": [round(float(s), 4) for s in shares],
    }


def _key(made_by: str, seed: int, shift: str | None) -> str:
    return f"{made_by}-{seed}" + (f"-{shift}" if shift else "")


def _there(out: Path, sitting: Sitting, seed: int, shift: str | None, name: str) -> bool:
    return finished(out, name, [_key(made_by, seed, shift) for made_by in sources(sitting)])


def _work(sitting: Sitting, folders: dict[str | None, Path], seed: int) -> None:
    """Render what is missing of a sitting; scene and rays are shared by all folders."""
    posed = pose(sitting, seed)
    for index, name in enumerate(sitting.names):
        missing = {
            shift: out
            for shift, out in folders.items()
            if not _there(out, sitting, seed, shift, name)
        }
        taken = take(posed, index, seed, list(missing)) if missing else []
        for (shift, out), (picture, record) in zip(missing.items(), taken, strict=True):
            levels = quantise(picture.image, picture.noise)
            _write(out / "images" / f"{name}.png", Image.fromarray(levels))
            _write(out / "masks" / f"{name}.png", Image.fromarray(COLOURS[picture.label]))
            if picture.things is not None:
                _write(out / "things" / f"{name}.png", Image.fromarray(picture.things))
            key = _key(fingerprint(), seed, shift)
            _write_text(_record(out, name), json.dumps({"key": key, **record}))


def render_plan(
    sittings: list[Sitting],
    folders: dict[str | None, Path],
    seed: int,
    jobs: int = 2,
    only: str | None = None,
) -> list[str]:
    """Render what is missing, with a progress bar.

    Args:
        sittings: the plan.
        folders: of the data set, by shift (see :func:`take`); None is the data set itself.
        seed: of everything.
        jobs: worker processes; pixels do not depend on it.
        only: a body part, to render no other.

    Returns:
        one line per sitting that failed.
    """
    for out in folders.values():
        _write_text(out / ".render" / ".gitignore", "*\n")
        for stale in out.rglob("*.part"):  # left by a killed run
            stale.unlink(missing_ok=True)
    wanted = [s for s in sittings if only in (None, s.part)]
    todo = [
        s
        for s in wanted
        if not all(
            _there(out, s, seed, shift, name) for shift, out in folders.items() for name in s.names
        )
    ]
    failures = []
    context = multiprocessing.get_context("spawn")
    total = sum(len(s.names) for s in wanted)
    ready = total - sum(len(s.names) for s in todo)
    description = next(iter(folders.values())).name
    with (
        tqdm(total=total, initial=ready, unit="image", desc=description, smoothing=0.05) as bar,
        ProcessPoolExecutor(jobs, mp_context=context) as pool,
    ):
        futures = {pool.submit(_work, s, folders, seed): s for s in todo}
        for future in as_completed(futures):
            sitting = futures[future]
            try:
                future.result()
            except Exception as error:  # one bad scene must not cost the others
                failures.append(f"{sitting.names[0]} ({sitting.part}): {error!r}")
            bar.update(len(sitting.names))
    return failures


def records(sittings: list[Sitting], out: Path) -> dict[str, dict]:
    """Return the record of every picture of the plan that lies in ``out``, in the plan's order."""
    found = {}
    for name in (n for s in sittings for n in s.names):
        if _record(out, name).is_file() and (out / "images" / f"{name}.png").is_file():
            found[name] = json.loads(_record(out, name).read_text())
    return found


def write_manifest(sittings: list[Sitting], out: Path) -> int:
    """Write ``manifest.csv`` of the pictures that are there; return their number."""
    rows = records(sittings, out)
    part = out / "manifest.csv.part"
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for name, row in rows.items():
            kvp = f"{row['kvp']:g}"
            writer.writerow(
                [
                    f"images/{name}.png",
                    f"masks/{name}.png",
                    row["body_part"],
                    row["subject"],
                    row["source"],
                    row["view"],
                    kvp,
                    row["metal"],
                    row["cast"],
                    row["collimated"],
                    "bright",
                ]
            )
    part.replace(out / "manifest.csv")
    return len(rows)


def write_split(sides: dict[str, list[str]], out: Path) -> None:
    """Write ``split.json``: image paths by side, of the pictures that are there."""
    paths = {
        side: [f"images/{n}.png" for n in names if (out / "images" / f"{n}.png").is_file()]
        for side, names in sides.items()
    }
    _write_text(out / "split.json", json.dumps(paths, indent=1) + "\n")


def training_sides(sittings: list[Sitting]) -> dict[str, list[str]]:
    """Divide a population of one picture per subject: the last three of each part are held back."""
    ahead: Counter = Counter()
    sides: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
    for sitting in reversed(sittings):
        ahead[sitting.part] += 1
        side = {1: "test", 2: "validation", 3: "validation"}.get(ahead[sitting.part], "train")
        sides[side] += sitting.names
    return {side: names[::-1] for side, names in sides.items()}
