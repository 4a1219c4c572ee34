"""The network behind `xnet segment`: a function from a radiograph to its probabilities."""

from __future__ import annotations

import argparse
import functools
import json
from dataclasses import asdict
from pathlib import Path

from xnet_io import familiarity, tiles
from xnet_io.segmenting import Engine, Method
from xnet_study import baselines
from xnet_study.certainty import operating
from xnet_tf import inference
from xnet_tf.files import InputError, sha256
from xnet_tf.weights import read_classes


def method(options: argparse.Namespace) -> Method:
    """Return how masks are made by the options of `xnet segment`.

    Raises:
        InputError: if options contradict each other, or what they need is missing.
    """
    if not options.weights.is_file():
        raise InputError(f"{options.weights}: no such weights file")
    quality = options.quality or ("high" if options.target_fdr is None else "normal")
    if options.target_fdr is not None and quality != "normal":
        raise InputError("--target-fdr was certified for --quality normal alone")
    decision = operating.decision(
        *(options.weights, options.threshold, options.target_fdr, options.post_process),
        guard=options.guard,
        polarity=operating.AUTO if options.polarity == "auto" else operating.GIVEN,
    )
    settings = {
        "weights_sha256": sha256(options.weights),
        "quality": quality,
        "polarity": options.polarity,
        "target_fdr": options.target_fdr,
        "threshold": decision.threshold,
        "guarded": decision.guarded,
        "processing": asdict(decision.processing),
    }
    extras = ("gimp", "overlay", "probabilities", "dicom-seg")
    wanted = frozenset(kind for kind in extras if getattr(options, kind.replace("-", "_")))
    # Of several processes each keeps to one core.
    threads = 1 if options.jobs > 1 or options.dask else 0
    loading = functools.partial(load, options.weights.absolute(), quality, threads)
    doubts = functools.partial(familiarity.doubts, options.weights.absolute(), threads)
    text = json.dumps(settings, sort_keys=True)
    classes = read_classes(options.weights)
    return Method(loading, decision, text, options.polarity, wanted, classes, doubts)


def load(weights: Path, quality: str, threads: int = 0) -> Engine:
    """Load a network, which is shown long pictures in tiles.

    Args:
        weights: a ``.npz`` of trained weights, with its record beside it.
        quality: of `xnet_tf.inference.VIEWS`.
        threads: how many may compute at once; 0 for one on each core.

    Raises:
        InputError: if the weights cannot be used.
    """
    network = baselines.load_network(weights, threads)

    def whole(image):
        return inference.segment(network, image, quality=quality).probabilities

    return functools.partial(tiles.probabilities, whole)
