"""``python -m simulation dataset|population|sheet|check``; run from the repository's root."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from simulation import composition, dataset, sets
from simulation.technique import SHIFTS

SEED = 20181203
"""Default seed (the paper's date on arXiv)."""

USUAL = ("calibration", "evaluation")
"""Populations of :data:`simulation.sets.COUNTS` that are made when none is named."""

PARTS = (*composition.PARTS, "abdomen")


def _dataset(arguments: argparse.Namespace) -> list[str]:
    from simulation import card

    plan = composition.plan()
    failures = dataset.render_plan(
        plan, {None: arguments.out}, arguments.seed, arguments.jobs, arguments.only
    )
    count = dataset.write_manifest(plan, arguments.out)
    dataset.write_split(composition.split(plan), arguments.out)
    card.write(plan, arguments.out, arguments.seed)
    print(f"{count} of {sum(len(s.names) for s in plan)} images in {arguments.out}")
    return failures


def _population(arguments: argparse.Namespace) -> list[str]:
    failures = []
    for half in arguments.half:
        plan = sets.plan(half, arguments.count)
        shifts = (None, *SHIFTS) if half == "evaluation" else (None,)
        folders = {s: arguments.out / (f"{half}-{s}" if s else half) for s in shifts}
        failures += dataset.render_plan(
            plan, folders, arguments.seed, arguments.jobs, arguments.only
        )
        for out in folders.values():
            print(f"{dataset.write_manifest(plan, out)} images in {out}")
        if half == "training":
            there = dataset.records(plan, folders[None])
            sides = dataset.training_sides([s for s in plan if s.names[0] in there])
            dataset.write_split(sides, folders[None])
    return failures


def _check(arguments: argparse.Namespace) -> list[str]:
    from simulation import check

    return check.run(arguments.folders, arguments.seed, arguments.count)


def _sheet(arguments: argparse.Namespace) -> list[str]:
    from simulation import sheet

    for path in sheet.write(arguments.data, arguments.out, arguments.only, arguments.columns):
        print(path)
    return []


def main() -> int:
    """Parse the command line and run it; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m simulation", description=__doc__)
    commands = parser.add_subparsers(required=True)
    for name, run, out in (
        ("dataset", _dataset, "data"),
        ("population", _population, "runs/population"),
    ):
        command = commands.add_parser(name)
        command.set_defaults(run=run)
        command.add_argument("--out", type=Path, default=Path(out))
        command.add_argument("--seed", type=int, default=SEED)
        command.add_argument("--jobs", type=int, default=2)
        command.add_argument("--only", choices=PARTS, metavar="PART")
        if name == "population":
            command.add_argument(
                "--count", type=int, help="images of each, if not the usual number"
            )
            command.add_argument(
                "--half",
                nargs="+",
                choices=sets.COUNTS,
                default=USUAL,
                metavar="NAME",
                help=f"any of {', '.join(sets.COUNTS)} ({' and '.join(USUAL)} if none is named); "
                "the evaluation half is taken five times, as planned and with each of the "
                f"techniques {', '.join(SHIFTS)}, which differ from what is usual",
            )
    command = commands.add_parser("sheet", help="contact sheets of a data set")
    command.set_defaults(run=_sheet)
    command.add_argument("--data", type=Path, default=Path("data"))
    command.add_argument("--out", type=Path, default=Path("runs/sheets"))
    command.add_argument("--only", choices=PARTS, metavar="PART")
    command.add_argument("--columns", type=int, default=4)
    command = commands.add_parser("check", help="draw pictures anew and compare their pixels")
    command.set_defaults(run=_check)
    command.add_argument("folders", type=Path, nargs="+", help="data, or folders of populations")
    command.add_argument("--seed", type=int, default=SEED)
    command.add_argument("--count", type=int, default=20, help="pictures of each folder")
    arguments = parser.parse_args()
    failures = arguments.run(arguments)
    for line in failures:
        print(f"failed: {line}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
