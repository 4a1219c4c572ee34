"""Augmentation ahead of time, as the paper has it: 500 training images of each body part.

Training needs none of this: it augments on the fly. What is written is a data set like any other,
for programs that read pictures and for eyes that want to look at them.
"""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from xnet_io import masks, radiographs
from xnet_tf import dataset, pipeline
from xnet_tf.dataset import Arrays, Dataset
from xnet_tf.files import UNFINISHED, InputError, umask, write_json
from xnet_tf.profiles import Profile


def write(data: Dataset, profile: Profile, out: Path, per_part: int = 500) -> int:
    """Write augmented training images, balanced by body part, with their label maps.

    Args:
        data: its training images are augmented.
        profile: size, augmentation and seed; whose first epoch it is, of `per_part` images a part.
        out: the data set to make; it must not exist yet. In its manifest, ``source`` names the
            image that was augmented; ``augmented.json`` says how all was made.
        per_part: images of each body part; an emphasised part has its multiple.

    Returns:
        The number of images.

    Raises:
        InputError: if `out` exists.
    """
    if out.exists():
        raise InputError(f"{out}: exists; name a folder that is yet to be made")
    profile = dataclasses.replace(profile, images_per_part=per_part)
    arrays = dataset.read_arrays(data, "train", profile.image_size)
    building = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=out.parent))
    try:
        order = pipeline.epoch_order(arrays.parts, profile, 0)
        rows = [
            _write_pair(building, number, arrays, *example)
            for number, example in enumerate(
                tqdm(_augmented(arrays, profile), "augmenting", len(order)), start=1
            )
        ]
        pd.DataFrame(rows).to_csv(building / "manifest.csv", index=False)
        pd.DataFrame(data.classes.rows).to_csv(building / "classes.csv", index=False)
        content = {"profile": profile.as_dict(), "data": data.fingerprint()}
        write_json(building / "augmented.json", content)
        building.chmod(0o777 & ~umask())
        building.rename(out)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return len(rows)


def _augmented(arrays: Arrays, profile: Profile) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield for each example the index of its source, image ``(S, S, 1)`` and labels."""
    transform = pipeline.compiled(pipeline.augmented_batch(arrays, profile), profile.batch_size)
    for index, seeds in pipeline.numbered_examples(arrays, profile, 0, 1):
        images, labels = transform(index, seeds)
        yield from zip(index.numpy(), images.numpy(), labels.numpy(), strict=True)


def _write_pair(folder: Path, number: int, arrays: Arrays, source: int, image, labels) -> dict:
    part = arrays.parts[source]
    name = f"{part.replace(' ', '-')}-{number:05d}.png"
    radiographs.write_grey(folder / "images" / name, image, bits=16)
    masks.write_ids(folder / "masks" / name, labels)
    return {
        "image": f"images/{name}",
        "mask": f"masks/{name}",
        "body_part": part,
        "subject": arrays.subjects[source],
        "source": arrays.manifest.index[source],
    }
