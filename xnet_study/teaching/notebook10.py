"""Exercises of notebook 10: figures from tables."""

from __future__ import annotations

import numpy as np
import pandas as pd

from xnet_study.teaching.exercises import Exercise, Exercises, number
from xnet_tf import profiles, runs


def _table(name: str) -> pd.DataFrame:
    return pd.read_csv(runs.find(profiles.get(), f"results/{name}")[0])


def _iou() -> float:
    rows = _table("scores.csv").query("subset == 'test' and method == 'XNet'")
    return float(rows.query("score == 'IoU' and `class` == 'bone'")["value"].iloc[0])


def _rate() -> float:
    curve = _table("roc.csv").query("subset == 'test' and `class` == 'bone'")
    return float(np.interp(0.01, curve["false_positive_rate"], curve["true_positive_rate"]))


def _threshold() -> float:
    curve = pd.read_csv(runs.REPOSITORY / "results" / "thresholds-curves.csv")
    curve = curve.query("subset == 'evaluation' and guarded == 'soft tissue'")
    return float(curve.loc[(curve["recall"] - 0.5).abs().idxmin(), "threshold"])


exercise = Exercises(
    Exercise(
        check=lambda answer: number(
            _iou(), 6e-4, {2 * _iou() / (1 + _iou()): "that is F1; look for IoU"}
        )(answer),
        hint=(
            "scores.query(\"subset == 'test' and method == 'XNet' and score == 'IoU'\") leaves a "
            "row for each class."
        ),
        solution="""
            rows = pd.read_csv(results / "scores.csv").query("subset == 'test'")
            rows = rows.query("method == 'XNet' and score == 'IoU'").set_index("class")
            answer = rows["value"]["bone"]
            """,
        right=_iou(),
        wrong=[2 * _iou() / (1 + _iou()), 2.0],
    ),
    Exercise(
        check=lambda answer: number(_rate(), 0.01)(answer),
        hint="np.interp(0.01, curve['false_positive_rate'], curve['true_positive_rate']).",
        solution="""
            curve = pd.read_csv(results / "roc.csv").query("subset == 'test'")
            curve = curve[curve["class"] == "bone"]
            rates = curve["false_positive_rate"], curve["true_positive_rate"]
            answer = np.interp(0.01, *rates)
            """,
        right=_rate(),
        wrong=[1.0, -0.5],
    ),
    Exercise(
        check=lambda answer: number(_threshold(), 0.02)(answer),
        hint=(
            "Keep subset == 'evaluation' and guarded == 'soft tissue'; then look where "
            "(curve['recall'] - 0.5).abs() is smallest."
        ),
        solution="""
            curve = pd.read_csv(released / "thresholds-curves.csv")
            curve = curve.query("subset == 'evaluation' and guarded == 'soft tissue'")
            answer = curve.loc[(curve["recall"] - 0.5).abs().idxmin(), "threshold"]
            """,
        right=_threshold(),
        wrong=[0.5 + 0.4, 0.05],
    ),
)
