"""Operating points: thresholds that were certified for one network, with their record.

They lie beside the weights, as ``<weights>-operating-points.json``, and serve nobody else: the
record names the weights, and others are refused.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from xnet_tf import inference, thresholds
from xnet_tf.files import InputError, read_json, write_json
from xnet_tf.thresholds import Processing

OFFERED = (0.2, 0.1, 0.05, 0.02, 0.01, 0.005)
"""False discovery rates that are tried for."""

PROMISE = (
    "The mean over new subjects, as many of each body part as among the calibration subjects, of "
    "the false discovery proportion of soft tissue in their images is at most target_fdr, with "
    "confidence 1 - delta over the calibration subjects, if new subjects come from where these did "
    "(simulated bodies, not patients) and their polarity is known, as it was there. A single "
    "image or body part may exceed it."
)


@dataclass(frozen=True)
class Point:
    """A target, and the threshold that keeps it.

    Attributes:
        target_fdr: largest mean false discovery proportion aimed at.
        processed: whether the post-processing follows.
        threshold: of soft tissue, or None if none could be certified.
        needed: subjects that it would take at least, even if all were flawless.
        chosen_on: the set.
        subjects: how many it has.
        delta: chance that the promise is broken.
        reached: on other images: their ``set``, ``mean_fdr``, ``mean_recall``, ``abstained``.
    """

    target_fdr: float
    processed: bool
    threshold: float | None
    needed: int
    chosen_on: str
    subjects: int
    delta: float
    reached: dict


@dataclass(frozen=True)
class Decision:
    """How probabilities become a mask, and on what authority.

    Attributes:
        threshold: of soft tissue, or None for the likeliest class.
        processing: that follows.
        record: what a mask's own record says of it; empty for the likeliest class alone.
    """

    threshold: float | None
    processing: Processing
    record: dict

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the label map, uint8 ``(H, W)``, of float ``(H, W, 3)``."""
        return self.processing(thresholds.decide(probabilities, self.threshold), probabilities)


def decision(
    weights: Path,
    threshold: float | None = None,
    target_fdr: float | None = None,
    post_process: bool = False,
) -> Decision:
    """Return the decision that a user asked for.

    Args:
        weights: whose operating points are looked up, where they are needed.
        threshold: chosen by the user, with no promise.
        target_fdr: false discovery rate aimed at, in place of a threshold.
        post_process: whether the tuned post-processing follows.

    Raises:
        InputError: if both a threshold and a rate are given, or the rate was not certified.
    """
    if threshold is not None and target_fdr is not None:
        raise InputError("give --threshold or --target-fdr, not both")
    points, tuned = [], Processing()
    if post_process or target_fdr is not None:
        points, tuned = read(weights, inference.WORKING_SIZE)
    processing, promise = tuned if post_process else Processing(), {"promise": None}
    if target_fdr is not None:
        point = certified(points, target_fdr, post_process)
        threshold = point.threshold
        promise = {"promise": PROMISE, "operating_point": asdict(point)}
    if threshold is None and not post_process:
        return Decision(threshold, processing, {})
    record = {"threshold": threshold, **promise, "processing": asdict(processing)}
    return Decision(threshold, processing, record | {"weights_sha256": _hash(weights)})


def path_for(weights: Path) -> Path:
    """Return where the operating points of weights lie."""
    return weights.with_name(f"{weights.stem}-operating-points.json")


def write(weights: Path, points: list[Point], processing: Processing, record: dict) -> Path:
    """Write the operating points of a network.

    Args:
        weights: beside which they go.
        points: all that were tried, certified or not.
        processing: the post-processing that the processed ones were certified with.
        record: with ``weights_sha256``, ``working_size``, ``sets`` and ``versions``.
    """
    kept = ("weights_sha256", "working_size", "sets", "simulated", "versions")
    content = {"promise": PROMISE, **{name: record[name] for name in kept}}
    content |= {"processing": asdict(processing), "points": [asdict(point) for point in points]}
    return write_json(path_for(weights), content)


def read(weights: Path, working_size: int | None = None) -> tuple[list[Point], Processing]:
    """Read the operating points of weights.

    Args:
        weights: whose they are.
        working_size: at which they are to be used, in pixels; None for any.

    Raises:
        InputError: if there are none, or they belong to other weights or another working size.
    """
    path = path_for(weights)
    if not path.is_file():
        raise InputError(
            f"{path}: no such file; these weights have no certified operating points: "
            "`xnet confidence --profile NAME` makes those of a run"
        )
    content = read_json(path)
    try:
        points = [Point(**point) for point in content["points"]]
        processing, used = Processing(**content["processing"]), content["weights_sha256"]
    except (KeyError, TypeError) as error:
        raise InputError(f"{path}: not a record of operating points ({error})") from None
    if used != _hash(weights):
        raise InputError(f"{path}: was made for other weights than {weights.name}")
    certified_at = content.get("working_size")
    if working_size is not None and certified_at != working_size:
        raise InputError(f"{path}: was certified at {certified_at} pixels, not at {working_size}")
    return points, processing


def certified(points: list[Point], target: float, processed: bool) -> Point:
    """Return the point that was certified for a target.

    Args:
        points: of `read`.
        target: false discovery rate aimed at.
        processed: whether the post-processing follows.

    Raises:
        InputError: if that was not certified; says what was, and what it would take.
    """
    if not points:
        raise InputError(
            f"a false discovery rate of {target:g} was not certified, nor was any other: that "
            "takes new subjects; run `make population`, then `xnet confidence`"
        )
    tried = {p.target_fdr: p for p in points if p.processed == processed}
    kept = {t: p for t, p in tried.items() if p.threshold is not None}
    if target in kept:
        return kept[target]
    reason = "was not tried"
    if target in tried:
        reason = (
            f"could not be promised from {tried[target].subjects} subjects; at least "
            f"{tried[target].needed} are needed, if none of them errs"
        )
    offered = ", ".join(f"{t:g}" for t in kept) or "none"
    raise InputError(f"a false discovery rate of {target:g} {reason}; certified: {offered}")


def _hash(weights: Path) -> str | None:
    return read_json(weights.with_suffix(".json")).get("sha256")
