"""The comparison's tables, made of the ledger alone: no training, no TensorFlow.

``table3.csv`` and what breaks it down are of the profile's whole budget; other tables ask what more
training, more or fewer images, unseen body parts and other losses do. Intervals: see
`xnet_study.comparison.intervals`; the column ``interval_of`` says of each what it speaks of.

Scores are of the pictures' pixels at the size the networks saw, 200 along the longer side (the
profile's `image_size`); `xnet_tf.evaluation` scores one network at each image's own size. The area
under the ROC curve comes from counts pooled over images and has no interval.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from xnet_study.baselines import classical, tuning
from xnet_study.comparison import compared, intervals, questions
from xnet_study.comparison.compared import BOUND, JUDGED, SCORES, SUBSETS, XNET, Method, of_class
from xnet_study.comparison.ledger import Ledger
from xnet_tf import classes, dataset, metrics, runs
from xnet_tf.files import read_json, save_table, write_json
from xnet_tf.metrics import count_columns

SPREAD = ("accuracy", "macro F1", "weighted F1", "AUC")
"""Scores whose spread over trainings is given."""

LEVEL = 0.05

RATES = np.linspace(0, 1, 101) ** 2
"""False positive rates at which ROC curves are kept; denser near 0, where they bend."""

PUBLISHED = {
    "accuracy": "results.accuracy",
    "F1": "results.f1",
    "AUC": "results.auc",
    **{of_class("AUC", k): f"results.auc.{k.replace(' ', '_')}" for k in classes.NAMES},
    "parameters": "network.parameters",
}
"""XNet's published figures. How the paper averages its F1 and AUC over the classes is not known."""

_FALSE_POSITIVES = "results.soft_tissue_false_positives"


def write(ledger: Ledger, results: Path) -> list[Path]:
    """Make all tables of a ledger.

    Args:
        ledger: with XNet at the whole budget.
        results: folder for ``table3*``, and for ``classical-*.csv`` if all methods are tuned.

    Returns:
        The files written. A table without rows has its header.

    Raises:
        InputError: if XNet is not finished, or the entries do not fit together; then nothing is
            written.
    """
    methods = compared.read(ledger)
    made_from = record(ledger, methods)  # refuses what lacks XNet before anything is overwritten
    tables = {
        "table3": table(methods),
        "table3-differences": differences(methods),
        "table3-seeds": seeds(methods),
        "table3-parts": parts(methods),
        "table3-confusion": confusion(methods),
        "table3-roc": roc(methods),
        "table3-history": history(methods),
        **questions.tables(ledger),
    }
    written = [save_table(content, results / f"{name}.csv") for name, content in tables.items()]
    entries = ledger.entries("*-overall")
    tuned = {e.task.key: e.record["examined"] for e in entries if "examined" in e.record}
    if set(tuned) == set(classical.METHODS):
        written += tuning.save_tables(tuned, results)
    return [*written, write_json(results / "table3.json", made_from)]


def table(methods: list[Method]) -> pd.DataFrame:
    """Return one row for each method, variant and subset.

    Returns:
        Columns ``method``, ``variant``, ``family``, ``subset``, ``images``, ``subjects``,
        ``seeds``, ``parameters``, ``milliseconds``, ``interval_of``; for each of
        `compared.scores` the mean over trainings and its ``low`` and ``high``; areas under the ROC
        curves; for those of `SPREAD` the ``seed SD``; and ``published`` ones, which are of the
        authors' own images.
    """
    rows = [
        {**_about(method, subset), **_scores(method, subset), **published(method.name)}
        for method in methods
        for subset in method.subsets
    ]
    return pd.DataFrame(rows).astype({"published parameters": "Int64", "parameters": "Int64"})


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
        mean of its trainings) with ``low``, ``high`` and ``interval_of``; ``p``, two-sided,
        missing where a network was trained once, of which nothing follows; ``p Holm``, adjusted
        for the number of methods on that subset in that score, of which neither the bound nor the
        constant is one; ``significant``, whether that is below 0.05; ``pairs above`` of ``pairs``
        of trainings. Without another method no rows.
    """
    xnet, rows = compared.xnet(methods), []
    for subset, other in itertools.product(JUDGED, methods):
        if other is xnet or subset not in xnet.subsets or subset not in other.subsets:
            continue
        found = compared.difference(xnet, other, subset)
        above = found.by_training[0][:, None] > found.by_training[1]
        about = {"other": other.name, "variant": other.variant, "family": other.family}
        rows.append(
            pd.DataFrame(
                {
                    **{**about, "subset": subset, "score": SCORES},
                    **questions.bounded(found),
                    "p": found.p if found.over == intervals.ALL else np.nan,
                    "pairs above": above.sum(axis=(0, 1)),
                    "pairs": above[..., 0].size,
                }
            )
        )
    columns = (
        "other",
        "variant",
        "family",
        "subset",
        "score",
        "value",
        "low",
        "high",
        "interval_of",
        "p",
    )
    table = questions.joined(rows, *columns, "pairs above", "pairs").reset_index(drop=True)
    counted = table["p"].mask((table["variant"] == BOUND) | (table["family"] == "constant"))
    groups = [table["subset"], table["score"]]
    adjusted = counted.astype(float).groupby(groups).transform(intervals.holm)
    return table.assign(**{"p Holm": adjusted, "significant": adjusted < LEVEL})


def seeds(methods: list[Method]) -> pd.DataFrame:
    """Return the summary scores of every training by itself, by subset."""
    tables = []
    for method, subset in _scored(methods, SUBSETS):
        if len(method.entries) > 1:
            of_seeds = compared.pooled({"confusion": method.confusions(subset).sum(axis=0)})
            about = {**_named(method, subset), "seed": [e.task.seed for e in method.entries]}
            tables.append(pd.DataFrame({**about, **dict(zip(SCORES, of_seeds.T, strict=True))}))
    return questions.joined(tables, "method", "variant", "subset", "seed", *SCORES)


def parts(methods: list[Method]) -> pd.DataFrame:
    """Return accuracy and macro F1 by body part, with intervals where subjects suffice.

    Returns:
        One row for each method, subset (test, evaluation), body part and score.
    """
    tables = []
    for method, subset in _scored(methods, JUDGED):
        images = method.images(subset)
        for part, rows in images.groupby("body_part"):
            about = {**_named(method, subset), "body_part": part, "images": len(rows)}
            about["subjects"] = rows["subject"].nunique()
            where = (images["body_part"] == part).to_numpy()
            found = questions.bounded(compared.difference(method, None, subset, where))
            tables.append(pd.DataFrame({**about, "score": SCORES, **found}))
    return questions.joined(tables)


def confusion(methods: list[Method]) -> pd.DataFrame:
    """Return pooled confusion counts by method and subset, summed over trainings."""
    rows = []
    for method, subset in _scored(methods, SUBSETS):
        counts = method.confusions(subset).sum(axis=(0, 1)).astype(int).flat
        rows.append(_named(method, subset) | dict(zip(count_columns(), counts, strict=True)))
    return pd.DataFrame(rows)


def roc(methods: list[Method]) -> pd.DataFrame:
    """Return the ROC curves of what has scores, each the mean over its trainings at equal rates."""
    tables = []
    for (method, subset), (k, name) in itertools.product(
        _scored(methods, JUDGED), enumerate(classes.NAMES)
    ):
        found = compared.curve(method, subset, k, RATES)
        if found is not None:
            rates = {"false_positive_rate": RATES, "true_positive_rate": found}
            tables.append(pd.DataFrame({**_named(method, subset), "class": name, **rates}))
    return questions.joined(tables)


def history(methods: list[Method]) -> pd.DataFrame:
    """Return the learning curves of every training."""
    tables = {
        (method.name, entry.task.seed): pd.read_csv(path)
        for method in methods
        for entry in method.entries
        for path in entry.folder.glob("history.csv")
    }
    keys = ["method", "seed"]
    return pd.concat(tables, names=keys).reset_index(keys) if tables else pd.DataFrame()


def record(ledger: Ledger, methods: list[Method]) -> dict:
    """Return what the tables were made from, and which classical method was best on `choice`."""
    xnet = compared.xnet(methods)
    entries = [entry for method in methods for entry in method.entries]
    networks = [e.record for e in entries if e.task.is_network]
    made_from = xnet.entries[0].record["made_from"]
    fullest = max(methods, key=lambda method: len(method.subsets))
    return {
        "data_sha256": made_from["data"],
        "population_sha256": made_from["evaluation"],
        # By content: a copy of the data is simulated too, whatever XNET_DATA names meanwhile.
        "simulated": dataset.load(runs.REPOSITORY / "data").fingerprint() == made_from["data"],
        "runs": sorted(entry.folder.name for entry in entries),
        "profiles": {r["task"]["slug"]: r["profile"] for r in networks},
        "weights_sha256": {r["task"]["slug"]: r["weights_sha256"] for r in networks},
        "chosen": {r["task"]["slug"]: r["chosen"] for r in networks},
        "best_classical": ledger.best_classical(1)[0],
        "budget": budget(networks),
        "subsets": {name: _size(fullest, name) for name in fullest.subsets},
        "resamples": metrics.RESAMPLES,
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


def _about(method: Method, subset: str) -> dict:
    records = [entry.record for entry in method.entries]
    return {
        "method": method.name,
        "variant": method.variant,
        "family": method.family,
        "subset": subset,
        **_size(method, subset),
        "seeds": len(records),
        "parameters": records[0].get("parameters"),
        "milliseconds": np.median([record["milliseconds"] for record in records]),
    }


def _size(method: Method, subset: str) -> dict[str, int]:
    images = method.images(subset)
    return {"images": len(images), "subjects": int(images["subject"].nunique())}


def _scores(method: Method, subset: str) -> dict[str, object]:
    """Return the mean over trainings of every score, with interval and spread."""
    images, sums = method.images(subset), method.sums(subset)
    names = list(compared.scores({k: v.sum(axis=0) for k, v in sums.items()}))
    score: Callable = lambda totals: np.stack([*compared.scores(totals).values()], axis=-1)  # noqa: E731
    found = intervals.estimate(
        score,
        sums,
        subjects=images["subject"].to_numpy(str),
        strata=images["body_part"].to_numpy(str),
        trained=(method.varies,),
    )
    row: dict[str, object] = {"interval_of": found.over}
    for name, value, low, high in zip(names, *found[:3], strict=True):
        row |= {name: value, f"{name} low": low, f"{name} high": high}
    by_training = pd.DataFrame(found.by_training[0], columns=names)
    areas = pd.DataFrame(compared.area_scores(method.areas(subset)))
    row |= areas.mean().to_dict()
    spread = pd.concat([by_training, areas], axis=1)
    return row | {f"{name} seed SD": spread[name].std() for name in SPREAD}


def _scored(methods: list[Method], subsets: tuple[str, ...]) -> list[tuple[Method, str]]:
    return [(method, name) for method in methods for name in subsets if name in method.subsets]


def _named(method: Method, subset: str) -> dict[str, str]:
    return {"method": method.name, "variant": method.variant, "subset": subset}
