"""Masks of radiographs: each file read, segmented, decided upon and written."""

from __future__ import annotations

import argparse
from pathlib import Path

from tqdm import tqdm

from xnet_io import masks, outputs, radiographs
from xnet_tf import inference
from xnet_tf.files import write_json


def plan(options: argparse.Namespace) -> dict[Path, Path]:
    """Return where the mask of each image goes, after a look at every file.

    Raises:
        InputError: if an image cannot be read, or something would be overwritten.
    """
    targets = outputs.mask_paths(options.images, options.out)
    if options.gimp:
        outputs.check_no_projects(targets)
    for path in options.images:
        radiographs.read(path, options.polarity)
    return targets


def write_masks(
    targets: dict[Path, Path],
    network: inference.Network,
    quality: str,
    decision,
    options: argparse.Namespace,
) -> None:
    """Segment each image and write its mask, and a line that says so.

    Args:
        targets: of `plan`.
        network: a Keras model, or any function as `xnet_tf.inference` takes it.
        quality: of `xnet_tf.inference.VIEWS`.
        decision: from probabilities ``(H, W, C)`` to a label map; its ``record`` goes beside the
            mask unless it is empty.
        options: ``polarity`` and ``gimp``.
    """
    for path, target in tqdm(targets.items(), "segmenting", disable=len(targets) < 2):
        radiograph = radiographs.load(path, options.polarity)
        image = radiograph.image[radiograph.exposed]
        probabilities = inference.segment(network, image, quality=quality).probabilities
        mask = radiograph.widen(decision(probabilities))
        # The record of an earlier mask must not outlive it, were this process killed here.
        target.with_suffix(".json").unlink(missing_ok=True)
        masks.write_mask(target, mask, path)
        if decision.record:
            write_json(target.with_suffix(".json"), decision.record)
        if options.gimp:
            masks.write_project(target.with_suffix(".xcf"), radiograph.image, mask)
        for warning in radiograph.warnings:
            tqdm.write(f"warning: {path}: {warning}")
        tqdm.write(f"{path} -> {target}; open beam {radiograph.taken}")
