"""The commands of this room: `import-masks`."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_commands(commands) -> None:
    """Add this room's commands to those of `xnet_tf.cli`."""
    text = "make a data set of radiographs and masks painted in GIMP"
    command = commands.add_parser("import-masks", help=text, description=text)
    command.set_defaults(run=import_masks)
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
