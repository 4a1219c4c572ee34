"""The comparison's table: every method's scores with intervals, and their differences from XNet's.

It reads what the runs of a comparison left (`xnet_study.comparison.compared`) and writes
``results/table3*.csv``.
Nothing here trains or segments, so the table can be made again in a minute, and population scores
that are added later fall into place.

Scores are of the pictures' pixels at the size the networks saw, 200 along the longer side (the
profile's `image_size`); `xnet_tf.evaluation` scores one network at each image's own size.

Intervals are of 95 %, by subjects, BCa. They hold the trained networks fixed: what another seed
would have given is said by the spread over seeds beside them, and by the share of pairs of seeds in
which XNet comes out above.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from xnet_study.comparison import breakdown, compared
from xnet_study.comparison.compared import Method, Run, of_class
from xnet_tf import classes, dataset, metrics, runs
from xnet_tf.files import InputError, read_json, save_table, write_json

OWN = "XNet"
SPREAD = ("accuracy", "macro F1", "weighted F1", "AUC")
"""Scores whose spread over seeds is given."""

DRAWS = 10_000
"""Resamples behind a p-value: with 2,000 none could be small enough after Holm's adjustment."""

LEVEL = 0.05
NOT_AVAILABLE = "not available"

PUBLISHED = {
    "accuracy": "results.accuracy",
    "F1": "results.f1",
    "AUC": "results.auc",
    **{of_class("AUC", k): f"results.auc.{k.replace(' ', '_')}" for k in classes.NAMES},
    "parameters": "network.parameters",
}
"""XNet's published figures. How the paper averages its F1 and AUC over the classes is not known."""

DIFFERENCES = (
    "other",
    "variant",
    "family",
    "subset",
    "score",
    "value",
    "low",
    "high",
    "p",
    "pairs above",
    "pairs",
    "p Holm",
    "significant",
)
"""Columns of `differences`."""

_UNPUBLISHED = ("precision soft tissue", *(of_class("recall", k) for k in classes.NAMES))


def write(folder: Path) -> list[Path]:
    """Make all tables of a comparison.

    Args:
        folder: of the run, which holds ``comparison/``; ``results/`` in it is written to.

    Returns:
        The files written. A table without rows has its header.

    Raises:
        InputError: if no run is finished, XNet's are not, or the runs do not fit together; then
            nothing is written.
    """
    found = compared.read_runs(folder / "comparison")
    methods = compared.read(folder / "comparison")
    tables = {
        "table3": table(methods),
        "table3-differences": differences(methods),
        "table3-seeds": breakdown.seeds(methods),
        "table3-parts": breakdown.parts(methods),
        "table3-flattery": breakdown.flattery(methods),
        "table3-confusion": breakdown.confusion(methods),
        "table3-roc": breakdown.roc(methods),
        "table3-history": breakdown.history(methods),
        "table3-folds": breakdown.folds(found),
    }
    made_from = record(methods, found)  # refuses a mixture before anything is overwritten
    results = folder / "results"
    written = [save_table(content, results / f"{name}.csv") for name, content in tables.items()]
    return [*written, write_json(results / "table3.json", made_from)]


def table(methods: list[Method]) -> pd.DataFrame:
    """Return one row for each method, variant and subset.

    Returns:
        Columns ``method``, ``variant``, ``family``, ``subset``, ``images``, ``subjects``,
        ``seeds``, ``parameters``, ``milliseconds``; for each of `compared.SCORES` the mean over
        seeds and its ``low`` and ``high``; for those of `SPREAD` the ``seed SD``; and ``published``
        ones, which are of the authors' own images.
    """
    rows = [
        {**_about(method, subset), **_scores(method, subset), **published(method.name)}
        for method in methods
        for subset in method.subsets
    ]
    return pd.DataFrame(rows)


def published(name: str) -> dict[str, object]:
    """Return the published figures of a method by column; ``"not available"`` where there is none.

    Of the methods compared with XNet no figure is public.
    """
    columns = {f"published {score}": NOT_AVAILABLE for score in (*PUBLISHED, *_UNPUBLISHED)}
    if name != OWN:
        return columns
    figures = read_json(runs.REPOSITORY / "results" / "paper.json")["figures"]
    for score, key in PUBLISHED.items():
        columns[f"published {score}"] = figures[key]["value"]
    matrix = figures["results.confusion_matrix"]["value"]
    for k, of in enumerate(classes.NAMES):
        columns[f"published {of_class('recall', of)}"] = matrix[k][k]
    false = figures["results.soft_tissue_false_positives"]["value"]
    return {**columns, "published precision soft tissue": 1 - false}


def differences(methods: list[Method]) -> pd.DataFrame:
    """Compare XNet with every other method, paired by subject.

    Returns:
        One row for each other method, subset and score: ``value`` (XNet minus the other, each the
        mean of its seeds) with ``low`` and ``high``; ``p``, two-sided, by inversion of the BCa
        interval; ``p Holm``, adjusted for the number of methods compared on that subset in that
        score; ``significant``, whether that is below 0.05; ``pairs above`` of ``pairs`` of seeds.
        Without another method no rows.

    Raises:
        InputError: if XNet itself is missing.
    """
    own = next((m for m in methods if m.name == OWN), None)
    if own is None:
        raise InputError(f"the comparison holds no finished run of {OWN}")
    rows = [
        row
        for subset in breakdown.JUDGED
        for other in methods
        if other is not own and subset in own.subsets and subset in other.subsets
        for row in _difference(own, other, subset)
    ]
    found = pd.DataFrame(rows, columns=DIFFERENCES)
    if rows:
        groups = found.groupby(["subset", "score"])["p"]
        found["p Holm"] = groups.transform(lambda p: holm(p.to_numpy()))
        found["significant"] = found["p Holm"] < LEVEL
    return found


def record(methods: list[Method], found: list[Run]) -> dict:
    """Return what the tables were made from.

    Args:
        methods: scored on the paper's split.
        found: all finished runs, those with other images held out as well.

    Raises:
        InputError: if the runs were made from different data sets or populations.
    """
    records = [run.record for m in methods for run in m.runs]
    networks = [r for r in records if r["family"] == "network"]
    everything = [run.record for run in found]
    # Where other images are held out, the data of the run are a data set divided anew.
    data = _only({r.get("divided_from") or r["data"] for r in everything}, "data sets")
    fullest = max(methods, key=lambda method: len(method.subsets))
    return {
        "data_sha256": data,
        "population_sha256": _only(
            {r.get("population") for r in everything} - {None}, "populations"
        ),
        # By content: a copy of the data is simulated too, whatever XNET_DATA names meanwhile.
        "simulated": dataset.load(runs.REPOSITORY / "data").fingerprint() == data,
        "runs": sorted(r["slug"] for r in records),
        "profiles": {r["slug"]: r["profile"] for r in networks},
        "weights_sha256": {r["slug"]: r["weights_sha256"] for r in networks},
        "budget": budget(networks),
        "subsets": {name: _size(fullest, name) for name in fullest.subsets},
        "resamples": metrics.RESAMPLES,
        "resamples_of_p": DRAWS,
        "versions": runs.versions(),
    }


def budget(networks: list[dict]) -> str:
    """Say in words what the networks' trainings had in common, and how long they took.

    Args:
        networks: their records.
    """
    profiles = [r["profile"] for r in networks]
    said = []
    for key, text in (
        ("filters", "width {}"),
        ("image_size", "{0}x{0} pixels"),
        ("epochs", "{} epochs"),
        ("images_per_part", "{} images per body part and epoch"),
    ):
        values = {p[key][0] if key == "filters" else p[key] for p in profiles}
        said.append(text.format(" or ".join(map(str, sorted(values)))))
    seconds = [r["training_seconds"] for r in networks]
    said.append(f"{min(seconds) / 60:.1f} to {max(seconds) / 60:.1f} minutes of training")
    devices = sorted({r["device"] for r in networks})
    return ", ".join(said) + f" ({'; '.join(devices)})"


def _only(hashes: set[str], what: str) -> str | None:
    if len(hashes) > 1:
        raise InputError(
            f"the runs were made from {len(hashes)} {what}; `compare` renews the older"
        )
    return hashes.pop() if hashes else None


def _about(method: Method, subset: str) -> dict:
    first = method.runs[0].record
    return {
        "method": method.name,
        "variant": method.variant,
        "family": method.family,
        "subset": subset,
        **_size(method, subset),
        "seeds": len(method.runs),
        "parameters": first["parameters"],
        "milliseconds": np.median([r.record["milliseconds_per_image"] for r in method.runs]),
    }


def _size(method: Method, subset: str) -> dict[str, int]:
    subjects = method.subjects(subset)
    return {"images": len(subjects), "subjects": len(np.unique(subjects))}


def _scores(method: Method, subset: str) -> dict[str, float]:
    sums = method.by_subject(subset)
    found = metrics.bootstrap(sums, compared.over_seeds)
    values, bounds = found.estimate, found.bca()
    each = compared.scores(sums.sum(axis=0))
    areas = method.areas(subset)
    if areas is not None:
        # Intervals come from coarse counts of the logit; they move with the exact value.
        exact = np.concatenate([metrics.macro(areas)[:, None], areas], axis=1)
        at = [
            compared.SCORES.index(n) for n in ("AUC", *(of_class("AUC", k) for k in classes.NAMES))
        ]
        shift = metrics.macro(exact.T) - values[at]
        values[at] += shift
        bounds[at] += shift[:, None]
        each[:, at] = exact
    row = {}
    for q, name in enumerate(compared.SCORES):
        row |= {name: values[q], f"{name} low": bounds[q, 0], f"{name} high": bounds[q, 1]}
        if name in SPREAD:
            row[f"{name} seed SD"] = each[:, q].std(ddof=1) if len(each) > 1 else np.nan
    return row


def _difference(own: Method, other: Method, subset: str) -> list[dict]:
    seeds = len(own.runs)
    both = np.concatenate([own.confusions(subset), other.confusions(subset)], axis=1)
    _, sums = metrics.by_subject(both, own.subjects(subset))

    def score(totals):
        each = np.stack([of(totals) for of in breakdown.SCORES.values()], axis=-1)
        return each[:, :seeds].mean(axis=1) - each[:, seeds:].mean(axis=1)

    found = metrics.bootstrap(sums, score, resamples=DRAWS)
    bounds, p = found.bca(), found.p_value()
    rows = []
    for q, (name, of) in enumerate(breakdown.SCORES.items()):
        each = of(sums.sum(axis=0))
        above = each[:seeds, None] > each[None, seeds:]
        rows.append(
            {
                "other": other.name,
                "variant": other.variant,
                "family": other.family,
                "subset": subset,
                "score": name,
                "value": found.estimate[q],
                "low": bounds[q, 0],
                "high": bounds[q, 1],
                "p": p[q],
                "pairs above": int(above.sum()),
                "pairs": above.size,
            }
        )
    return rows


def holm(p: np.ndarray) -> np.ndarray:
    """Return p-values adjusted for their number by Holm's step-down procedure; NaN stays NaN."""
    out = np.full(len(p), np.nan)
    order = [i for i in np.argsort(p) if not np.isnan(p[i])]
    steps = [p[i] * (len(order) - rank) for rank, i in enumerate(order)]
    out[order] = np.minimum(np.maximum.accumulate(steps), 1) if steps else []
    return out
