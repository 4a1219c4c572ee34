"""The tables that ask one thing each: more training, more images, unseen parts, other settings.

All are of `evaluation`, subjects that chose nothing, except that of the learning rates, which were
chosen on `choice`.
"""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pandas as pd

from xnet_study.comparison import compared, images, intervals
from xnet_study.comparison.compared import SCORES, XNET, Method
from xnet_study.comparison.intervals import Estimate
from xnet_study.comparison.ledger import Ledger, macro_f1

JUDGED = "evaluation"

CONVERGED = 0.005
"""A network has converged at a budget if three times as much gains less macro F1 than this: a rule
that was written before the trainings."""

THIRD = "1/3"


def tables(ledger: Ledger) -> dict[str, pd.DataFrame]:
    """Return all tables by name; without rows where nothing is finished yet."""
    return {
        "table3-rates": rates(ledger),
        "table3-budgets": budgets(ledger),
        "table3-images": numbers_of_images(ledger),
        "table3-unseen": unseen(ledger),
        "table3-changes": changes(ledger),
    }


def rates(ledger: Ledger) -> pd.DataFrame:
    """Return every trial of a learning rate: its scores on `choice` and validation, and which won.

    Returns:
        Columns ``method``, ``learning_rate``, ``relative`` (to the profile's), ``choice``,
        ``validation`` (macro F1; missing if it diverged) and ``chosen``.
    """
    rows = []
    for entry in ledger.entries("*-rate*"):
        task, scores = entry.task, {}
        if not entry.diverged:
            scores = {subset: macro_f1(entry, subset) for subset in ("choice", "validation")}
        chosen = ledger.chosen_rate(task.key)[0] == task.rate
        rate = {"learning_rate": entry.record.get("profile", {}).get("learning_rate")}
        rate["relative"] = float(Fraction(task.rate))
        rows.append({"method": task.method, **rate, **scores, "chosen": chosen})
    columns = ["method", "learning_rate", "relative", "choice", "validation", "chosen"]
    return pd.DataFrame(rows, columns=columns).sort_values(["method", "relative"])


def budgets(ledger: Ledger) -> pd.DataFrame:
    """Return each network at each budget, what a tripling gains, and how far XNet is above it.

    Returns:
        Columns ``method``, ``budget`` (in trainings of the profile), ``seeds``, ``core_seconds`` of
        one training, ``score``, ``value`` with bounds and ``interval_of``; ``gain`` of three times
        the budget with bounds; ``converged``, by `CONVERGED`; ``XNet minus it`` with bounds.
    """
    every = {budget: _networks(ledger, budget=budget) for budget in (THIRD, "1", "3", "9")}
    rows = []
    for (budget, methods), tripled in itertools.zip_longest(every.items(), [*every.values()][1:]):
        for name, method in methods.items():
            seconds = [e.record["core_seconds"] or np.nan for e in method.entries]
            about = {"method": name, "budget": float(Fraction(budget)), "seeds": len(seconds)}
            table = pd.DataFrame({**about, "core_seconds": np.median(seconds), "score": SCORES})
            table = table.assign(**bounded(compared.difference(method, None, JUDGED)))
            converged = pd.array([pd.NA] * len(SCORES), dtype="boolean")
            if name in (tripled or {}):
                gain = compared.difference(tripled[name], method, JUDGED)
                table = table.assign(**bounded(gain, "gain"))
                converged = gain.value[SCORES.index("macro F1")] < CONVERGED
            table["converged"] = converged
            rows.append(_beside_xnet(table, name, method, methods))
    table = joined(rows, "method", "budget", "score", "value")
    return table.sort_values(["method", "budget"], kind="stable")


def numbers_of_images(ledger: Ledger) -> pd.DataFrame:
    """Return scores by the number of training images, at the profile's budget.

    Fewer than all are the first of an order by which body parts take turns; two draws are two
    orders. More are new simulated subjects, of each body part as many.

    Returns:
        Columns ``method``, ``images``, ``subjects`` (the median of the draws), ``seeds`` (draws
        with trainings of their own, or trainings), ``score``, ``value``, ``low``, ``high``,
        ``interval_of``, ``XNet minus it`` with bounds.
    """
    sizes = {(e.task.images, e.task.added) for e in compared.finished(ledger)}
    rows = []
    for size in sizes:
        wanted = {"images": size[0], "added": size[1]}
        methods = _networks(ledger, **wanted)
        for name, method in (methods | _best_classical(ledger, **wanted)).items():
            training = pd.DataFrame([e.record["training"] for e in method.entries]).median()
            about = {"method": name, **training.astype(int), "seeds": len(method.entries)}
            found = bounded(compared.difference(method, None, JUDGED))
            table = pd.DataFrame({**about, "score": SCORES, **found})
            rows.append(_beside_xnet(table, name, method, methods))
    table = joined(rows, "method", "images", "score", "value")
    return table.sort_values(["method", "images"], kind="stable")


def unseen(ledger: Ledger) -> pd.DataFrame:
    """Return what networks score on body parts that they were not trained on.

    Returns:
        One row for each network, group of body parts, and score, and rows of the group ``all``:
        ``images``, ``subjects``, ``seen`` (the same network's score on the same images when it was
        trained on such parts, at the same budget), ``value``, and the paired ``loss`` with
        bounds.
    """
    entries = [e for e in compared.finished(ledger) if e.task.left_out]
    seen, rows = _networks(ledger, budget=THIRD), []
    for name in sorted({entry.task.method for entry in entries} & set(seen)):
        table, known = ledger.images(JUDGED), seen[name].confusions(JUDGED)[:, :1]
        places: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        for entry in entries:
            if entry.task.method == name:
                parts = images.REGION_GROUPS.get(entry.task.left_out, (entry.task.left_out,))
                where = np.flatnonzero(table["body_part"].isin(parts))
                places[entry.task.left_out] = where, entry.arrays(JUDGED)[0][where, None]
        if len(places) > 1:
            where, counts = (
                np.concatenate(arrays) for arrays in zip(*places.values(), strict=True)
            )
            places["all"] = where, counts
        for group, (where, counts) in places.items():
            both = ({"confusion": known[where]}, {"confusion": counts})
            about = {name: table[name].to_numpy(str)[where] for name in ("subject", "body_part")}
            about = {"subjects": about["subject"], "strata": about["body_part"]}
            lost = intervals.estimate(compared.pooled, *both, **about)
            first, second = (of_one[0] for of_one in lost.by_training)
            size = {"images": len(where), "subjects": len(set(about["subjects"]))}
            columns = {"method": name, "group": group, **size, "score": SCORES}
            columns |= {"seen": first, "value": second}
            rows.append(pd.DataFrame({**columns, **bounded(lost, "loss")}))
    return joined(rows, "method", "group", "images", "subjects", "score", "seen", "value", "loss")


def changes(ledger: Ledger) -> pd.DataFrame:
    """Return XNet with one setting changed, at a third of the budget.

    Returns:
        Columns ``change``, ``seeds``, ``score``, ``value`` with bounds, ``interval_of`` and the
        ``difference`` from the same without the change, with bounds.
    """
    found: dict[str, Method] = {}
    for entry in compared.finished(ledger):
        task = entry.task
        if task.method == XNET and task.budget == THIRD and not (task.rate or task.left_out):
            change = ", ".join(f"{k} {v}" for k, v in task.changes.items()) or "none"
            found.setdefault(change, Method(XNET, "", [], ledger)).entries.append(entry)
    rows = []
    for change, method in found.items():
        values = bounded(compared.difference(method, None, JUDGED))
        columns = {"change": change, "seeds": len(method.entries), "score": SCORES, **values}
        table = pd.DataFrame(columns)
        if change != "none" and "none" in found:
            changed = compared.difference(method, found["none"], JUDGED)
            table = table.assign(**bounded(changed, "difference"))
        rows.append(table)
    return joined(rows, "change", "score", "value")


def bounded(found: Estimate, name: str = "") -> dict[str, object]:
    """Return an estimate by the names of its columns, which begin with the name of a difference."""
    start = f"{name} " if name else ""
    bounds = {
        f"{start}low": found.low,
        f"{start}high": found.high,
        f"{start}interval_of": found.over,
    }
    return {name or "value": found.value, **bounds}


def joined(tables: list[pd.DataFrame], *columns: str) -> pd.DataFrame:
    """Join tables; without any there are these columns, so that the file can be read back."""
    return pd.concat(tables) if tables else pd.DataFrame(columns=list(columns))


def _networks(ledger: Ledger, **wanted) -> dict[str, Method]:
    """Return the networks among some methods by name; see `compared.read`."""
    methods = compared.read(ledger, **wanted)
    return {m.name: m for m in methods if m.family == "network" and JUDGED in m.subsets}


def _best_classical(ledger: Ledger, **wanted) -> dict[str, Method]:
    """Return the classical method that was best on `choice`, by the word that names it."""
    key, _ = ledger.best_classical(1)
    for method in compared.read(ledger, variant="overall", **wanted):
        if method.entries[0].record.get("key") == key:
            return {f"best classical ({ledger.entry(f'{key}-overall').task.method})": method}
    return {}


def _beside_xnet(
    table: pd.DataFrame, name: str, method: Method, networks: dict[str, Method]
) -> pd.DataFrame:
    """Add XNet's scores minus another method's, where XNet was trained so as well."""
    if name == XNET or XNET not in networks:
        return table
    above = compared.difference(networks[XNET], method, JUDGED)
    return table.assign(**bounded(above, "XNet minus it"))
