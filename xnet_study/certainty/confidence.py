"""Go through images once and save what notebooks 7 and 8 and their figures are drawn from.

The sets are the validation and test images and, where they were rendered, the calibration and
evaluation populations (`make population`). Re-calibrations are fitted on validation and on the
calibration population, and are judged on test and on the evaluation population.

``results/`` of a run then holds ``confidence.json`` (what it was made from),
``calibration-scores.csv``, ``calibration-bins.csv`` (reliability diagrams),
``calibration-images.csv``, ``calibration-parts.csv`` (the paper's network confidence),
``calibration-coverage.csv``, ``calibration-strangers.csv``, and
what `xnet_study.certainty.choices` adds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from xnet_study.certainty import choices, selective, strangers, streaming
from xnet_study.certainty.streaming import TARGETS, Stream
from xnet_tf import calibration, classes, dataset, inference, metrics, runs
from xnet_tf.files import read_json, save_table, write_json
from xnet_tf.profiles import Profile
from xnet_tf.thresholds import Processing
from xnet_tf.weights import load_weights

FITTING = ("validation", "calibration")
JUDGING = ("test", "evaluation")
AS_TRAINED, VIEWS, ENSEMBLE = "as trained", "eight views", "ensemble"
RECORD = "confidence.json"
TOP = TARGETS.index("top label")


def find(data: dataset.Dataset, profile: Profile) -> tuple[Path, str]:
    """Find the numbers of the current run, else of the release; else make them from small sets.

    Args:
        data: whose validation and test images serve if nothing is found.
        profile: whose run is looked at first.

    Returns:
        The folder of results and where it comes from: ``"this run"``, ``"the release"`` or
        ``"validation and test images, just now"``.
    """
    own = runs.folder(profile)
    weights, _ = runs.weights(profile)
    used = read_json(weights.with_suffix(".json"))["sha256"]
    for folder, origin in ((own, "this run"), (runs.REPOSITORY, "the release")):
        record = folder / "results" / RECORD
        if record.is_file() and (origin == "the release" or _used(record) == used):
            return record.parent, origin
    return evaluate(data, profile), "validation and test images, just now"


def evaluate(
    data: dataset.Dataset,
    profile: Profile,
    population: Path | None = None,
    members: tuple[Path, ...] = (),
) -> Path:
    """Go through all sets and write every number; an interrupted call is gone on with.

    Args:
        data: with validation and test images.
        profile: whose weights are judged, or, without any, the released ones.
        population: folder of `make population`; None, or without its parts: the small sets alone.
        members: weights of further networks, for an ensemble with the run's own.

    Returns:
        The folder of results.
    """
    weights, origin = runs.weights(profile)
    sets = _sets(data, population)
    model, others = load_weights(weights), [load_weights(m) for m in members]
    size = profile.image_size
    results = runs.folder(profile) / "results"
    state = runs.folder(profile) / "confidence"
    record = {
        "weights_sha256": read_json(weights.with_suffix(".json"))["sha256"],
        "members_sha256": [read_json(m.with_suffix(".json"))["sha256"] for m in members],
        "working_size": size,
        "sets": {name: _about(rows) for name, rows in sets.items()},
        "simulated": _simulated(data),
        "versions": runs.versions(),
    }
    processing, tried = choices.tune(pictures(*sets["validation"]), model, size)
    streams: dict[str, Stream] = {}
    changes: dict[str, calibration.Scaling | calibration.Isotonic] = {}
    for name in (n for n in (*FITTING, *JUDGING) if n in sets):
        fitting = name in FITTING
        networks = [] if fitting else others
        extra = [] if fitting else [*changes, VIEWS, *([ENSEMBLE] if others else [])]
        stream = Stream(
            [AS_TRAINED, *extra],
            processing,
            () if fitting else tuple(choices.variants(processing).values()),
        )
        predict = predictor(model, networks, {} if fitting else changes, size, not fitting)
        key = _key(record, name, stream.methods, processing)
        rows = sets[name]
        streams[name] = streaming.run(
            stream, pictures(*rows), predict, len(rows[1]), state / f"{name}.npz", key
        )
        if fitting:
            changes |= {f"{kind} ({name})": c for kind, c in refit(stream).items()}
    manifests = {name: sets[name][1].loc[streams[name].images] for name in streams}
    for name, table in tables(streams, manifests).items():
        save_table(table, results / f"calibration-{name}.csv")
    save_table(strangers.table(model, data, size), results / "calibration-strangers.csv")
    beside = weights if origin == "this run" else None
    choices.write(streams, manifests, processing, tried, record, results, beside)
    scalings = {n: asdict(c) for n, c in changes.items() if isinstance(c, calibration.Scaling)}
    write_json(results / RECORD, {**record, "recalibrations": scalings})
    return results


def pictures(data: dataset.Dataset, manifest: pd.DataFrame) -> Iterator[streaming.Picture]:
    """Read the images of a manifest's rows one by one."""
    for row in manifest.itertuples():
        yield streaming.Picture(row.Index, *dataset.read_pair(data.folder, row))


def predictor(
    model,
    others: list,
    changes: dict,
    working_size: int,
    averages: bool,
) -> streaming.Predict:
    """Return what gives the probabilities of every method for one image.

    Args:
        model: the network.
        others: further networks, for an ensemble.
        changes: re-calibrations by name.
        working_size: longer side the networks look at, in pixels.
        averages: whether the mean over eight views of the image is wanted.
    """

    def probabilities(network, image: np.ndarray, quality: str = "normal") -> np.ndarray:
        seen = inference.segment(network, image, working_size=working_size, quality=quality)
        return seen.probabilities

    def predict(image: np.ndarray) -> dict[str, np.ndarray]:
        own = probabilities(model, image)
        found = {AS_TRAINED: own, **{name: change(own) for name, change in changes.items()}}
        if averages:
            found[VIEWS] = probabilities(model, image, quality="turned")
        if others:
            found[ENSEMBLE] = np.mean([own, *(probabilities(m, image) for m in others)], axis=0)
        return found

    return predict


def refit(stream: Stream) -> dict[str, calibration.Scaling | calibration.Isotonic]:
    """Fit every kind of re-calibration on a set."""
    sample = stream.per_image("sample").reshape(-1, classes.COUNT + 1)
    pixels = sample[:, :-1], sample[:, -1].astype(int)
    return {
        "temperature": calibration.fit_temperature(*pixels),
        "vector scaling": calibration.fit_vector(*pixels),
        "isotonic": calibration.fit_isotonic(stream.classes[0]),
    }


def tables(
    streams: dict[str, Stream], manifests: dict[str, pd.DataFrame]
) -> dict[str, pd.DataFrame]:
    """Return the tables of the calibration results by name.

    Args:
        streams: by set.
        manifests: rows of the images of each, in the streams' order.
    """
    found: dict[str, list[pd.DataFrame]] = {}
    for name, stream in streams.items():
        manifest = manifests[name]
        subjects = manifest["subject"].to_numpy(str)
        for title, table in {
            "scores": score_table(stream, subjects),
            "bins": bin_table(stream, subjects),
            "images": image_table(stream, manifest),
            "parts": part_table(stream, manifest),
            "coverage": coverage_table(stream),
        }.items():
            table.insert(0, "set", name)
            found.setdefault(title, []).append(table)
    return {title: pd.concat(parts) for title, parts in found.items()}


def score_table(stream: Stream, subjects: np.ndarray) -> pd.DataFrame:
    """Return every score of every method: pooled over pixels, and as mean over images.

    Columns ``method, score, class, over, value, low, high``. Intervals are by subject (BCa); what
    has none is computed from all pixels' exact counts.
    """
    rows = []
    for m, method in enumerate(stream.methods):
        losses = stream.per_image("losses")[:, m].astype(float)
        bins = stream.per_image("bins")[:, m].astype(float)
        pixels = bins[:, TOP, :, 0].sum(axis=1)
        rows += [(method, *r) for r in _losses(losses, pixels, subjects)]
        rows += [(method, *r) for r in _binned(bins, subjects)]
        rows += [(method, *r, np.nan, np.nan) for r in _exact(stream, m)]
    return pd.DataFrame(rows, columns=["method", "score", "class", "over", "value", "low", "high"])


def _losses(losses: np.ndarray, pixels: np.ndarray, subjects: np.ndarray) -> Iterator[tuple]:
    for j, score in enumerate(("NLL", "Brier")):
        pooled = np.stack([losses[:, j], pixels], axis=1)
        yield score, "all", "pixels", *_ratio(pooled, subjects)
        each = np.stack([losses[:, j] / pixels, np.ones(len(pixels))], axis=1)
        yield score, "all", "images", *_ratio(each, subjects)


def _binned(bins: np.ndarray, subjects: np.ndarray) -> Iterator[tuple]:
    top = bins[:, TOP].sum(axis=1)
    yield "accuracy", "top label", "pixels", *_ratio(top[:, [1, 0]], subjects)
    yield "confidence", "top label", "pixels", *_ratio(top[:, [2, 0]], subjects)
    for t, target in enumerate(TARGETS):
        one = bins[:, t]
        yield "ECE", target, "pixels", *metrics.interval(one, subjects, calibration.ece)
        there = one[..., 0].sum(axis=1) > 0
        each = np.stack([calibration.ece(one[there]), np.ones(there.sum())], axis=1)
        yield "ECE", target, "images", *_ratio(each, subjects[there])
    yield "MCE", "top label", "pixels", *metrics.interval(bins[:, TOP], subjects, calibration.mce)
    of_classes = bins[:, : classes.COUNT]
    mean = metrics.interval(of_classes, subjects, lambda sums: calibration.ece(sums).mean(axis=-1))
    yield "ECE", "mean of classes", "pixels", *mean


def _exact(stream: Stream, m: int) -> Iterator[tuple]:
    counts = [calibration.against_rest(stream.classes[m, k], k) for k in range(classes.COUNT)]
    for target, one in zip((*classes.NAMES, "top label"), [*counts, stream.top[m, 0]], strict=True):
        sums = calibration.bin_sums(one, calibration.equal_mass(one))
        yield "adaptive ECE", target, "pixels", float(calibration.ece(sums))
        yield "KS", target, "pixels", calibration.ks(one)
    for target, one in zip(classes.NAMES, counts, strict=True):
        parts = dict(zip(("MCB", "DSC", "UNC"), calibration.brier_parts(one), strict=True))
        for part, value in {"": calibration.brier(one), **parts}.items():
            yield f"Brier {part}".strip(), target, "pixels", value
    wrong, right = stream.top[m, 0] @ calibration.PROBABILITIES / stream.top[m, 0].sum(axis=1)
    yield "confidence where wrong", "top label", "pixels", float(wrong)
    yield "confidence where right", "top label", "pixels", float(right)
    yield "AURC", "top label", "pixels", selective.aurc(stream.top[m, 0])


def answer(results: Path) -> str:
    """Answer in numbers whether the network is well calibrated, from the tables of `evaluate`.

    Args:
        results: folder of results.
    """
    name = "evaluation" if "evaluation" in read_json(results / RECORD)["sets"] else "test"
    table = pd.read_csv(results / "calibration-scores.csv")
    rows = table.query("set == @name and method == @AS_TRAINED and over == 'pixels'")
    value = rows.set_index(["score", "class"])

    def shown(score: str, target: str) -> str:
        one = value.loc[(score, target)]
        interval = f" [{one['low']:.3f}, {one['high']:.3f}]" if np.isfinite(one["low"]) else ""
        return f"{one['value']:.3f}{interval}"

    gaps = value.xs("ECE")["value"][list(classes.NAMES)]
    parts = pd.read_csv(results / "calibration-parts.csv").query(
        "set == @name and body_part == 'all'"
    )
    by_class = "; ".join(
        f"{r['class']} {r['confidence']:.3f} where {r['accuracy']:.3f} is right"
        for _, r in parts.iterrows()
    )
    return (
        f"On the {name} images the network is on average {shown('confidence', 'top label')} sure "
        f"and {shown('accuracy', 'top label')} right; its top-label ECE is "
        f"{shown('ECE', 'top label')}. By class the ECE is largest for {gaps.idxmax()}, "
        f"{shown('ECE', gaps.idxmax())}, and smallest for {gaps.idxmin()}, "
        f"{shown('ECE', gaps.idxmin())}. The paper's network confidence: {by_class}. Near a true "
        f"boundary the ECE is {shown('ECE', 'border')}, elsewhere {shown('ECE', 'interior')}. "
        f"Wrong pixels have a mean confidence of {shown('confidence where wrong', 'top label')}, "
        f"right ones of {shown('confidence where right', 'top label')}; taking the surest pixels "
        f"first, the mean risk is {shown('AURC', 'top label')}, where a random order would have "
        f"{1 - value.loc[('accuracy', 'top label'), 'value']:.3f}."
    )


def bin_table(stream: Stream, subjects: np.ndarray) -> pd.DataFrame:
    """Return the reliability diagrams: equal widths with bands, and equal masses."""
    parts = []
    for m, method in enumerate(stream.methods):
        for t, target in enumerate(TARGETS):
            sums = metrics.by_subject(stream.per_image("bins")[:, m, t], subjects)[1]
            if t < classes.COUNT:
                counts = calibration.against_rest(stream.classes[m, t], t)
            else:
                counts = stream.top[m, t - classes.COUNT]
            if not counts.any():
                continue
            mass = calibration.bin_sums(counts, calibration.equal_mass(counts))
            for bins, table in (
                ("equal width", calibration.diagram(sums)),
                ("equal mass", calibration.diagram(mass[None]).drop(columns=["low", "high"])),
            ):
                parts.append(table.assign(method=method, target=target, bins=bins))
    first = ["method", "target", "bins"]
    table = pd.concat(parts)
    return table[first + [c for c in table if c not in first]]


def image_table(stream: Stream, manifest: pd.DataFrame) -> pd.DataFrame:
    """Return one row per image: accuracy, confidence and losses of the network as trained."""
    bins, assigned = stream.per_image("bins")[:, 0], stream.per_image("assigned")[:, 0]
    number, right, sure = bins[:, TOP].sum(axis=1).T
    columns = {
        "image": manifest.index,
        "body_part": manifest["body_part"],
        "subject": manifest["subject"],
        "accuracy": right / number,
        "confidence": sure / number,
        "NLL": stream.per_image("losses")[:, 0, 0] / number,
        "Brier": stream.per_image("losses")[:, 0, 1] / number,
        "ECE": calibration.ece(bins[:, TOP]),
    }
    with np.errstate(invalid="ignore"):
        for k, name in enumerate(classes.NAMES):
            columns[f"confidence {name}"] = assigned[:, k, 2] / assigned[:, k, 0]
            columns[f"accuracy {name}"] = assigned[:, k, 1] / assigned[:, k, 0]
    return pd.DataFrame(columns).reset_index(drop=True)


def part_table(stream: Stream, manifest: pd.DataFrame) -> pd.DataFrame:
    """Return the paper's network confidence by class and body part, beside the accuracy there."""
    assigned = stream.per_image("assigned")[:, 0].astype(float)
    parts = manifest["body_part"].to_numpy(str)
    rows = []
    for part in ("all", *np.unique(parts)):
        sums = assigned if part == "all" else assigned[parts == part]
        for k, (number, right, sure) in enumerate(sums.sum(axis=0)):
            if number:
                row = (part, classes.NAMES[k], len(sums), int(number))
                rows.append((*row, sure / number, right / number))
    columns = ["body_part", "class", "images", "pixels", "confidence", "accuracy"]
    return pd.DataFrame(rows, columns=columns)


def coverage_table(stream: Stream) -> pd.DataFrame:
    """Return the risk-coverage curves of every method, over pixels and over images."""
    parts = []
    for m, method in enumerate(stream.methods):
        number, right, sure = stream.per_image("bins")[:, m, TOP].sum(axis=1).T
        for over, table in (
            ("pixels", selective.coverage(stream.top[m, 0], 100)),
            ("images", selective.image_coverage(sure / number, 1 - right / number)),
        ):
            parts.append(table.assign(method=method, over=over))
    return pd.concat(parts)


def _ratio(sums: np.ndarray, subjects: np.ndarray) -> tuple[float, float, float]:
    return metrics.interval(sums, subjects, lambda totals: totals[:, 0] / totals[:, 1])


def _sets(data: dataset.Dataset, population: Path | None) -> dict[str, tuple]:
    """Return the data set and manifest of each set that is there."""
    found = {name: (data, data.subset(name)) for name in ("validation", "test")}
    for name in ("calibration", "evaluation"):
        if population and (population / name / "manifest.csv").is_file():
            part = dataset.load(population / name)
            found[name] = (part, part.manifest)
    return found


def _about(rows: tuple) -> dict:
    data, manifest = rows
    return {
        "images": len(manifest),
        "subjects": int(manifest["subject"].nunique()),
        "data_sha256": data.fingerprint(),
    }


def _simulated(data: dataset.Dataset) -> bool:
    return data.folder.resolve() == (runs.REPOSITORY / "data").resolve()


def _key(record: dict, name: str, methods: tuple[str, ...], processing: Processing) -> str:
    """Tell apart what a saved state was made from: re-calibrations follow from the sets."""
    made_from = [record, name, methods, asdict(processing)]
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()


def _used(record: Path) -> str:
    return read_json(record)["weights_sha256"]
