"""Folders of a comparison with made-up counts, as `xnet_study.comparison.runner` writes them."""

import numpy as np
import pandas as pd

from xnet_tf import classes
from xnet_tf.files import write_json
from xnet_tf.metrics import COUNT_COLUMNS

PIXELS = 900
PARTS = ("hand", "knee", "thorax")
IMAGES = {"test": 22, "validation": 23, "evaluation": 60}

PROFILE = {"filters": [16, 32], "epochs": 10, "image_size": 200, "images_per_part": 6}
NETWORK = {"family": "network", "parameters": 1000, "milliseconds": 12.0}
CLASSICAL = {"family": "thresholding", "parameters": None, "milliseconds": 3.0}


def images(subset):
    """Images of a subset; the first subjects of test and validation have two."""
    number = IMAGES[subset]
    subjects = np.arange(number) if subset == "evaluation" else np.maximum(np.arange(number) - 2, 0)
    return pd.DataFrame(
        {
            "subset": subset,
            "image": [f"images/{subset}-{i:02d}.png" for i in range(number)],
            "body_part": [PARTS[i % len(PARTS)] for i in range(number)],
            "subject": [f"{subset}-{i:02d}" for i in subjects],
        }
    )


def counts(table, wrong, seed=0):
    """Confusion counts: a third of the pixels each class's, a share of them wrong.

    What is hard about an image is the same for all methods of equal `seed`.
    """
    rng = np.random.default_rng(seed)
    hard = np.clip(wrong + rng.normal(0, 0.03, len(table)), 0, 0.6)
    missed = np.round(PIXELS / 3 * hard / 2).astype(int)
    found = np.full((len(table), 3, 3), missed[:, None, None])
    found[:, range(3), range(3)] = (PIXELS // 3 - 2 * missed)[:, None]
    return found.reshape(len(table), 9)


def surfaces(table, nsd=0.8):
    """Surface scores of every class; that of bone is not defined on the first image."""
    rows = table.loc[table.index.repeat(3), ["subset", "image"]].reset_index(drop=True)
    rows["class"] = list(classes.NAMES) * len(table)
    rows["nsd1"], rows["nsd2"], rows["hd95"] = nsd, nsd + 0.1, 4.0
    first = (rows["class"] == "bone") & (rows["image"] == rows["image"].iloc[0])
    rows.loc[first, ["nsd1", "nsd2", "hd95"]] = np.nan
    return rows


def levels(table):
    """Coarse counts of the logit: negatives at bins 0 and 1, positives at 1 and 2, as many each."""
    out = np.zeros((len(table), 3, 2, 256), np.int32)
    out[:, :, 0, :2], out[:, :, 1, 1:3] = 10, 10
    return out


def write(root, method, variant="", wrong=0.1, subsets=("test", "validation"), **about):
    """Write one method's folder; returns it. Methods of equal luck find the same images hard."""
    fold = about.get("fold")
    held_out = f"{fold['kind']} {fold['name']}" if fold else ""
    slug = "-".join(f"{method} {variant} {held_out}".lower().split())
    folder = root / "comparison" / slug
    folder.mkdir(parents=True)
    about = {**(NETWORK if variant.startswith("seed") else CLASSICAL), **about}
    tables = [images(subset) for subset in subsets]
    for number, table in enumerate(tables):
        table[COUNT_COLUMNS] = counts(table, wrong, seed=number + about.get("luck", 0))
    pd.concat(tables).to_csv(folder / "counts.csv", index=False)
    pd.concat([surfaces(t) for t in tables]).to_csv(folder / "surfaces.csv", index=False)
    network = about["family"] == "network"
    if network:
        np.savez(folder / "scores.npz", **{t["subset"].iloc[0]: levels(t) for t in tables})
        areas = [(s, k, 0.87) for s in subsets for k in classes.NAMES]
        pd.DataFrame(areas, columns=["subset", "class", "auc"]).to_csv(
            folder / "auc.csv", index=False
        )
        columns = {"epoch": [1, 2], "val_loss": [1.1, 0.7], "val_accuracy": [0.6, 0.8]}
        history = pd.DataFrame(columns)
        history.to_csv(folder / "history.csv", index=False)
    record = {
        "method": method,
        "slug": slug,
        "family": about["family"],
        "variant": variant,
        "parameters": about["parameters"],
        "milliseconds_per_image": about["milliseconds"],
        "seed": int(variant.split()[1]) if network else None,
        "profile": PROFILE if network else None,
        "settings": None,
        "fold": fold,
        "data": "0" * 64,
        "versions": {},
    }
    if network:
        record |= {"weights_sha256": slug, "training_seconds": 300, "device": "2 CPU cores"}
    write_json(folder / "record.json", record)
    return folder


def held_out(root, kind, name, parts, wrong, luck=0, subsets=("test",)):
    """Write XNet as trained without some images: those of some parts."""
    fold = {"kind": kind, "name": name}
    folder = write(root, "XNet", "seed 1", wrong, subsets, fold=fold, luck=luck)
    table = pd.read_csv(folder / "counts.csv")
    table[table["body_part"].isin(parts)].to_csv(folder / "counts.csv", index=False)


def comparison(root, subsets=tuple(IMAGES)):
    """Write XNet in three seeds, a U-Net that is as good, and methods that are worse or better."""
    for seed, wrong in enumerate((0.09, 0.10, 0.11), 1):
        write(root, "XNet", f"seed {seed}", wrong, subsets)
        write(root, "U-Net", f"seed {seed}", wrong, subsets, luck=10)
    write(root, "DeepLabV3+", "seed 1", 0.05, subsets)
    for variant, wrong in (("overall", 0.3), ("by part", 0.25), ("oracle", 0.02)):
        write(root, "Otsu", variant, wrong, subsets)
    write(root, "constant predictor", "", 0.6, subsets, family="constant")
    return root
