"""Files, resuming, manifest, card; with an analytic limb in place of anatomy."""

from __future__ import annotations

import csv
import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simulation import __main__ as main
from simulation import card, check, composition, dataset, parts, sets, sheet
from simulation.composition import Sitting
from simulation.tests import phantoms
from xnet_tf.classes import COLOURS

PLAN = [
    Sitting("forearm", "person-01", "radiograph", False, ("forearm-01", "forearm-02")),
    Sitting("knee", "scan-01", "ct-projection", False, ("knee-01", "knee-02")),
]


@pytest.fixture(autouse=True)
def limb(monkeypatch):
    def scene(part, subject, rng, views=1, source="radiograph", varied=False, theme=""):
        return replace(phantoms.limb_scene(views), part=part, subject=subject.name)

    monkeypatch.setattr(parts, "scene", scene)
    monkeypatch.setattr(dataset, "NATIVE", (240, 250))


@pytest.fixture()
def data(tmp_path):
    for sitting in PLAN:
        dataset._work(sitting, {None: tmp_path}, 7)
    dataset.write_manifest(PLAN, tmp_path)
    dataset.write_split(
        {
            "train": ["forearm-01", "forearm-02"],
            "validation": ["knee-01"],
            "test": ["knee-02", "absent"],
        },
        tmp_path,
    )
    return tmp_path


def test_files(data):
    image = Image.open(data / "images" / "forearm-01.png")
    levels = np.asarray(image)
    mask = np.asarray(Image.open(data / "masks" / "forearm-01.png"))
    assert levels.dtype == np.uint16 and 240 <= max(levels.shape) <= 320
    assert mask.shape == (*levels.shape, 3)
    colours = {tuple(c) for c in mask.reshape(-1, 3)}
    assert colours <= {tuple(c) for c in COLOURS} and len(colours) == 3
    assert not list(data.rglob("*.part"))


def test_pixels_do_not_depend_on_order(data, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    for sitting in reversed(PLAN):
        dataset._work(sitting, {None: other}, 7)
    for name in ("forearm-02", "knee-01"):
        for kind in ("images", "masks"):
            path = f"{kind}/{name}.png"
            assert card.pixel_hash(data / path) == card.pixel_hash(other / path)


def test_seed_changes_pixels(data, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    dataset._work(PLAN[0], {None: other}, 8)
    path = "images/forearm-01.png"
    assert card.pixel_hash(data / path) != card.pixel_hash(other / path)


def test_finished_pictures_are_kept(data):
    sitting = PLAN[1]
    assert dataset._there(data, sitting, 7, None, "knee-01")
    assert not dataset._there(data, sitting, 7, "noise", "knee-01")
    (data / "masks" / "knee-01.png").unlink()
    assert not dataset._there(data, sitting, 7, None, "knee-01")


def test_sources_that_draw_the_same_keep_pictures_but_those_they_were_changed_for(
    data, monkeypatch
):
    before = dataset.fingerprint()
    monkeypatch.setattr(dataset, "fingerprint", lambda: "changed")
    assert not dataset._there(data, PLAN[1], 7, None, "knee-01")
    monkeypatch.setattr(dataset, "SAME_PIXELS", (before, "changed"))
    assert dataset._there(data, PLAN[1], 7, None, "knee-01")
    for change in ({"varied": True}, {"theme": "metal"}):
        assert not dataset._there(data, replace(PLAN[1], **change), 7, None, "knee-01")


def test_check_finds_the_one_picture_that_differs(data, monkeypatch):
    monkeypatch.setattr(check, "plan_of", lambda folder: (PLAN, None))
    assert check.run([data], 7, 4) == []
    path = data / "masks" / "knee-01.png"
    mask = np.array(Image.open(path))
    mask[0, 0] = COLOURS[2]
    Image.fromarray(mask).save(path)
    assert check.run([data], 7, 4) == [f"{data}: knee-01 differs"]


def test_check_knows_folders_by_their_names(tmp_path):
    plan, shift = check.plan_of(tmp_path / "evaluation-kvp-high")
    assert (plan[0].subject, shift) == ("evaluation-001", "kvp-high")
    with pytest.raises(ValueError, match="no population has this name"):
        check.plan_of(tmp_path / "others")


def test_shifted_folders_show_the_same_anatomy(data, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    dataset._work(PLAN[1], {None: other, "kvp-high": other / "high", "noise": other / "noise"}, 7)
    for folder in ("high", "noise"):
        masks = [
            np.asarray(Image.open(f / "masks" / "knee-01.png")) for f in (data, other / folder)
        ]
        assert (masks[0] == masks[1]).all()
        path = "images/knee-01.png"
        assert card.pixel_hash(data / path) != card.pixel_hash(other / folder / path)
    assert card.pixel_hash(data / path) == card.pixel_hash(other / path)


def test_manifest_and_split(data):
    with (data / "manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == dataset.COLUMNS and len(rows) == 4
    assert [r["subject"] for r in rows] == ["person-01"] * 2 + ["scan-01"] * 2
    assert all((data / r["image"]).is_file() and (data / r["mask"]).is_file() for r in rows)
    split = json.loads((data / "split.json").read_text())
    assert split["test"] == ["images/knee-02.png"]


def test_card_and_sheet(data, tmp_path):
    card.write(PLAN, data, 7)
    text = (data / "README.md").read_text()
    assert "{" not in text and "| knee | 2 | 1 |" in text and "CC BY 3.0" in text
    assert len((data / "checksums.csv").read_text().splitlines()) == 5
    assert all(path.is_file() for path in sheet.write(data, tmp_path / "sheets"))
    assert sheet.histogram(data).sum(axis=1) == pytest.approx([1, 1, 1])


def test_fingerprint_changes_with_what_shapes_bodies(tmp_path, monkeypatch):
    for source in Path(dataset.__file__).parent.glob("*.py"):
        shutil.copy(source, tmp_path)
    before = dataset.fingerprint()
    monkeypatch.setattr(dataset, "__file__", str(tmp_path / "dataset.py"))
    assert dataset.fingerprint() == before and len(before) == 16
    for name, changes in {"sheet.py": False, "chest.py": True}.items():
        with (tmp_path / name).open("a") as file:
            file.write("# other\n")
        assert (dataset.fingerprint() != before) == changes


def test_committed_data_is_whole():
    """What lies in data/ fits its checksums, manifest and split."""
    root = Path(__file__).resolve().parents[2] / "data"
    if not (root / "manifest.csv").is_file():
        pytest.skip("data/ is not there")
    checksums, manifest = (
        {row["image"]: row for row in csv.DictReader((root / name).open())}
        for name in ("checksums.csv", "manifest.csv")
    )
    for row in checksums.values():
        for kind in ("images", "masks"):
            path = root / row["image"].replace("images", kind)
            assert card.pixel_hash(path)[:16] == row[f"{kind[:-1]}_sha256"], path
    split = json.loads((root / "split.json").read_text())
    assert {k: len(v) for k, v in split.items()} == composition.SIZES
    planned = {f"images/{n}.png": s for s in composition.plan() for n in s.names}
    files = {f"images/{path.name}" for path in (root / "images").iterdir()}
    divided = {image for side in split.values() for image in side}
    assert set(checksums) == set(manifest) == divided == files == set(planned)
    for image, row in manifest.items():
        sitting = planned[image]
        told = (row["body_part"], row["subject"], row["source"])
        assert told == (sitting.part, sitting.subject, sitting.source)
    assert sum(f.stat().st_size for f in root.rglob("*.*") if ".render" not in f.parts) < 10e6


def test_training_population_holds_back_three_of_each_part():
    plan = sets.plan("training", 600)
    sides = dataset.training_sides(plan)
    parts = {name: s.part for s in plan for name in s.names}
    assert [len(sides[side]) for side in ("train", "validation", "test")] == [540, 40, 20]
    assert sorted(name for side in sides.values() for name in side) == sorted(parts)
    for side, each in (("validation", 2), ("test", 1)):
        assert Counter(parts[n] for n in sides[side]) == dict.fromkeys(main.PARTS, each)
    assert [n for s in plan for n in s.names if n in sides["train"]] == sides["train"]


def test_the_training_half_is_split_as_far_as_it_is_there(tmp_path, monkeypatch):
    plan = sets.plan("training", 600)
    there = [s for k, s in enumerate(plan) if k < 190 or s.part == "thorax"]
    row = dict.fromkeys(("view", "metal", "cast", "collimated"), 0) | {"source": "radiograph"}

    def as_if_rendered(sittings, folders, seed, jobs, only):
        for sitting in there:
            own = row | {"body_part": sitting.part, "subject": sitting.subject, "kvp": 60}
            for name in sitting.names:
                for path, text in (
                    (f".render/{name}.json", json.dumps(own)),
                    (f"images/{name}.png", ""),
                ):
                    (folders[None] / path).parent.mkdir(parents=True, exist_ok=True)
                    (folders[None] / path).write_text(text)
        return []

    monkeypatch.setattr(dataset, "render_plan", as_if_rendered)
    monkeypatch.setattr(
        "sys.argv",
        [
            "simulation",
            *["population", "--count", "600", "--half", "training", "--out"],
            str(tmp_path),
        ],
    )
    assert main.main() == 0
    split = json.loads((tmp_path / "training" / "split.json").read_text())
    chests = {side: sum("thorax" in name for name in names) for side, names in split.items()}
    assert chests == {
        "train": sum(s.part == "thorax" for s in there) - 3,
        "validation": 2,
        "test": 1,
    }
    assert sum(map(len, split.values())) == len(there)
