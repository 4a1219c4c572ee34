"""Command line: ``python -m xnet_tf segment|train|evaluate|compare|figures|summary``."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from dataclasses import replace
from pathlib import Path

from xnet_tf import profiles, runs
from xnet_tf.files import InputError


def main(arguments: list[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: words of the command line; by default the process's own.

    Returns:
        Exit status: 0, or 2 if an input cannot be used; then one line on the standard error says
        why.
    """
    options = build_parser().parse_args(arguments)
    try:
        options.run(options)
    except (InputError, OSError) as error:
        print(f"xnet_tf: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("xnet_tf: interrupted; give the same command to go on", file=sys.stderr)
        return 130
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(
        prog="python -m xnet_tf",
        description="XNet: X-ray images into open beam, soft tissue and bone.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = _add(commands, "segment", segment, "segment radiographs (PNG, TIFF, DICOM, ...)")
    command.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    command.add_argument("--out", required=True, type=Path, metavar="DIR", help="for the masks")
    command.add_argument(
        "--weights",
        type=Path,
        default=runs.USER_WEIGHTS,
        metavar="FILE",
        help="a .npz of trained weights (default: the released ones)",
    )
    command.add_argument(
        "--threshold",
        type=_probability,
        metavar="T",
        help="soft tissue only where its probability exceeds T (default: the likeliest class)",
    )
    command.add_argument(
        "--target-fdr",
        type=_probability,
        metavar="F",
        help="take the threshold that was certified to keep false discoveries of soft tissue at F",
    )
    command.add_argument(
        "--post-process",
        action="store_true",
        help="apply the steps that were tuned for these weights (the released ones: small islands "
        "of soft tissue are given up)",
    )
    command.add_argument(
        "--polarity",
        choices=("auto", "bright", "dark"),
        default="auto",
        help="how the open beam looks in the pictures (default: found automatically)",
    )

    command.add_argument(
        "--quality",
        choices=("low", "normal", "high"),
        help="high: a mean of eleven views, turned, in four sizes and two grey scales (the "
        "default); normal: one view, a tenth of the work, and the default with --target-fdr; "
        "low: the fastest",
    )
    command.add_argument(
        "--gimp",
        action="store_true",
        help="also write <stem>_mask.xcf, to correct the mask in GIMP over the radiograph",
    )

    _add_import(_add(commands, "import-masks", import_masks, "make a data set of GIMP masks"))

    for name, run, text in (
        ("train", train, "train XNet, or go on with an interrupted training"),
        ("evaluate", evaluate, "score the trained network and save the numbers of all figures"),
    ):
        command = _add(commands, name, run, text)
        _add_profile(command)
        command.add_argument(
            "--data", type=Path, metavar="DIR", help="data set (default: the repository's data)"
        )
        if run is train:
            _add_training(command)

    for name, run, text in (
        ("robustness", robustness, "score the network on the population, made strange"),
        ("confidence", confidence, "score calibration, choose and certify thresholds"),
    ):
        command = _add(commands, name, run, text)
        _add_profile(command)
        _add_population(command)
    command.add_argument(
        "--ensemble",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE",
        help="weights of further networks, to be averaged with the run's own",
    )

    _add_compare(_add(commands, "compare", compare, "train and score every method; resumable"))

    command = _add(commands, "augment", augment, "write augmented images ahead of time (TFRecord)")
    _add_profile(command)
    command.add_argument("--data", type=Path, metavar="DIR", help="data set")
    command.add_argument("--out", required=True, type=Path, metavar="DIR", help="for the files")
    command.add_argument("--preset", metavar="NAME", help="default: the profile's")
    command.add_argument("--epochs", type=int, default=1, metavar="N", help="how many (default: 1)")

    command = _add(commands, "figures", figures, "redraw every figure from saved numbers")
    command.add_argument("--results", type=Path, default=runs.REPOSITORY / "results", metavar="DIR")
    command.add_argument("--out", type=Path, default=runs.REPOSITORY / "figures", metavar="DIR")

    command = _add(commands, "summary", summary, "print the table paper / released / this run")
    _add_profile(command)
    return parser


def segment(options: argparse.Namespace) -> None:
    """Write ``<stem>_mask.png`` for each image, and what was asked of it, beyond the likeliest."""
    from xnet_io import masks, radiographs
    from xnet_study.certainty import operating
    from xnet_tf.files import write_json

    targets = _mask_paths(options.images, options.out)
    if options.gimp:
        _check_no_projects(targets)
    # Look at every file before the slow start of TensorFlow, and before anything is written.
    for path in options.images:
        radiographs.read(path, options.polarity)
    if not options.weights.is_file():
        raise InputError(f"{options.weights}: no such weights file")
    quality = options.quality or ("high" if options.target_fdr is None else "normal")
    if options.target_fdr is not None and quality != "normal":
        raise InputError("--target-fdr was certified for --quality normal alone")
    decision = operating.decision(
        options.weights, options.threshold, options.target_fdr, options.post_process
    )
    _make_folder(options.out)

    from tqdm import tqdm

    from xnet_study.baselines import networks
    from xnet_tf import inference

    model = networks.load_weights(options.weights)
    for path, target in tqdm(targets.items(), "segmenting", disable=len(targets) < 2):
        image = radiographs.read(path, options.polarity)
        seen = inference.segment(model, image, quality=quality)
        mask = decision(seen.probabilities)
        masks.write_mask(target, mask)
        if decision.record:
            write_json(target.with_suffix(".json"), decision.record)
        if options.gimp:
            masks.write_project(target.with_suffix(".xcf"), image, mask)
        tqdm.write(f"{path} -> {target}")


def import_masks(options: argparse.Namespace) -> None:
    """Make a data set of a folder with images and painted masks."""
    from xnet_io import importing, palettes
    from xnet_io.masks import Rules

    rules = Rules(
        palettes.load(options.palette),
        options.snap,
        options.relabel_edges,
        options.lossy,
        options.transparent,
    )
    outcome = importing.import_masks(options.folder, options.out, rules)
    for problem in outcome.problems[:20]:
        print(f"note: {problem.what}")
    if len(outcome.problems) > 20:
        print(f"and {len(outcome.problems) - 20} more notes")
    repaired = ", ".join(
        f"{sum(row[kind] for row in outcome.rows):,} pixels {kind}"
        for kind in ("snapped", "relabelled")
    )
    report = options.out / importing.REPORT
    print(f"{outcome.pairs} pairs -> {options.out}; {repaired} (each mask's: {report})")


def train(options: argparse.Namespace) -> None:
    """Train XNet in a profile."""
    from xnet_tf import dataset

    data, profile = dataset.load(options.data), profiles.get(options.profile)
    changes = {"batch_size": options.batch_size, "precision": options.precision}
    profile = dataclasses.replace(profile, **{k: v for k, v in changes.items() if v})
    from xnet_tf import distributed, training
    from xnet_tf.backend import describe_device

    print(f"{profile.name} profile; {describe_device()}")
    run = distributed.train if distributed.several_devices() else training.train
    trained = run(data, profile, initial=options.init)
    if trained is None:
        return  # one of several machines; the first one says what came out
    best = trained.history.loc[trained.history["val_loss"].idxmin()]
    print(
        f"best epoch {best['epoch']:.0f} of {len(trained.history)}: validation loss "
        f"{best['val_loss']:.4f}, accuracy {best['val_accuracy']:.4f}; {trained.weights}"
    )


def evaluate(options: argparse.Namespace) -> None:
    """Evaluate the profile's network and print the summary."""
    from xnet_tf import dataset

    data = dataset.load(options.data)
    from xnet_tf import evaluation

    print(evaluation.evaluate(data, profiles.get(options.profile)))
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
    from xnet_study.certainty import confidence
    from xnet_tf import dataset

    profile = profiles.get(options.profile)
    results = confidence.evaluate(
        dataset.load(), profile, options.population, tuple(options.ensemble)
    )
    print(f"{results}; operating points: {results.parent / 'weights'}")


def compare(options: argparse.Namespace) -> None:
    """Do what is left of the comparison, or list it."""
    from xnet_tf import dataset

    data, profile = dataset.load(options.data), profiles.get(options.profile)
    from xnet_study.comparison import runner

    if options.list:
        print(runner.listing(data, profile, options.population).to_string(index=False))
        return
    runner.compare(data, profile, options.population, tuple(options.only), options.jobs)


def augment(options: argparse.Namespace) -> None:
    """Write the augmented training images of the first epochs."""
    from xnet_tf import dataset

    data, profile = dataset.load(options.data), profiles.get(options.profile)
    from xnet_study import shards
    from xnet_tf.presets import PRESETS

    preset = options.preset or profile.augmentation
    if preset not in PRESETS:
        raise InputError(f"no preset is called {preset!r}; choose one of {', '.join(PRESETS)}")
    if options.epochs < 1:
        raise InputError("--epochs must be 1 or more")
    _make_folder(options.out)
    files = shards.write(data, replace(profile, augmentation=preset), options.epochs, options.out)
    print(f"{len(files)} file(s) in {options.out}")


def figures(options: argparse.Namespace) -> None:
    """Redraw the figures."""
    from xnet_study.figures import release

    for path in release.draw_all(options.results, options.out):
        print(os.path.relpath(path))


def summary(options: argparse.Namespace) -> None:
    """Print the table paper / released / this run."""
    from xnet_study.figures import release

    own = runs.folder(profiles.get(options.profile)) / "results"
    print(release.summary(own, runs.REPOSITORY / "results").to_string())


def _add(commands, name: str, run, text: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text)
    command.set_defaults(run=run)
    return command


def _add_import(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "folder", type=Path, metavar="FOLDER", help="with images/, masks/, perhaps manifest.csv"
    )
    command.add_argument(
        "--out", required=True, type=Path, metavar="DIR", help="the data set, yet to be made"
    )
    command.add_argument(
        "--palette",
        default="paper",
        metavar="NAME|FILE",
        help="paper, authors, authors-bgr, or a .toml or .gpl file (default: paper)",
    )
    command.add_argument(
        "--snap",
        type=int,
        metavar="N",
        help="take colours within N of a class's, in every channel, for it",
    )
    command.add_argument(
        "--relabel-edges",
        action="store_true",
        help="give blended pixels along borders the class of most of their neighbours",
    )
    command.add_argument("--lossy", action="store_true", help="read JPEG masks")
    command.add_argument(
        "--transparent",
        metavar="CLASS",
        help="what fully transparent pixels are, for instance 'open beam'",
    )


def _add_profile(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--profile",
        choices=tuple(profiles.PROFILES),
        help="hyper-parameters (default: XNET_PROFILE, else quick)",
    )


def _add_population(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--population",
        type=Path,
        default=runs.REPOSITORY / "runs" / "population",
        metavar="DIR",
        help="what `make population` made (default: runs/population)",
    )


def _add_compare(command: argparse.ArgumentParser) -> None:
    _add_profile(command)
    command.add_argument("--data", type=Path, metavar="DIR", help="data set")
    _add_population(command)
    command.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="TASK",
        help="these tasks alone, for instance xnet-seed1 'unet-*' (default: all that are left)",
    )
    command.add_argument(
        "--jobs",
        type=_count,
        default=1,
        metavar="N",
        help="processes that share the cores; two nearly double the speed (default: 1)",
    )
    command.add_argument("--list", action="store_true", help="say what there is to do, and stop")


def _add_training(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--init",
        type=Path,
        metavar="FILE",
        help="a .npz of trained weights to begin with; the network takes their size",
    )
    command.add_argument(
        "--batch-size",
        type=_count,
        metavar="N",
        help="images per step, all devices together (default: the profile's)",
    )
    command.add_argument(
        "--precision",
        choices=("float32", "bfloat16", "auto"),
        help="auto: bfloat16 where the device is faster with it (default: the profile's)",
    )


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def _probability(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} does not lie in [0, 1]")
    return value


def _mask_paths(images: list[Path], out: Path) -> dict[Path, Path]:
    targets: dict[Path, Path] = {}
    owners: dict[Path, Path] = {}
    for path in images:
        target = out / f"{path.stem}_mask.png"
        if owners.setdefault(target, path) != path:
            raise InputError(f"{path} and {owners[target]} would both be written to {target}")
        targets[path] = target
    inputs = {path.resolve() for path in images}
    for path, target in targets.items():
        if target.resolve() in inputs:
            raise InputError(f"{path}: its mask would overwrite {target}, which is to be segmented")
    return targets


def _check_no_projects(targets: dict[Path, Path]) -> None:
    for path, target in targets.items():
        project = target.with_suffix(".xcf")
        if project.exists():
            raise InputError(
                f"{path}: {project} exists and may hold corrections by hand; move it away"
            )


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be used as output folder ({error.strerror})") from None
