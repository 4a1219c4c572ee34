"""A folder of masks becomes a data set, or a list of its faults."""

import csv
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import draw
from label_files import GIMP, Shape, rgba, save, write, xcf_bytes
from picture_files import limb, write_dicom
from PIL import Image

from xnet_io import import_report, masks, palettes, radiographs
from xnet_io.importing import import_masks
from xnet_io.masks import Rules, write_mask
from xnet_tf import classes, cli, dataset
from xnet_tf.dataset import COLUMNS
from xnet_tf.files import InputError, write_json


def fill(folder, count):
    """Make a folder of pairs without a manifest, in several formats."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    rng = np.random.default_rng(5)
    for i in range(count):
        image, labels = draw(rng)
        Image.fromarray(image).save(folder / "images" / f"case-{i:03d}.png")
        path = folder / "masks" / f"case-{i:03d}.png"
        if i % 3 == 0:
            write_mask(path.with_stem(path.stem + "_mask"), labels)
        elif i % 3 == 1:
            save(path, rgba(labels))
        else:
            content = xcf_bytes([Shape("labels", rgba(labels))], labels.shape)
            write(path.with_suffix(".xcf"), content)
    return folder


@pytest.fixture
def folder(tmp_path):
    return fill(tmp_path / "own", 6)


def mask_of(folder, i):
    (path,) = (folder / "masks").glob(f"case-{i:03d}*")
    return path


def repaint(folder, i, change):
    """Replace a pair's mask by an RGBA PNG that `change` has changed."""
    labels = masks.read_mask(mask_of(folder, i))
    mask_of(folder, i).unlink()
    pixels = rgba(labels)
    changed = change(pixels)
    save(folder / "masks" / f"case-{i:03d}.png", pixels if changed is None else changed)


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_result_is_a_data_set(folder, tmp_path, capfd):
    out = tmp_path / "new" / "data"
    assert cli.main(["import-masks", str(folder), "--out", str(out)]) == 0
    printed = capfd.readouterr()
    assert "6 pairs" in printed.out and "importing" in printed.err
    data = dataset.load(out)
    assert data.manifest.columns.tolist() == ["mask", "body_part", "subject", "source"]
    row = data.manifest.loc["images/case-000.png"]
    assert row.tolist() == ["masks/case-000_mask.png", "unknown", "case-000", "own"]
    arrays = dataset.read_arrays(data, "all", 36)
    assert len(arrays.images) == 6 and set(np.unique(arrays.labels)) == {0, 1, 2}
    for pair in data.manifest.itertuples():
        with Image.open(out / pair.mask) as image:
            assert image.mode == "L"
            mask = np.asarray(image)
        stem = pair.Index.removeprefix("images/case-").removesuffix(".png")
        np.testing.assert_array_equal(mask, masks.read_mask(mask_of(folder, int(stem))))
        image, wanted = dataset.read_image(out / pair.Index), radiographs.read(folder / pair.Index)
        np.testing.assert_allclose(image, wanted, atol=1e-4)
    report = pd.read_csv(out / import_report.REPORT)
    assert report["format"].tolist() == ["PNG", "PNG", "XCF"] * 2
    taken = [radiographs.load(path).polarity for path in sorted((folder / "images").iterdir())]
    assert report["open beam"].tolist() == taken
    assert report["sure of it (%)"].between(50, 100).all()
    assert (report[["snapped", "relabelled"]] == 0).all(axis=None)
    assert (
        out / "classes.csv"
    ).read_text() == "id,name,colours\n0,open beam,#440154\n1,soft tissue,#21908c\n2,bone,#fde724\n"


def test_equal_input_gives_equal_output_and_can_be_imported_again(folder, tmp_path):
    for name, source in (("a", folder), ("b", folder), ("c", tmp_path / "a")):
        import_masks(source, tmp_path / name)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    masks = {k: v for k, v in contents(tmp_path / "a").items() if k.parent.name == "masks"}
    again = {k: v for k, v in contents(tmp_path / "c").items() if k.parent.name == "masks"}
    assert masks == again


def test_a_manifest_and_a_split_are_carried_over(data_folder, tmp_path):
    source = shutil.copytree(data_folder, tmp_path / "own")
    split = dataset.load(source).split
    write_json(source / "split.json", split | {"train": split["train"][::-1]})
    save(source / "images" / "unlisted.png", np.zeros((3, 3)))
    outcome = import_masks(source, tmp_path / "out")
    assert [p.file for p in outcome.problems] == ["images/unlisted.png"]
    before = pd.read_csv(source / "manifest.csv").drop(columns="polarity")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "out" / "manifest.csv"), before)
    assert dataset.load(tmp_path / "out").split["train"] == split["train"][::-1]


def test_import_settles_polarity_format_and_names(tmp_path):
    for name in ("images", "masks"):
        (tmp_path / "own" / name).mkdir(parents=True)
    raw, flesh = limb(80, 64), limb(80, 64, bone=False)
    image = (65535 * raw).astype(np.uint16)
    labels = (flesh < 1) + (raw < flesh).astype(np.uint8)
    rows = []
    for i, (polarity, ending) in enumerate(
        zip(("bright", "dark", "auto"), ("tif", "dcm", "png"), strict=True)
    ):
        path = tmp_path / "own" / "images" / f"p{i}.{ending}"
        stored = image if polarity == "bright" else 65535 - image
        if ending == "dcm":
            write_dicom(path, stored)
        else:
            Image.fromarray(stored).save(path)
        save(tmp_path / "own" / "masks" / f"p{i}.tiff", rgba(labels))
        rows.append((f"images/{path.name}", f"masks/p{i}.tiff", "leg", f"s{i}", "x", polarity))
    columns = [*COLUMNS, "polarity"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "own" / "manifest.csv", index=False)
    split = dict(zip(dataset.SUBSETS, ([row[0]] for row in rows), strict=True))
    write_json(tmp_path / "own" / "split.json", split)
    import_masks(tmp_path / "own", tmp_path / "out")
    data = dataset.load(tmp_path / "out")
    assert data.manifest["mask"].tolist() == [f"masks/p{i}.png" for i in range(3)]
    assert data.split == {name: [f"images/p{i}.png"] for i, name in enumerate(dataset.SUBSETS)}
    assert "polarity" not in data.manifest
    for row in data.manifest.itertuples():
        with Image.open(data.folder / row.Index) as stored:
            assert stored.mode == "I;16"
        image, mask = dataset.read_pair(data.folder, row)
        assert image[mask == 0].mean() > image[mask == 1].mean() > image[mask == 2].mean()
    report = pd.read_csv(tmp_path / "out" / import_report.REPORT)
    assert report["open beam"].tolist() == ["bright", "dark", "dark"]
    assert report["sure of it (%)"][:2].tolist() == [100, 100]


def plant(folder):
    """Plant twelve faults; return of each its file, place (or None) and a word of its remedy."""

    def dot(pixels):
        pixels[31, 7, :3] = (200, 10, 200)

    def hole(pixels):
        pixels[4:6, 11, 3] = 0

    def soft(pixels):
        pixels[60, 3, 3] = 128

    repaint(folder, 3, dot)
    repaint(folder, 4, hole)
    repaint(folder, 5, soft)
    repaint(folder, 6, lambda pixels: pixels[:-1])
    repaint(folder, 7, lambda pixels: rgba(np.full(pixels.shape[:2], 2)))
    repaint(folder, 8, lambda pixels: pixels[..., 2::-1])
    repaint(folder, 9, lambda pixels: pixels[..., 0])
    mask_of(folder, 13).unlink()
    (folder / "images" / "case-012.png").unlink()
    shutil.copy(mask_of(folder, 14), folder / "masks" / "case-014.bmp")
    jpeg = mask_of(folder, 16)
    Image.open(jpeg).convert("RGB").save(folder / "masks" / "case-016.jpg")
    jpeg.unlink()
    truncated = mask_of(folder, 19)
    truncated.write_bytes(truncated.read_bytes()[:90])
    return {
        "masks/case-003.png": ("(7, 31)", "Edit > Fill"),
        "masks/case-004.png": ("(11, 4)", "--transparent"),
        "masks/case-005.png": ("(3, 60)", "Threshold Alpha"),
        "masks/case-006.png": ("72 x 71", "Scale Image"),
        "masks/case-007.png": ("(0, 0)", "take the pair away"),
        "masks/case-008.png": ("(0, 0)", "Channel Mixer"),
        "masks/case-009.png": ("(0, 0)", "Image > Mode > RGB"),
        "images/case-013.png": ("has no mask", "paint masks/case-013.png"),
        "masks/case-012_mask.png": ("has no image", "take the mask away"),
        "masks/case-014.bmp": ("same name", "keep one"),
        "masks/case-016.jpg": ("JPEG", "export the mask as PNG"),
        mask_of(folder, 19).relative_to(folder).as_posix(): ("truncated", "export it again"),
    }


def test_twelve_faults_among_24_pairs_are_found_and_nothing_is_written(tmp_path, capfd):
    folder = fill(tmp_path / "own", 24)
    good = shutil.copytree(folder, tmp_path / "good")
    planted = plant(folder)
    out = tmp_path / "out"
    assert cli.main(["import-masks", str(folder), "--out", str(out)]) == 2
    error = capfd.readouterr().err.splitlines()[-1]
    assert "12 problems" in error and "nothing was written" in error
    report = re.search(r"all in (\S+\.csv)", error)[1]
    with Path(report).open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["fatal"] == "yes"]
    assert {row["file"] for row in rows} == set(planted)
    assert len({row["problem"] for row in rows}) == 12
    for row in rows:
        place, remedy = planted[row["file"]]
        assert place in row["what"] and remedy in row["what"] + row["remedy"], row
        assert row["what"].startswith(row["file"])
    (dot,) = (row for row in rows if row["file"] == "masks/case-003.png")
    # From (200, 10, 200): purple is (132, 9, 116) away, green (167, 134, 60), yellow further.
    wanted = ["200 10 200", "1", "7", "31", "open beam (distance 132)", "foreign"]
    assert [dot[c] for c in ("colour", "pixels", "x", "y", "nearest", "looks like")] == wanted
    assert sorted(p.name for p in tmp_path.iterdir()) == ["good", "own"]
    assert cli.main(["import-masks", str(good), "--out", str(out)]) == 0
    printed = capfd.readouterr()
    assert "24 pairs" in printed.out and "24/24" in printed.err
    assert len(dataset.load(out).manifest) == 24


def test_repairs_are_asked_for_and_reported(folder, tmp_path):
    def near(pixels):
        pixels[10:12, 5, 0] += 2

    repaint(folder, 1, near)
    with pytest.raises(InputError, match="slightly wrong colour"):
        import_masks(folder, tmp_path / "out")
    outcome = import_masks(folder, tmp_path / "out", Rules(snap=5))
    assert [row["snapped"] for row in outcome.rows] == [0, 2, 0, 0, 0, 0]
    report = pd.read_csv(tmp_path / "out" / import_report.REPORT)
    assert report["snapped"].sum() == 2


def test_jpeg_masks_in_the_authors_colours(tmp_path):
    for name in ("images", "masks"):
        (tmp_path / "own" / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for quality in (95, 75, 40):
        shutil.copy(GIMP / f"authors-{quality}.jpg", tmp_path / "own" / "masks")
        grey = rng.integers(0, 255, (80, 96))
        save(tmp_path / "own" / "images" / f"authors-{quality}.png", grey)
    words = ["import-masks", str(tmp_path / "own"), "--out", str(tmp_path / "out")]
    words += ["--palette", "authors"]
    assert cli.main(words) == 2
    assert cli.main([*words, "--lossy"]) == 2
    assert cli.main([*words, "--lossy", "--snap", "100", "--relabel-edges"]) == 0
    assert len(dataset.load(tmp_path / "out").manifest) == 3


def test_a_user_palette_of_four_classes(folder, tmp_path):
    names, colours = (*classes.NAMES, "metal"), (*classes.PAPER.colours, ("#ff0000",))
    four = palettes.of_classes("four", classes.Classes(names, colours))
    path = palettes.write_gpl(tmp_path / "four.gpl", four)

    def metal(pixels):
        pixels[20:30, 20:30, :3] = (255, 0, 0)

    repaint(folder, 2, metal)
    out = tmp_path / "out"
    words = ["import-masks", str(folder), "--out", str(out), "--palette", str(path)]
    assert cli.main(words) == 0
    with Image.open(out / "masks" / "case-002.png") as image:
        assert (np.asarray(image)[20:30, 20:30] == 3).all()
    assert "3,metal,#ff0000" in (out / "classes.csv").read_text()
    assert dataset.read_arrays(dataset.load(out), "all", 36).labels.max() == 3


def test_notes_forbid_nothing(folder, tmp_path):
    def no_bone(pixels):
        pixels[(pixels[..., :3] == classes.COLOURS[2]).all(-1), :3] = classes.COLOURS[1]

    repaint(folder, 1, no_bone)
    shutil.copy(mask_of(folder, 1), mask_of(folder, 4))
    shutil.copy(folder / "images" / "case-001.png", folder / "images" / "case-004.png")
    outcome = import_masks(folder, tmp_path / "out")
    notes = [problem.what for problem in outcome.problems]
    assert "masks/case-001.png: has no bone" in notes
    assert any("images/case-004.png: is the same file as images/case-001.png" in n for n in notes)
    assert not outcome.fatal


def test_a_class_that_no_mask_has_is_noted(folder, tmp_path):
    def no_bone(pixels):
        pixels[(pixels[..., :3] == classes.COLOURS[2]).all(-1), :3] = classes.COLOURS[1]

    for i in range(6):
        repaint(folder, i, no_bone)
    outcome = import_masks(folder, tmp_path / "out")
    assert "none of them has any bone" in outcome.problems[-1].what


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda f: shutil.rmtree(f / "masks"), "masks: no such folder"),
        (lambda f: [p.unlink() for p in (f / "images").iterdir()], "has no image"),
        (lambda f: (f / "manifest.csv").write_text("a,b\n1,2\n"), "lacks the columns"),
        (lambda f: (f / "manifest.csv").write_bytes(b"\0\xff"), "manifest.csv"),
        (
            lambda f: (f / "manifest.csv").write_text(
                "image,mask,body_part,subject,source\nimages/../x.png,masks/a.png,a,b,c\n"
            ),
            "does not lie in images/",
        ),
        (
            lambda f: (f / "manifest.csv").write_text(
                "image,mask,body_part,subject,source\nimages/case-000.png,masks/no.png,,b,c\n"
            ),
            "no such file; body_part is empty",
        ),
    ],
)
def test_folders_that_cannot_be_used(folder, tmp_path, change, expected, capfd):
    change(folder)
    assert cli.main(["import-masks", str(folder), "--out", str(tmp_path / "out")]) == 2
    error = capfd.readouterr().err.splitlines()
    assert expected in error[-1]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda f: (f / "images" / "sub").mkdir(), "sub: is a folder"),
        (lambda f: (f / "masks" / "x.png").symlink_to("nowhere"), "is a link to what is not there"),
        (lambda f: (f / "masks" / "a\x07.png").touch(), "cannot be printed"),
        (lambda f: mask_of(f, 1).rename(f / "masks" / "CASE-001.PNG"), ""),
        (lambda f: (f / "images" / "Thumbs.db").touch(), ""),
        (lambda f: (f / "masks" / "CASE-001_mask.bmp").touch(), "has two masks"),
    ],
)
def test_nothing_in_the_folders_is_passed_over(folder, tmp_path, change, expected):
    change(folder)
    if not expected:
        assert import_masks(folder, tmp_path / "out").pairs == 6
        return
    with pytest.raises(InputError, match=expected):
        import_masks(folder, tmp_path / "out")


def test_names_spelled_in_two_ways_and_one_target_are_faults(data_folder, tmp_path):
    source = shutil.copytree(data_folder, tmp_path / "own")
    table = pd.read_csv(source / "manifest.csv", dtype=str)
    table.loc[3, "subject"], table.loc[5, "body_part"] = "S-02 ", "Leg"
    (source / "images" / "leg-01.png").rename(source / "images" / "ARM-00.png")
    table.loc[1, "image"] = "images/ARM-00.png"
    table.loc[0, "subject"], table.loc[2, "subject"] = "s 02", "s_02"
    table.to_csv(source / "manifest.csv", index=False)
    with pytest.raises(InputError) as caught:
        import_masks(source, tmp_path / "out")
    report = pd.read_csv(re.search(r"all in (\S+\.csv)", str(caught.value))[1])
    text = " ".join(report["what"])
    assert "subject is written 's 02' and 's_02'" in text
    assert "body_part is written 'leg' and 'Leg'" in text or "'Leg' and 'leg'" in text
    assert "images/ARM-00.png: would be written to images/ARM-00.png like images/arm-00.png" in text


def test_existing_results_are_not_overwritten(folder, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    import_masks(folder, out)
    before = contents(out)
    with pytest.raises(InputError, match="not empty"):
        import_masks(folder, out)
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="not empty"):
        import_masks(folder, tmp_path / "file")
    assert contents(out) == before
