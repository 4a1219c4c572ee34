"""The data card, ``data/README.md``, and ``data/checksums.csv``: written from the run's numbers."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from PIL import Image

from simulation import dataset
from simulation.composition import Sitting
from simulation.projector import BONE_MM, TISSUE_MM
from simulation.sheet import histogram, overview
from simulation.technique import TRUNK
from xnet_tf.classes import COLOURS, NAMES

_TEXT = Path(__file__).with_name("card.md")


def pixel_hash(path: Path) -> str:
    """Hash of a PNG's decoded pixels and shape; the encoder does not matter."""
    pixels = np.asarray(Image.open(path))
    return hashlib.sha256(f"{pixels.shape}".encode() + pixels.astype("<u2").tobytes()).hexdigest()


def _table(header: list[str], rows: list[list]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


def _parts(found: dict[str, dict], sides: dict[str, str]) -> str:
    rows, subjects = defaultdict(Counter), defaultdict(set)
    for name, row in found.items():
        part = row["body_part"]
        subjects[part].add(row["subject"])
        rows[part].update([row["source"], sides[name], "all"])
    columns = ["all", "radiograph", "ct-projection", "train", "validation", "test"]
    body = [[p, c["all"], len(subjects[p]), *(c[k] for k in columns[1:])] for p, c in rows.items()]
    body.sort(key=lambda line: -line[1])
    total = [sum(line[n] for line in body) for n in range(1, 8)]
    return _table(["body part", "images", "subjects", *columns[1:]], [*body, ["all", *total]])


def _shares(found: dict[str, dict], sides: dict[str, str]) -> str:
    rows = []
    for side in ("train", "validation", "test", "all"):
        chosen = [r["shares"] for n, r in found.items() if side in ("all", sides[n])]
        if chosen:
            mean = np.mean(chosen, axis=0) * 100
            rows.append([side, *(f"{share:.1f} %" for share in mean)])
    return _table(["side", *NAMES], rows)


def _contrast(found: dict[str, dict]) -> dict[str, str]:
    """The table of every image, and the numbers that the text around it needs."""
    weak = [n for n, r in found.items() if not r["cnr"] >= 1]
    outside = [n for n in weak if found[n]["body_part"] not in TRUNK]
    values = {
        key: np.array([r[key] for r in found.values()]) for key in ("cnr", "quanta", "spread")
    }
    rows = [
        [
            n,
            r["body_part"],
            r["view"],
            f"{r['kvp']:g}",
            f"{r['cnr']:.2f}",
            f"{r['quanta']:.0f}",
            f"{r['spread']:.2f}",
            " / ".join(f"{100 * s:.0f}" for s in r["shares"]),
        ]
        for n, r in found.items()
    ]
    quanta = "over quanta"
    header = ["image", "part", "view", "kV", "CNR", quanta, "over spread", "beam / tissue / bone %"]
    return {
        "weak": f"{len(weak)} of {len(found)} images ({100 * len(weak) / len(found):.1f} %"
        + (f": {', '.join(weak)})" if weak else ")"),
        "weak_outside": str(len(outside)),
        "cnr_median": f"{np.nanmedian(values['cnr']):.2f}",
        "cnr_tenth": f"{np.nanpercentile(values['cnr'], 10):.2f}",
        "quanta_median": f"{np.nanmedian(values['quanta']):.0f}",
        "quanta_weak": str(int(np.sum(~(values["quanta"] >= 1)))),
        "spread_weak": f"{100 * np.mean(~(values['spread'] >= 1)):.0f} %",
        "contrast": _table(header, rows),
    }


def _intensity(data: Path) -> str:
    shares = histogram(data, 10) * 100
    header = ["class", *(f"{n / 10:.1f}-" for n in range(10))]
    return _table(header, [[NAMES[k], *(f"{v:.1f}" for v in shares[k])] for k in range(len(NAMES))])


def _bytes(out: Path) -> int:
    return sum(f.stat().st_size for f in out.rglob("*") if f.is_file() and ".render" not in f.parts)


def write(plan: list[Sitting], out: Path, seed: int) -> None:
    """Write ``README.md`` and ``checksums.csv`` into ``out`` for the pictures that are there."""
    found = dataset.records(plan, out)
    if not found:
        return
    split = json.loads((out / "split.json").read_text())
    sides = {Path(path).stem: side for side, paths in split.items() for path in paths}
    with (out / "checksums.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["image", "image_sha256", "mask_sha256"])
        for name in found:
            pair = [pixel_hash(out / kind / f"{name}.png")[:16] for kind in ("images", "masks")]
            writer.writerow([f"images/{name}.png", *pair])
    overview(out, out / "contact-sheet.jpg")
    flags = {
        flag: sum(r[flag] for r in found.values())
        for flag in ("metal", "cast", "collimated", "marker", "phantom")
    }
    sizes = np.array([r["size"] for r in found.values()])
    text = _TEXT.read_text(encoding="utf-8")
    values = {
        "images": len(found),
        "seed": seed,
        "fingerprint": dataset.fingerprint(),
        "subjects": len({r["subject"] for r in found.values()}),
        "sides": f"{sizes.min()} to {sizes.max()}",
        "megabytes": f"{_bytes(out) / 1e6:.1f}",
        "kvp": "{:g} to {:g}".format(*np.percentile([r["kvp"] for r in found.values()], [0, 100])),
        "bone_mm": BONE_MM,
        "tissue_mm": TISSUE_MM,
        **_contrast(found),
        "parts": _parts(found, sides),
        "shares": _shares(found, sides),
        "intensity": _intensity(out),
        "colours": ", ".join(
            f"{n} {tuple(map(int, c))}" for n, c in zip(NAMES, COLOURS, strict=True)
        ),
        **{f"n_{flag}": count for flag, count in flags.items()},
    }
    for key, value in values.items():
        text = text.replace("{" + key + "}", str(value))
    (out / "README.md").write_text(text, encoding="utf-8")
