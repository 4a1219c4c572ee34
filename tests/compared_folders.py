"""A ledger with made-up counts, as `xnet_study.comparison.runner` writes it."""

import dataclasses

import numpy as np
import pandas as pd

from xnet_study.comparison.ledger import Ledger
from xnet_study.comparison.scoring import Scored
from xnet_study.comparison.tasks import Task
from xnet_tf.files import write_json

PIXELS = 900
PARTS = ("hand", "knee", "thorax")
IMAGES = {"test": 22, "validation": 23, "evaluation": 60, "choice": 12}
SUBSETS = ("test", "validation", "evaluation")

PROFILE = {"filters": [16, 32], "epochs": 10, "image_size": 200, "images_per_part": 6}
PROFILE |= {"learning_rate": 0.002}


def images(subset):
    """Images of a subset; the first subjects of test and validation have two."""
    number = IMAGES[subset]
    subjects = np.arange(number) if subset == "evaluation" else np.maximum(np.arange(number) - 2, 0)
    return pd.DataFrame(
        {
            "body_part": [PARTS[i % len(PARTS)] for i in range(number)],
            "subject": [f"{subset}-{i:02d}" for i in subjects],
        },
        index=[f"images/{subset}-{i:02d}.png" for i in range(number)],
    )


def counts(number, wrong, seed=0):
    """Confusion counts: a third of the pixels each class's, a share of them wrong.

    What is hard about an image is the same for all methods of equal `seed`.
    """
    rng = np.random.default_rng(seed)
    hard = np.clip(wrong + rng.normal(0, 0.03, number), 0, 0.6)
    missed = np.round(PIXELS / 3 * hard / 2).astype(int)
    found = np.full((number, 3, 3), missed[:, None, None])
    found[:, range(3), range(3)] = (PIXELS // 3 - 2 * missed)[:, None]
    return found


def scored(subset, wrong, seed, network):
    """What scoring leaves: surfaces agree by 0.8, 0.9 and 4 pixels; the first has no bone's."""
    number = IMAGES[subset]
    surfaces = np.tile(np.array([0.8, 0.9, 4.0])[:, None], (number, 1, 3))
    surfaces[0, :, 2] = np.nan
    levels = np.zeros((3, 2, 256), np.int64)
    levels[:, 0, :2], levels[:, 1, 1:3] = 10 * number, 10 * number
    has = (levels, np.full(3, 0.87)) if network else (None, None)
    return Scored(counts(number, wrong, seed), surfaces.astype(np.float16), *has, 12.0, [])


def write(ledger, method, wrong=0.1, subsets=SUBSETS, luck=0, **about):
    """Write one task's entry; returns it. Methods of equal luck find the same images hard."""
    slug = about.pop("slug", None) or "-".join(
        [method.lower(), *(f"{k}{v}" for k, v in about.items())]
    )
    task = Task(
        slug.replace(" ", "-").replace("/", "-"), method, about.pop("family", "network"), **about
    )
    for subset in subsets:
        ledger.name_images(subset, images(subset))
    record = {
        "task": dataclasses.asdict(task),
        "identity": "",
        "made_from": {"data": "0" * 64, "evaluation": "1" * 64, "choice": "2" * 64},
        "image_size": 200,
        "versions": {},
        "milliseconds": 12.0 if task.is_network else 3.0,
        "training": {"images": (task.images or 105) + task.added, "subjects": 47},
    }
    history = None
    if task.is_network:
        record |= {"weights_sha256": slug, "training_seconds": 300, "device": "2 CPU cores"}
        record |= {"parameters": 1000, "profile": PROFILE, "core_seconds": 500.0, "chosen": {}}
        columns = {"epoch": [1, 2], "val_loss": [1.1, 0.7], "val_accuracy": [0.6, 0.8]}
        history = pd.DataFrame(columns)
    else:
        record |= {"key": task.key}
    found = {
        subset: scored(subset, wrong, number + luck, task.is_network)
        for number, subset in enumerate(subsets)
    }
    maps = {}
    if task.is_network and task.is_plain and task.budget == "1" and task.seed == 1:
        maps = {"hand-01.png": np.full((4, 3), 1, np.uint8)}
    return ledger.add(task, record, found, history, maps)


def comparison(root, subsets=SUBSETS):
    """Write XNet in three seeds, a U-Net that is as good, and methods that are worse or better."""
    ledger = Ledger(root / "comparison")
    for seed, wrong in enumerate((0.09, 0.10, 0.11), 1):
        write(ledger, "XNet", wrong, subsets, key="xnet", seed=seed)
        write(ledger, "U-Net", wrong, subsets, luck=10, key="unet", seed=seed)
    write(ledger, "DeepLabV3+", 0.05, subsets, key="deeplab")
    for variant, wrong in (("overall", 0.3), ("by part", 0.25), ("oracle", 0.02)):
        about = {"family": "thresholding", "key": "otsu", "variant": variant}
        seen = (*subsets, "choice") if variant == "overall" else subsets
        write(ledger, "Otsu", wrong, seen, slug=f"otsu-{variant}", **about)
    write(ledger, "constant predictor", 0.6, subsets, slug="constant", family="constant")
    truth = np.repeat(np.arange(3, dtype=np.uint8)[None], 4, axis=0)
    ledger.show({"hand-01.png": (np.ones((4, 3, 1), np.float32), truth)})
    return ledger


def questions(ledger):
    """Add what the other tables ask for: trials, budgets, numbers of images, groups, changes."""
    for key, method in (("xnet", "XNet"), ("unet", "U-Net")):
        for rate, wrong in (("1/3", 0.2), ("1", 0.1), ("3", 0.3)):
            about = {"key": key, "budget": "1/3", "rate": rate}
            slug = f"{key}-third-seed1-rate{rate}"
            write(ledger, method, wrong, ("validation", "choice"), slug=slug, **about)
        write(ledger, method, 0.2, key=key, budget="1/3")
        write(ledger, method, 0.06, key=key, budget="3")
        write(ledger, method, 0.0585, key=key, budget="9")
        for number, wrong in ((15, 0.3), (30, 0.25), (60, 0.2)):
            for seed in (1, 2):
                write(ledger, method, wrong + seed / 100, key=key, images=number, seed=seed)
        write(ledger, method, 0.05, key=key, added=200)
        for group in ("hand", "knee"):
            write(ledger, method, 0.3, key=key, budget="1/3", left_out=group)
    write(ledger, "XNet", 0.25, key="xnet", budget="1/3", changes={"l2": 0.0})
    about = {"family": "thresholding", "key": "best", "variant": "overall", "images": 15}
    write(ledger, "best classical", 0.35, slug="best-images15-draw1", **about)
    entry = ledger.entry("best-images15-draw1")
    write_json(entry.folder / "record.json", entry.record | {"key": "otsu"})
    return ledger
