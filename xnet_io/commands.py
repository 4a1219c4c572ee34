"""What this room offers on the command line: `import-masks`, `verify`, `segment`'s arguments."""

from __future__ import annotations

import argparse
from pathlib import Path

from xnet_tf import runs
from xnet_tf.files import InputError


def add_commands(commands) -> None:
    """Add this room's commands to those of `xnet_tf.cli`."""
    text = "make a data set of radiographs and masks: of GIMP, CVAT, labelme, COCO"
    command = commands.add_parser("import-masks", help=text, description=text)
    command.set_defaults(run=import_masks)
    command.add_argument(
        "folder",
        type=Path,
        metavar="FOLDER",
        help="with images/ and masks/, perhaps manifest.csv, or a tool's export",
    )
    command.add_argument(
        "--out", required=True, type=Path, metavar="DIR", help="the data set, yet to be made"
    )
    command.add_argument(
        "--palette",
        metavar="NAME|FILE",
        help="the classes: paper, authors, authors-bgr, or a .toml or .gpl file, CVAT's "
        "labelmap.txt or a data set's classes.csv (default: the folder's labelmap.txt, else paper)",
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
        help="what fully transparent pixels are, for instance 'open beam', or ignore",
    )
    command.add_argument(
        "--rest", metavar="CLASS", help="what no shape covers, where masks are polygons, or ignore"
    )

    text = "write the colours of classes as a palette for GIMP (.gpl)"
    command = add(commands, "palette", palette, text)
    command.add_argument(
        "source",
        metavar="NAME|FILE|DATASET",
        help="whose classes: a palette as import-masks takes it, or a data set's folder",
    )
    command.add_argument("--out", required=True, type=Path, metavar="FILE", help="the .gpl file")
    text = "look for what is wrong with a data set: exit status 0, 1 (notes) or 2 (faults)"
    command = commands.add_parser("verify", help=text, description=text)
    command.set_defaults(run=verify)
    command.add_argument("folder", type=Path, metavar="FOLDER", help="with a manifest.csv")


def add(commands, name: str, run, text: str) -> argparse.ArgumentParser:
    """Add a command: `run` takes the parsed options."""
    command = commands.add_parser(name, help=text, description=text)
    command.set_defaults(run=run)
    return command


def import_masks(options: argparse.Namespace) -> None:
    """Make a data set of a folder with images and painted masks."""
    from xnet_io import importing, palettes
    from xnet_io.masks import Rules

    given = options.folder / "labelmap.txt"
    rules = Rules(
        palettes.load(options.palette or (given if given.is_file() else "paper")),
        options.snap,
        options.relabel_edges,
        options.lossy,
        options.transparent,
        options.rest,
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


def palette(options: argparse.Namespace) -> None:
    """Write the palette of some classes for GIMP."""
    from xnet_io import palettes
    from xnet_tf.dataset import read_classes

    if Path(options.source).is_dir():
        classes = read_classes(Path(options.source) / "classes.csv")
        chosen = palettes.of_classes(options.source, classes)
    else:
        chosen = palettes.load(options.source)
    path = palettes.write_gpl(options.out, chosen, options.out.stem)
    print(f"{path}: {', '.join(chosen.classes.names)}")


def verify(options: argparse.Namespace) -> int:
    """Print a table of a data set and what is wrong with it; return the exit status."""
    from xnet_io import tables
    from xnet_io.verify import verify

    report = verify(options.folder)
    if report.pairs:
        print(tables.aligned(report.summary()))
    for finding in report.findings:
        print(f"{'fault' if finding.fault else 'note'}: {finding.file}: {finding.what}")
    faults, notes = len(report.faults), len(report.findings) - len(report.faults)
    print(f"{options.folder}: {len(report.pairs)} pairs; {faults} faults, {notes} notes")
    return report.status


def check_before_training(folder: Path) -> None:
    """Say how many notes there are about a data set.

    Raises:
        InputError: if there are faults, by the first of them.
    """
    from xnet_io.verify import verify

    report = verify(folder, polarity=False)
    if report.faults:
        first = report.faults[0]
        raise InputError(
            f"{folder / first.file}: {first.what} ({len(report.faults)} faults in all, which "
            f"`xnet verify {folder}` lists)"
        )
    if report.findings:
        print(f"{len(report.findings)} notes about the data; `xnet verify {folder}` lists them")


def add_segment_arguments(command: argparse.ArgumentParser) -> None:
    """Say which radiographs, what is to be written of them, and how they are decided upon."""
    command.add_argument(
        "images",
        nargs="+",
        type=Path,
        metavar="IMAGE|FOLDER",
        help="radiographs, and folders of them, which are walked",
    )
    command.add_argument(
        "--out",
        required=True,
        type=Path,
        metavar="DIR",
        help="for the masks, and segment.csv, a row for each picture; what is there is kept",
    )
    command.add_argument(
        "--jobs",
        type=positive,
        default=1,
        metavar="N",
        help="processes that work at a time, of one core each (default: one, of all cores)",
    )
    command.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="scheduler of a Dask cluster whose workers segment, in place of --jobs",
    )
    command.add_argument(
        "--weights",
        type=runs.weights_path,
        default=runs.USER_WEIGHTS,
        metavar="FILE",
        help="a .npz of trained weights, or users or quick, the released ones (default: users)",
    )
    command.add_argument(
        "--threshold",
        type=_probability,
        metavar="T",
        help="soft tissue only where its probability exceeds T (default: the likeliest class)",
    )
    command.add_argument(
        "--guard", metavar="CLASS", help="class that the threshold guards (default: soft tissue)"
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
    command.add_argument(
        "--overlay",
        action="store_true",
        help="also write <stem>_overlay.png, the radiograph with the regions' outlines, and for "
        "several radiographs review.html, to look through them",
    )
    command.add_argument(
        "--probabilities",
        action="store_true",
        help="also write <stem>_probabilities.npz, float16 (H, W, classes)",
    )
    command.add_argument(
        "--dicom-seg",
        action="store_true",
        help="also write <stem>_seg.dcm, a DICOM Segmentation of a DICOM radiograph",
    )


def positive(text: str) -> int:
    """Read a number of the command line that must be 1 or more."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def _probability(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} does not lie in [0, 1]")
    return value
