"""The commands that need several rooms: segmenting, training, and what makes tables and figures."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import xnet_tf
from xnet_io.commands import add, add_segment_arguments, check_before_training, positive
from xnet_tf import profiles, runs
from xnet_tf.files import InputError, make_folder


def add_commands(commands) -> None:
    """Add this room's commands to those of `xnet_tf.cli`."""
    text = "segment radiographs (PNG, TIFF, DICOM, ...)"
    add_segment_arguments(add(commands, "segment", segment, text))
    _add_train(add(commands, "train", train, "train XNet, or go on with an interrupted training"))

    text = "score the trained network and save the numbers of all figures"
    _add_profile(add(commands, "evaluate", evaluate, text))

    text = "score the network on the population, plain and under shifted conditions"
    _add_population(add(commands, "robustness", robustness, text))

    text = "score calibration, choose and certify thresholds"
    command = add(commands, "confidence", confidence, text)
    option = _add_population(command)
    command.set_defaults(population=None)
    text = "weights of further networks, to be averaged with the run's own"
    option("--ensemble", nargs="+", type=Path, default=[], metavar="FILE", help=text)
    text = "class whose thresholds are chosen and certified (default: soft tissue)"
    option("--guard", default="soft tissue", metavar="CLASS", help=text)

    text = "train and score every method that is not in the ledger yet; resumable"
    option = _add_population(add(commands, "compare", compare, text))
    text = "finished tasks (default: results/comparison for profile quick on data, else the run's)"
    option("--ledger", type=Path, metavar="DIR", help=text)
    text = "these tasks alone, for instance xnet-seed1 'unet-*' (default: stage A)"
    option("--only", nargs="+", default=[], metavar="TASK", help=text)
    text = "begin no further task after so many; a training that was ended goes on another time"
    option("--minutes", type=positive, metavar="N", help=text)
    text = "processes that share the cores; two nearly double the speed (default: 1)"
    option("--jobs", type=positive, default=1, metavar="N", help=text)
    option("--list", action="store_true", help="say what there is to do, and stop")
    text = "make the tables of what is in the ledger, beside it, and stop"
    option("--tables", action="store_true", help=text)

    command = add(commands, "augment", augment, "write augmented images as a data set")
    _add_profile(command)
    option, text = command.add_argument, "the data set, yet to be made"
    option("--out", required=True, type=Path, metavar="DIR", help=text)
    option("--preset", metavar="NAME", help="default: the profile's")
    text = "training images of each body part (default: 500, as in the paper)"
    option("--per-part", type=positive, default=500, metavar="N", help=text)

    option = add(
        commands, "figures", figures, "redraw every figure from saved numbers"
    ).add_argument
    option("--results", type=Path, default=runs.REPOSITORY / "results", metavar="DIR")
    option("--out", type=Path, default=runs.REPOSITORY / "figures", metavar="DIR")

    text = "print the table of scores: paper, release, this run"
    _add_profile(add(commands, "summary", summary, text))


def _add_population(command: argparse.ArgumentParser) -> Callable:
    """Let a command be told profile, data set and population. Returns what adds more to it."""
    _add_profile(command)
    text = "what `make population` made (default: runs/population)"
    command.add_argument(
        "--population", type=Path, default=runs.population(), metavar="DIR", help=text
    )
    return command.add_argument


def segment(options: argparse.Namespace) -> int:
    """Write ``<stem>_mask.png`` for each image, and what was asked of it, beyond the likeliest."""
    from xnet_io import segment_runs
    from xnet_study import serving

    method = serving.method(options)
    return segment_runs.run(options.images, options.out, method, options.jobs, options.dask)


def train(options: argparse.Namespace) -> None:
    """Train XNet in a profile."""
    data, profile = _settings(options)
    check_before_training(data.folder)
    changes = {"batch_size": options.batch_size, "precision": options.precision}
    profile = replace(profile, **{k: v for k, v in changes.items() if v})
    from xnet_study.baselines import networks  # noqa: F401 - makes the other networks known
    from xnet_tf.backend import describe_device
    from xnet_tf.weights import read_classes

    print(f"{profile.name} profile; {describe_device()}")
    learned = read_classes(options.init).names if options.init else data.classes.names
    if learned != data.classes.names:
        print(f"{options.init} knows {', '.join(learned)}: all but its last layer is kept")
    trained = xnet_tf.train(data, profile, initial=options.init)
    if trained is None:
        return  # one of several machines; the first one says what came out
    best = trained.history.loc[trained.history["val_loss"].idxmin()]
    print(
        f"best epoch {best['epoch']:.0f} of {len(trained.history)}: validation loss "
        f"{best['val_loss']:.4f}, accuracy {best['val_accuracy']:.4f}; {trained.weights}"
    )


def evaluate(options: argparse.Namespace) -> None:
    """Evaluate the profile's network and print the summary."""
    data, profile = _settings(options)
    from xnet_study import evaluate

    print(evaluate.evaluate(data, profile))
    summary(options)


def robustness(options: argparse.Namespace) -> None:
    """Score the profile's network on the population under every condition."""
    import pandas as pd

    from xnet_study.certainty import robustness

    results = robustness.evaluate(options.population, profiles.get(options.profile))
    table = pd.read_csv(results / "robustness.csv").query("score == 'macro F1'")
    print(table.drop(columns="score").set_index("condition").round(3).to_string())
    print(results / "robustness.csv")


def confidence(options: argparse.Namespace) -> None:
    """Score how sure the profile's network is, and certify its operating points."""
    data, profile = _settings(options)
    from xnet_study.certainty import confidence
    from xnet_study.own_classes import are_the_papers

    population, ensemble = options.population, tuple(options.ensemble)
    if population is None and are_the_papers(data.classes.names):
        population = runs.population()
    results = confidence.evaluate(data, profile, population, ensemble, options.guard)
    print(f"{results}; operating points: {results.parent / 'weights'}")


def compare(options: argparse.Namespace) -> None:
    """Do what is left of the comparison, list it, or make its tables."""
    from xnet_study.comparison.ledger import Ledger
    from xnet_study.own_classes import need_the_papers

    data, profile = _settings(options)
    need_the_papers(data.classes.names, "the comparison")
    ledger = Ledger(options.ledger) if options.ledger else Ledger.of(profile, data)
    if options.tables:
        from xnet_study.comparison import tables

        for path in tables.write(ledger, ledger.folder.parent):
            print(path)
        return
    from xnet_study.comparison import runner
    from xnet_study.comparison.study import Study

    study = Study(data, profile, options.population, ledger)
    if options.list:
        print(runner.listing(study).to_string(index=False))
        return
    runner.compare(study, tuple(options.only), options.minutes, options.jobs)


def augment(options: argparse.Namespace) -> None:
    """Write the augmented training images of the first epochs as a data set of PNG pairs."""
    data, profile = _settings(options)
    from xnet_study import augmented
    from xnet_tf.presets import PRESETS

    preset = options.preset or profile.augmentation
    if preset not in PRESETS:
        raise InputError(f"no preset is called {preset!r}; choose one of {', '.join(PRESETS)}")
    make_folder(options.out.parent)
    profile = replace(profile, augmentation=preset)
    count = augmented.write(data, profile, options.out, options.per_part)
    print(f"{count} images -> {options.out}")


def figures(options: argparse.Namespace) -> None:
    """Redraw the figures."""
    from xnet_study.figures import draw_all

    for path in draw_all(options.results, options.out):
        print(os.path.relpath(path))


def summary(options: argparse.Namespace) -> None:
    """Print the table of scores: paper, release, this run."""
    from xnet_study.figures import score_figures

    results = runs.folder(profiles.get(options.profile)) / "results"
    print(score_figures.summary(results, runs.REPOSITORY / "results").to_string())


def _add_profile(command: argparse.ArgumentParser) -> None:
    """Let a command be told the profile and the data set."""
    command.add_argument(
        "--profile",
        choices=tuple(profiles.PROFILES),
        help="hyper-parameters (default: XNET_PROFILE, else quick)",
    )
    command.add_argument(
        "--data", type=Path, metavar="DIR", help="data set (default: XNET_DATA, else data)"
    )


def _add_train(command: argparse.ArgumentParser) -> None:
    _add_profile(command)
    command.add_argument(
        "--init",
        type=runs.weights_path,
        metavar="FILE",
        help="weights to begin with, a .npz, or users or quick; the network takes their size",
    )
    command.add_argument(
        "--batch-size",
        type=positive,
        metavar="N",
        help="images per step, all devices together (default: the profile's)",
    )
    command.add_argument(
        "--precision",
        choices=("float32", "bfloat16", "auto"),
        help="auto: bfloat16 where the device is faster with it (default: the profile's)",
    )


def _settings(options: argparse.Namespace):
    """Read the data set, whose faults are told before TensorFlow is loaded, and the profile."""
    from xnet_tf import dataset

    return dataset.load(options.data), profiles.get(options.profile)
