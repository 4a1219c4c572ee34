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

from xnet_study.comparison import breakdown, compared, significance, streamed_auc
from xnet_study.comparison.compared import XNET, Method, Run, of_class
from xnet_study.comparison.scoring import JUDGED
from xnet_tf import classes, dataset, metrics, runs
from xnet_tf.files import InputError, read_json, save_table, write_json

SPREAD = ("accuracy", "macro F1", "weighted F1", "AUC")
"""Scores whose spread over seeds is given."""

DRAWS = 10_000
"""Resamples behind a p-value: with 2,000 none could be small enough after Holm's adjustment."""

LEVEL = 0.05

PUBLISHED = {
    "accuracy": "results.accuracy",
    "F1": "results.f1",
    "AUC": "results.auc",
    **{of_class("AUC", k): f"results.auc.{k.replace(' ', '_')}" for k in classes.NAMES},
    "parameters": "network.parameters",
}
"""XNet's published figures. How the paper averages its F1 and AUC over the classes is not known."""

_FALSE_POSITIVES = "results.soft_tissue_false_positives"


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
    all_runs = compared.read_runs(folder / "comparison")
    methods = compared.read(folder / "comparison")
    tables = {
        "table3": table(methods),
        "table3-differences": differences(methods),
        "table3-seeds": breakdown.seeds(methods),
        "table3-parts": breakdown.parts(methods),
        "table3-protocol": breakdown.authors_protocol(methods),
        "table3-confusion": breakdown.confusion(methods),
        "table3-roc": breakdown.roc(methods),
        "table3-history": breakdown.history(methods),
        "table3-folds": breakdown.folds(all_runs),
    }
    made_from = record(methods, all_runs)  # refuses a mixture before anything is overwritten
    results = folder / "results"
    written = [save_table(content, results / f"{name}.csv") for name, content in tables.items()]
    return [*written, write_json(results / "table3.json", made_from)]


def table(methods: list[Method]) -> pd.DataFrame:
    """Return one row for each method, variant and subset.

    Returns:
        Columns ``method``, ``variant``, ``family``, ``subset``, ``images``, ``subjects``,
        ``seeds``, ``parameters``, ``milliseconds``; for each of `compared.scores` the mean over
        seeds and its ``low`` and ``high``; for those of `SPREAD` the ``seed SD``; and ``published``
        ones, which are of the authors' own images.
    """
    rows = [
        {**_about(method, subset), **_scores(method, subset), **published(method.name)}
        for method in methods
        for subset in method.subsets
    ]
    return pd.DataFrame(rows).astype({"published parameters": "Int64"})


def published(name: str) -> dict[str, object]:
    """Return the published figures of a method by column; NaN where there is none.

    Of the methods compared with XNet no figure is public.
    """
    recalls = [of_class("recall", k) for k in classes.NAMES]
    columns = [*PUBLISHED, "precision soft tissue", *recalls]
    if name != XNET:
        return {f"published {column}": np.nan for column in columns}
    figures = read_json(runs.REPOSITORY / "results" / "paper.json")["figures"]
    shares = np.diagonal(figures["results.confusion_matrix"]["value"])
    values = [figures[key]["value"] for key in PUBLISHED.values()]
    values += [1 - figures[_FALSE_POSITIVES]["value"], *shares]
    return {f"published {column}": value for column, value in zip(columns, values, strict=True)}


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
    xnet = compared.xnet(methods)
    tables = [
        _differences(xnet, other, subset)
        for subset in JUDGED
        for other in methods
        if other is not xnet and subset in xnet.subsets and subset in other.subsets
    ]
    columns = ("other", "variant", "family", "subset", "score", "value", "low", "high", "p")
    table = breakdown.joined(tables, *columns, "pairs above", "pairs").reset_index(drop=True)
    adjusted = table.groupby(["subset", "score"])["p"].transform(significance.holm)
    return table.assign(**{"p Holm": adjusted, "significant": adjusted < LEVEL})


def record(methods: list[Method], all_runs: list[Run]) -> dict:
    """Return what the tables were made from.

    Args:
        methods: scored on the paper's split.
        all_runs: the finished ones, those with other images held out as well.

    Raises:
        InputError: if the runs were made from different data sets or populations.
    """
    everything = [run.record for run in all_runs]
    records = [r for r in everything if not r["fold"]]
    networks = [r for r in records if r["family"] == "network"]
    # Where other images are held out, the data of the run are a data set divided anew.
    data = _only({r.get("divided_from") or r["data"] for r in everything}, "data sets")
    populations = {r.get("population") for r in everything} - {None}
    fullest = max(methods, key=lambda method: len(method.subsets))
    return {
        "data_sha256": data,
        "population_sha256": _only(populations, "populations"),
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

    def settings(values) -> str:
        return " or ".join(map(str, sorted(set(values))))

    sizes = settings(p["image_size"] for p in profiles)
    minutes = [r["training_seconds"] / 60 for r in networks]
    return (
        f"width {settings(p['filters'][0] for p in profiles)}, {sizes}x{sizes} pixels, "
        f"{settings(p['epochs'] for p in profiles)} epochs, "
        f"{settings(p['images_per_part'] for p in profiles)} images per body part and epoch, "
        f"{min(minutes):.1f} to {max(minutes):.1f} minutes of training "
        f"({'; '.join(sorted({r['device'] for r in networks}))})"
    )


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
    """Return the mean over seeds of every score, with its interval and the spread over seeds."""
    sums, areas = method.by_subject(subset), method.areas(subset)
    totals = {name: array.sum(axis=0) for name, array in sums.items()}
    # Resampled are coarse counts of the logit; their error is that of all images.
    error = 0.0 if areas is None else areas - streamed_auc.area(totals["levels"])

    def over_seeds(times: np.ndarray) -> np.ndarray:
        each = compared.scores(compared.weighted(sums, times), error).values()
        return np.stack([metrics.macro(of_seeds) for of_seeds in each], axis=-1)

    drawn = metrics.resample(over_seeds, len(sums["confusion"]))
    by_seed = pd.DataFrame(compared.scores(totals, error))
    row = {}
    for name, value, (low, high) in zip(by_seed, drawn.estimate, drawn.bca(), strict=True):
        row |= {name: value, f"{name} low": low, f"{name} high": high}
        if name in SPREAD:
            row[f"{name} seed SD"] = by_seed[name].std()
    return row


def _differences(xnet: Method, other: Method, subset: str) -> pd.DataFrame:
    """Return a row for each score of `breakdown.SCORES`."""
    first, second = xnet.confusions(subset), other.confusions(subset)
    drawn = breakdown.difference(first, second, xnet.subjects(subset), DRAWS)
    of_seeds, of_others = (breakdown.pooled(counts.sum(axis=0)) for counts in (first, second))
    above = of_seeds[:, None] > of_others
    about = {"other": other.name, "variant": other.variant, "family": other.family}
    pairs = {"pairs above": above.sum(axis=(0, 1)), "pairs": above[..., 0].size}
    columns = {**breakdown.intervals(drawn), "p": significance.p_value(drawn), **pairs}
    return pd.DataFrame({**about, "subset": subset, **columns})
