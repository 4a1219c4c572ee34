"""Operating points: thresholds that were certified for one network, with their record.

They lie beside the weights, as ``<weights>-operating-points.json``, and serve nobody else: the
record names the weights, and others are refused.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from xnet_study.own_classes import guarded_class, need_the_papers
from xnet_study.processing import Processing
from xnet_tf import inference, thresholds
from xnet_tf.files import InputError, read_json, write_json
from xnet_tf.weights import read_classes

SOFT_TISSUE = "soft tissue"
"""The class that thresholds guard unless another is named."""

OFFERED = (0.2, 0.1, 0.05, 0.02, 0.01, 0.005)
"""False discovery rates that are tried for."""

PROMISE = (
    "The mean over new subjects, as many of each body part as among the calibration subjects, of "
    "the false discovery proportion of {guarded} in their images is at most target_fdr, with "
    "confidence 1 - delta over the calibration subjects (of this target alone, not of several at "
    "once), if new subjects come from where these did{where} and the polarity of their pictures is "
    "{polarity}. A single image or body part may exceed it."
)
_SIMULATED = " (simulated bodies, not patients)"

AUTO, GIVEN = "auto", "given"
"""How the polarity of pictures becomes known; each has certificates of its own."""

_POLARITY = {AUTO: "found automatically, as it was there", GIVEN: "given, and right"}


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
        reached: on other images: their ``set``, ``mean_fdr``, ``mean_recall``, ``abstained``, the
            share of ``images_above_target``, and ``mean_fdr_by_part``.
        polarity: `AUTO` or `GIVEN`.
    """

    target_fdr: float
    processed: bool
    threshold: float | None
    needed: int
    chosen_on: str
    subjects: int
    delta: float
    reached: dict
    polarity: str


@dataclass(frozen=True)
class Decision:
    """How probabilities become a mask, and on what authority.

    Attributes:
        threshold: of the guarded class, or None for the likeliest class.
        guarded: class that the threshold guards.
        processing: that follows.
        record: what a mask's own record says of it; empty for the likeliest class alone.
    """

    threshold: float | None
    guarded: int
    processing: Processing
    record: dict

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the label map, uint8 ``(H, W)``, of float ``(H, W, C)``."""
        labels = thresholds.decide(probabilities, self.threshold, self.guarded)
        return self.processing(labels, probabilities)


def decision(
    weights: Path,
    threshold: float | None = None,
    target_fdr: float | None = None,
    post_process: bool = False,
    guard: str | None = None,
    polarity: str = AUTO,
) -> Decision:
    """Return the decision that a user asked for.

    Args:
        weights: whose operating points are looked up, where they are needed.
        threshold: chosen by the user, with no promise.
        target_fdr: false discovery rate aimed at, in place of a threshold.
        post_process: whether the tuned post-processing follows.
        guard: name of the class that the threshold guards; by default that of the operating
            points, else soft tissue.
        polarity: how that of the pictures becomes known, `AUTO` or `GIVEN`.

    Raises:
        InputError: if both a threshold and a rate are given, or neither for a guarded class, the
            rate was not certified, or what is asked for is not for the network's classes.
    """
    if threshold is not None and target_fdr is not None:
        raise InputError("give --threshold or --target-fdr, not both")
    if guard is not None and threshold is None and target_fdr is None:
        raise InputError(f"--guard {guard}: give --threshold or --target-fdr with it")
    classes = read_classes(weights)
    if post_process:
        need_the_papers(classes.names, "--post-process")
    processing, promise, certified_for = Processing(), {"promise": None}, None
    if post_process or target_fdr is not None:
        made = read(weights, inference.WORKING_SIZE)
        processing = made.processing if post_process else processing
    if target_fdr is not None:
        point = certified(made.points, target_fdr, post_process, polarity)
        threshold, certified_for = point.threshold, made.guarded
        promise = {"promise": made.promises[polarity], "operating_point": asdict(point)}
    if threshold is None and not post_process:
        return Decision(threshold, 0, processing, {})
    guarded = guarded_class(classes, guard or certified_for or SOFT_TISSUE)
    if certified_for is not None and guarded != guarded_class(classes, certified_for):
        raise InputError(f"--target-fdr was certified for {certified_for}, not for {guard}")
    record = {"threshold": threshold, "guarded": classes.names[guarded], **promise}
    record |= {"processing": asdict(processing), "weights_sha256": _hash(weights)}
    return Decision(threshold, guarded, processing, record)


def path_for(weights: Path) -> Path:
    """Return where the operating points of weights lie."""
    return weights.with_name(f"{weights.stem}-operating-points.json")


def write(weights: Path, points: list[Point], processing: Processing, record: dict) -> Path:
    """Write the operating points of a network.

    Args:
        weights: beside which they go.
        points: all that were tried, certified or not.
        processing: the post-processing that the processed ones were certified with.
        record: with ``weights_sha256``, ``working_size``, ``sets``, ``guarded`` and ``versions``.
    """
    kept = ("weights_sha256", "working_size", "sets", "guarded", "simulated", "versions")
    content = {"promises": _promises(record), **{name: record[name] for name in kept}}
    content |= {"processing": asdict(processing), "points": [asdict(point) for point in points]}
    return write_json(path_for(weights), content)


def _promises(record: dict) -> dict[str, str]:
    """Return the promise by how the polarity becomes known."""
    words = {"guarded": record["guarded"], "where": _SIMULATED if record["simulated"] else ""}
    return {name: PROMISE.format(polarity=how, **words) for name, how in _POLARITY.items()}


class Made(NamedTuple):
    """What a record of operating points holds: see `write`."""

    points: list[Point]
    processing: Processing
    guarded: str
    promises: dict[str, str]


def read(weights: Path, working_size: int | None = None) -> Made:
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
        made = Made(points, processing, content["guarded"], _promises(content))
    except (KeyError, TypeError) as error:
        raise InputError(f"{path}: not a record of operating points ({error})") from None
    if used != _hash(weights):
        raise InputError(f"{path}: was made for other weights than {weights.name}")
    certified_at = content.get("working_size")
    if working_size is not None and certified_at != working_size:
        raise InputError(f"{path}: was certified at {certified_at} pixels, not at {working_size}")
    return made


def certified(points: list[Point], target: float, processed: bool, polarity: str = AUTO) -> Point:
    """Return the point that was certified for a target.

    Args:
        points: of `read`.
        target: false discovery rate aimed at.
        processed: whether the post-processing follows.
        polarity: how that of the pictures becomes known.

    Raises:
        InputError: if that was not certified; says what was, and what it would take.
    """
    if not points:
        raise InputError(
            f"a false discovery rate of {target:g} was not certified, nor was any other: that "
            "takes new subjects, for `xnet confidence --population FOLDER`; `make population` "
            "simulates some, with the paper's classes"
        )
    alike = [p for p in points if p.processed == processed and p.polarity == polarity]
    tried = {p.target_fdr: p for p in alike}
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
