"""The front door: ``xnet COMMAND`` or ``python -m xnet_tf COMMAND``.

What the rooms offer on the command line is written there, in `xnet_io.commands` and
`xnet_study.commands`; here are the commands that need several rooms, and what all have in common.
What computes is loaded when a command runs, so that help and mistakes are answered at once.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import sys
from pathlib import Path

import xnet_tf
from xnet_io.commands import add_segment_arguments, check_before_training, positive
from xnet_tf import profiles, runs
from xnet_tf.files import InputError

ROOMS = ("xnet_io.commands", "xnet_study.commands")
"""Modules that add commands of their own by ``add_commands``."""


def main(arguments: list[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: words of the command line; by default the process's own.

    Returns:
        Exit status: 0, or what the command itself says; 2 if an input cannot be used, and 130 if
        the user interrupts; then one line on the standard error says so.
    """
    for stream in (sys.stdout, sys.stderr):
        # Names of files may hold what the terminal cannot show; a notebook shows everything.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    options = build_parser().parse_args(arguments)
    try:
        return options.run(options) or 0
    except (InputError, OSError, FloatingPointError) as error:
        print(f"xnet: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        print(f"xnet: {error.name} is missing: pip install 'xnet-tf[study]'", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("xnet: interrupted; the same command begins anew or goes on", file=sys.stderr)
        return 130


def build_parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(
        prog="xnet", description="XNet: X-ray images into open beam, soft tissue and bone."
    )
    parser.add_argument("--version", action="version", version=f"xnet {xnet_tf.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = add(commands, "segment", segment, "segment radiographs (PNG, TIFF, DICOM, ...)")
    add_segment_arguments(command)
    _add_train(add(commands, "train", train, "train XNet, or go on with an interrupted training"))
    for room in ROOMS:
        importlib.import_module(room).add_commands(commands)
    return parser


def add(commands, name: str, run, text: str) -> argparse.ArgumentParser:
    """Add a command: `run` takes the parsed options."""
    command = commands.add_parser(name, help=text, description=text)
    command.set_defaults(run=run)
    return command


def add_profile(command: argparse.ArgumentParser) -> None:
    """Let a command be told the profile and the data set."""
    command.add_argument(
        "--profile",
        choices=tuple(profiles.PROFILES),
        help="hyper-parameters (default: XNET_PROFILE, else quick)",
    )
    command.add_argument(
        "--data", type=Path, metavar="DIR", help="data set (default: XNET_DATA, else data)"
    )


def segment(options: argparse.Namespace) -> int:
    """Write ``<stem>_mask.png`` for each image, and what was asked of it, beyond the likeliest."""
    from xnet_io import segment_runs
    from xnet_study import serving

    method = serving.method(options)
    return segment_runs.run(options.images, options.out, method, options.jobs)


def train(options: argparse.Namespace) -> None:
    """Train XNet in a profile."""
    from xnet_tf import dataset

    data, profile = dataset.load(options.data), profiles.get(options.profile)
    check_before_training(data.folder)
    changes = {"batch_size": options.batch_size, "precision": options.precision}
    profile = dataclasses.replace(profile, **{k: v for k, v in changes.items() if v})
    from xnet_study.baselines import networks  # noqa: F401 - makes the other networks known
    from xnet_tf.backend import describe_device

    print(f"{profile.name} profile; {describe_device()}")
    trained = xnet_tf.train(data, profile, initial=options.init)
    if trained is None:
        return  # one of several machines; the first one says what came out
    best = trained.history.loc[trained.history["val_loss"].idxmin()]
    print(
        f"best epoch {best['epoch']:.0f} of {len(trained.history)}: validation loss "
        f"{best['val_loss']:.4f}, accuracy {best['val_accuracy']:.4f}; {trained.weights}"
    )


def _add_train(command: argparse.ArgumentParser) -> None:
    add_profile(command)
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
