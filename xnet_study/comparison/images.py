"""Which images a training of the comparison has: fewer, more, or without some body parts.

Validation images are the same at every number of images, and are those of the split; where body
parts are left out, they are left out there too.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from xnet_tf.dataset import Dataset, load
from xnet_tf.files import UNFINISHED, InputError, write_json

REGION_GROUPS = {
    "hand and forearm": ("finger", "hand", "wrist", "forearm"),
    "upper arm": ("elbow", "humerus"),
    "shoulder and chest": ("shoulder", "clavicle", "thorax"),
    "head and neck": ("head", "neck"),
    "spine and pelvis": ("lumbar spine", "pelvis", "neck of femur"),
    "thigh and knee": ("femur", "knee"),
    "lower leg and foot": ("lower leg", "ankle", "foot"),
}
"""Body parts that are left out of training together, since a picture of one shows the others too.

A wrist is taken with the ends of hand and forearm; an elbow ends in the humerus; shoulder and
clavicle show the upper ribs; a neck shows the jaw and the skull's base; a picture of the lumbar
spine or of the femur's neck shows the pelvis; the femur's lower end is half of the knee; an ankle
is the end of the lower leg and most of the foot's root. Where two groups meet (elbow and forearm,
femur's neck and femur, knee and lower leg) they still share some bone: what is left out is unseen
as a view, not to the last centimetre.
"""


def groups_of(data: Dataset) -> dict[str, tuple[str, ...]]:
    """Return the groups of `REGION_GROUPS` that a data set has, with something left without them.

    A body part that is in no group is one by itself.
    """
    present = set(data.manifest["body_part"])
    named = {part for parts in REGION_GROUPS.values() for part in parts}
    groups = REGION_GROUPS | {part: (part,) for part in sorted(present - named)}
    return {
        name: parts
        for name, parts in groups.items()
        if present & set(parts)
        and all(
            set(data.subset(subset)["body_part"]) - set(parts) for subset in ("train", "validation")
        )
    }


def without(data: Dataset, parts: tuple[str, ...]) -> Dataset:
    """Return a data set whose training and validation images show none of some body parts."""
    kept = set(data.manifest.index[~data.manifest["body_part"].isin(parts)])
    split = {
        name: images if name == "test" else [image for image in images if image in kept]
        for name, images in data.split.items()
    }
    return replace(data, split=split)


def fewer(data: Dataset, count: int, draw: int) -> Dataset:
    """Return a data set with some of its training images; those of a draw are nested.

    Body parts take turns, each as long as it has images; a part's images come subject by subject,
    as they do where someone begins to label pictures. With fewer images than parts, some parts are
    not there at all.

    Args:
        data: with training images.
        count: of training images.
        draw: seed of the order of parts and subjects.
    """
    rows = data.subset("train")
    rng = np.random.Generator(np.random.Philox(draw))
    parts, subjects = (
        pd.Series({name: k for k, name in enumerate(rng.permutation(rows[column].unique()))})
        for column in ("body_part", "subject")
    )
    table = pd.DataFrame(
        {"part": rows["body_part"].map(parts), "subject": rows["subject"].map(subjects)}
    ).sort_values(["part", "subject"], kind="stable")
    table["turn"] = table.groupby("part").cumcount()
    chosen = table.sort_values(["turn", "part"], kind="stable").index[:count]
    return replace(data, split={**data.split, "train": sorted(chosen)})


def more(data: Dataset, learning: Dataset, count: int, folder: Path) -> Dataset:
    """Return a data set with further training images, from a folder that is made for it.

    Args:
        data: the data set.
        learning: subjects that are trained on too, whose body parts are in turn; the first are
            taken, so that every part has equally many, within one.
        count: how many of them.
        folder: where copies of all images go, unless they are there.

    Raises:
        InputError: if there are not so many.
    """
    if count > len(learning.manifest):
        raise InputError(
            f"{learning.folder}: has {len(learning.manifest)} images, and {count} are wanted"
        )
    if not folder.is_dir():
        added = learning.manifest.iloc[:count]
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=folder.parent))
        for source, rows in ((data, data.manifest), (learning, added)):
            for name in (*rows.index, *rows["mask"]):
                (made / name).parent.mkdir(exist_ok=True)
                shutil.copyfile(source.folder / name, made / name)
        pd.concat([data.manifest, added]).to_csv(made / "manifest.csv", index_label="image")
        split = {**data.split, "train": sorted([*data.split["train"], *added.index])}
        write_json(made / "split.json", split)
        made.chmod(0o755)  # as a folder is made, not as a temporary one
        made.rename(folder)
    return load(folder)
