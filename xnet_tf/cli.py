"""Command line: ``python -m xnet_tf segment|train|evaluate|figures|summary``."""

from __future__ import annotations

import argparse
import os
import sys
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
        default=runs.RELEASED_WEIGHTS,
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
        "--polarity",
        choices=("auto", "bright", "dark"),
        default="auto",
        help="how the open beam looks in the pictures (default: found automatically)",
    )

    for name, run, text in (
        ("train", train, "train XNet, or go on with an interrupted training"),
        ("evaluate", evaluate, "score the trained network and save the numbers of all figures"),
    ):
        command = _add(commands, name, run, text)
        _add_profile(command)
        command.add_argument(
            "--data", type=Path, metavar="DIR", help="data set (default: the repository's data)"
        )

    command = _add(
        commands, "robustness", robustness, "score the network on the population, made strange"
    )
    _add_profile(command)
    command.add_argument(
        "--population",
        type=Path,
        default=runs.REPOSITORY / "runs" / "population",
        metavar="DIR",
        help="what `make population` made (default: runs/population)",
    )

    command = _add(commands, "figures", figures, "redraw every figure from saved numbers")
    command.add_argument("--results", type=Path, default=runs.REPOSITORY / "results", metavar="DIR")
    command.add_argument("--out", type=Path, default=runs.REPOSITORY / "figures", metavar="DIR")

    command = _add(commands, "summary", summary, "print the table paper / released / this run")
    _add_profile(command)
    return parser


def segment(options: argparse.Namespace) -> None:
    """Write ``<stem>_mask.png`` for each image."""
    from xnet_tf import labels, radiographs

    targets = _mask_paths(options.images, options.out)
    # Look at every file before the slow start of TensorFlow, and before anything is written.
    for path in options.images:
        radiographs.read(path, options.polarity)
    if not options.weights.is_file():
        raise InputError(f"{options.weights}: no such weights file")
    _make_folder(options.out)

    from tqdm import tqdm

    from xnet_tf import inference, models

    model = models.load_weights(options.weights)
    for path, target in tqdm(targets.items(), "segmenting", disable=len(targets) < 2):
        image = radiographs.read(path, options.polarity)
        result = inference.segment(model, image, options.threshold)
        labels.write_mask(target, result.labels)
        tqdm.write(f"{path} -> {target}")


def train(options: argparse.Namespace) -> None:
    """Train XNet in a profile."""
    from xnet_tf import dataset

    data, profile = dataset.load(options.data), profiles.get(options.profile)
    from xnet_tf import training
    from xnet_tf.backend import describe_device

    print(f"{profile.name} profile; {describe_device()}")
    trained = training.train(data, profile)
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

    from xnet_tf import robustness

    results = robustness.evaluate(options.population, profiles.get(options.profile))
    table = pd.read_csv(results / "robustness.csv").query("score == 'macro F1'")
    print(table.drop(columns="score").set_index("condition").round(3).to_string())
    print(results / "robustness.csv")


def figures(options: argparse.Namespace) -> None:
    """Redraw the figures."""
    from xnet_tf import figures

    for path in figures.draw_all(options.results, options.out):
        print(os.path.relpath(path))


def summary(options: argparse.Namespace) -> None:
    """Print the table paper / released / this run."""
    from xnet_tf import figures

    own = runs.folder(profiles.get(options.profile)) / "results"
    print(figures.summary(own, runs.REPOSITORY / "results").to_string())


def _add(commands, name: str, run, text: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text)
    command.set_defaults(run=run)
    return command


def _add_profile(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--profile",
        choices=tuple(profiles.PROFILES),
        help="hyper-parameters (default: XNET_PROFILE, else quick)",
    )


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


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be used as output folder ({error.strerror})") from None
