"""Draw pictures anew and compare them, pixel by pixel, with those that lie in a folder."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image

from simulation import composition, dataset, sets
from simulation.composition import Sitting
from xnet_tf.classes import COLOURS


def plan_of(folder: Path) -> tuple[list[Sitting], str | None]:
    """Return a folder's plan and, of a population taken otherwise, the technique's name.

    Raises:
        ValueError: if the folder's name is neither ``data`` nor a population's.
    """
    if folder.resolve().name == "data":
        return composition.plan(), None
    half, _, shift = folder.resolve().name.partition("-")
    if half not in sets.COUNTS:
        raise ValueError(f"{folder}: no population has this name; one of {', '.join(sets.COUNTS)}")
    # Pictures of a smaller number are the first of a larger one.
    return sets.plan(half), shift or None


def run(folders: list[Path], seed: int, count: int) -> list[str]:
    """Compare ``count`` pictures of each folder, spread over its manifest; print what is equal.

    Folders of one population with several techniques share their pictures' scenes.

    Args:
        folders: each named as its population, or ``data``.
        seed: with which they were rendered.
        count: pictures of each.

    Returns:
        one line for each picture that differs.
    """
    groups: dict[str, dict[str | None, Path]] = defaultdict(dict)
    for folder in folders:
        _, shift = plan_of(folder)
        groups[folder.resolve().name.partition("-")[0]][shift] = folder
    print(f"sources {dataset.fingerprint()}", flush=True)
    wrong = []
    for group in groups.values():
        compared, differing = _compare(group, seed, count)
        for folder in group.values():
            bad = [line for line in differing if line.startswith(f"{folder}:")]
            print(f"{folder}: {compared - len(bad)} of {compared} equal", flush=True)
        wrong += differing
    return wrong


def _compare(group: dict[str | None, Path], seed: int, count: int) -> tuple[int, list[str]]:
    plan, _ = plan_of(next(iter(group.values())))
    places = {name: (s, k) for s in plan for k, name in enumerate(s.names)}
    listed = [
        [Path(row["image"]).stem for row in csv.DictReader((f / "manifest.csv").open())]
        for f in group.values()
    ]
    names = [n for n in listed[0] if all(n in other for other in listed)]
    chosen = [names[int(i)] for i in np.linspace(0, len(names) - 1, min(count, len(names)))]
    wrong = []
    for name in chosen:
        sitting, index = places[name]
        taken = dataset.take(dataset.pose(sitting, seed), index, seed, list(group))
        for folder, (picture, _) in zip(group.values(), taken, strict=True):
            levels = dataset.quantise(picture.image, picture.noise)
            image, mask = (
                np.asarray(Image.open(folder / kind / f"{name}.png"))
                for kind in ("images", "masks")
            )
            same = levels.shape == image.shape and (levels == image).all()
            if not (same and (COLOURS[picture.label] == mask).all()):
                wrong.append(f"{folder}: {name} differs")
    return len(chosen), wrong
