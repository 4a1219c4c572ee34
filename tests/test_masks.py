"""Masks as GIMP writes them: a table of what is read and what is refused, and why."""

import shutil

import gimp_fixtures
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from label_files import (
    GIMP,
    MAP,
    Shape,
    message,
    ora_bytes,
    png_bytes,
    rgba,
    save,
    write,
    xcf_bytes,
)
from PIL import Image

from xnet_io import masks, palettes, xcf, xcf_writer
from xnet_io.diagnosis import UNKNOWN
from xnet_io.masks import Rules, by_tolerance, write_ids, write_mask
from xnet_io.pictures import decode
from xnet_tf import classes
from xnet_tf.files import InputError

STRICT = Rules()
AUTHORS = Rules(palettes.KNOWN["authors"])
LOSSY = Rules(AUTHORS.palette, snap=100, relabel_edges=True, lossy=True)
TRUTH = masks.read(GIMP / "pencil.png", STRICT).labels

# File, rules, and the number of pixels that may differ from the truth; or a part of the message.
TABLE = [
    ("pencil.png", STRICT, 0),
    ("pencil.tif", STRICT, 0),
    ("pencil.bmp", STRICT, 0),
    ("indexed.png", STRICT, 0),
    ("indexed.tif", STRICT, 0),
    ("indexed.bmp", STRICT, 0),
    ("alpha-opaque.png", STRICT, 0),
    ("alpha-hole.png", STRICT, "has 20 transparent pixels, the first at (x, y) = (3, 70)"),
    ("alpha-hole.png", Rules(transparent="Open_Beam"), 0),
    ("alpha-hole.png", Rules(transparent="bone"), 20),
    ("alpha-soft.png", STRICT, "partly transparent pixels"),
    ("alpha-soft.png", Rules(transparent="open beam"), "Threshold Alpha"),
    ("brush.png", STRICT, "it looks like anti-aliasing"),
    ("brush.png", Rules(relabel_edges=True), 60),
    ("feather.png", STRICT, "it looks like a soft edge"),
    ("feather.png", Rules(relabel_edges=True), "it looks like a soft edge"),
    ("deep.png", STRICT, "has 16-bit channels; GIMP: Image > Precision"),
    ("grey.png", STRICT, "is a greyscale picture"),
    ("authors.png", STRICT, "import with --palette authors"),
    ("authors.png", AUTHORS, 0),
    ("authors-95.jpg", AUTHORS, "is a JPEG file"),
    ("authors-95.jpg", LOSSY, 0),
    ("authors-75.jpg", LOSSY, 0),
    ("authors-75-halved.jpg", LOSSY, 80),
    ("authors-40.jpg", LOSSY, 10),
    ("authors-40.jpg", Rules(AUTHORS.palette, lossy=True), "it looks like JPEG noise"),
    ("paper-90.jpg", Rules(snap=40, relabel_edges=True, lossy=True), 0),
    ("one-layer.xcf", STRICT, 0),
    ("indexed.xcf", STRICT, 0),
    ("labels-layer.xcf", STRICT, 0),
    ("covering.xcf", STRICT, 0),
    ("hidden-notes.xcf", STRICT, 0),
    ("class-layers.xcf", STRICT, 0),
    ("group.xcf", STRICT, 0),
    ("offset.xcf", STRICT, 0),
    ("shifted.xcf", STRICT, "has 1,005 transparent pixels, the first at (x, y) = (0, 0)"),
    ("opacity.xcf", STRICT, "has an opacity of 40 %"),
    ("hidden-labels.xcf", STRICT, "layer 'labels' is hidden"),
    ("hidden-bone.xcf", STRICT, "layer 'Bone' is hidden"),
    ("mode.xcf", STRICT, "blend mode 30; set the mode to Normal"),
    ("layer-mask.xcf", STRICT, "Apply Layer Mask"),
    ("floating.xcf", STRICT, "Anchor Layer"),
    ("wrong-layer.xcf", STRICT, "12 pixels in the colour of soft tissue"),
]


@pytest.mark.parametrize(("name", "rules", "expected"), TABLE)
def test_what_gimp_writes(name, rules, expected):
    if isinstance(expected, str):
        assert expected in message(masks.read, GIMP / name, rules)
        return
    read = masks.read(GIMP / name, rules)
    wrong = np.count_nonzero(read.labels != TRUTH)
    assert wrong <= expected
    if rules in (STRICT, AUTHORS):
        assert read.snapped == read.relabelled == wrong == 0


def test_the_table_leaves_no_fixture_out():
    fixtures = {path.name for path in GIMP.iterdir() if path.is_file()}
    assert {name for name, _, _ in TABLE} == fixtures
    assert sum(path.stat().st_size for path in GIMP.iterdir() if path.is_file()) < 300_000


def test_the_truth_holds_three_regions():
    shares = np.bincount(TRUTH.ravel()) / TRUTH.size
    assert TRUTH.shape == (80, 96) and shares.min() > 0.05


def test_the_authors_rule_loses_pixels_where_ours_does_not():
    # What the notebook shows: wrong pixels by a tolerance of 100, and by snapping with neighbours.
    wrong = {}
    for name in ("95", "75", "75-halved", "40"):
        path = GIMP / f"authors-{name}.jpg"
        theirs = np.count_nonzero(by_tolerance(decode(path).pixels) != TRUTH)
        wrong[name] = theirs, np.count_nonzero(masks.read(path, LOSSY).labels != TRUTH)
    assert all(ours <= theirs for theirs, ours in wrong.values())
    assert wrong["75-halved"][0] > 200 and wrong["40"][0] > 40


@pytest.mark.slow
@pytest.mark.skipif(not gimp_fixtures.available(), reason="GIMP 2.10 is not installed")
def test_gimp_paints_the_same_fixtures_again(tmp_path):
    gimp_fixtures.make(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {p.name for p in GIMP.iterdir() if p.is_file()}
    for path in sorted(tmp_path.iterdir()):
        ours, theirs = content(GIMP / path.name), content(path)
        assert len(ours) == len(theirs), path.name
        assert all(map(np.array_equal, ours, theirs)), path.name


def content(path):
    """Return what a fixture holds: its pixels, or a project's names and layers, or its refusal."""
    if path.suffix != ".xcf":
        return [decode(path).pixels]
    try:
        found = xcf.read(path).layers
    except InputError as error:
        return [str(error).removeprefix(str(path))]
    return [[layer.name for layer in found], *(layer.pixels() for layer in found)]


def write_png(path, labels):
    return save(path.with_suffix(".png"), classes.COLOURS[labels])


def write_indexed(path, labels):
    image = Image.fromarray(np.array([7, 0, 3], np.uint8)[labels])
    colours = np.full((8, 3), 9, np.uint8)
    colours[[7, 0, 3]] = classes.COLOURS
    image.putpalette(colours.tobytes())
    image.save(path.with_suffix(".png"))
    return path.with_suffix(".png")


def write_tiff(path, labels):
    tifffile.imwrite(
        path.with_suffix(".tif"), rgba(labels), photometric="rgb", compression="lzw",
        extrasamples=["unassalpha"],
    )  # fmt: skip
    return path.with_suffix(".tif")


def write_xcf(path, labels):
    layers = [Shape("labels", rgba(labels)), Shape("x", classes.COLOURS[labels] // 3)]
    return write(path.with_suffix(".xcf"), xcf_bytes(layers, labels.shape))


def write_class_layers(path, labels):
    layers = [
        Shape(name, rgba(np.full_like(labels, k), 255 * (labels == k).astype(np.uint8)))
        for k, name in enumerate(classes.NAMES)
    ]
    return write(path.with_suffix(".xcf"), xcf_bytes(layers, labels.shape, 8, 2))


def write_ora(path, labels):
    content = ora_bytes(
        '<layer name="labels" src="a.png"/>', labels.shape, {"a.png": png_bytes(rgba(labels))}
    )
    return write(path.with_suffix(".ora"), content)


def write_project(path, labels):
    layer = ("labels", classes.COLOURS[labels], 0.5)
    return xcf_writer.write(path.with_suffix(".xcf"), [layer])


FORMATS = {
    "RGB PNG": write_png,
    "indexed PNG": write_indexed,
    "the paper's indexed PNG": lambda path, labels: write_mask(path.with_suffix(".png"), labels),
    "ids": lambda path, labels: write_ids(path.with_suffix(".png"), labels),
    "RGBA TIFF": write_tiff,
    "BMP": lambda path, labels: save(path.with_suffix(".bmp"), classes.COLOURS[labels]),
    "XCF": write_xcf,
    "XCF, a layer a class": write_class_layers,
    "OpenRaster": write_ora,
    "our own project": write_project,
}
MAPS = arrays.arrays(np.uint8, st.tuples(*[st.integers(1, 90)] * 2), elements=st.integers(0, 2))


@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=8, deadline=None)
@given(labels=MAPS)
def test_a_map_comes_back_from_each_format(tmp_path_factory, form, labels):
    path = FORMATS[form](tmp_path_factory.mktemp("m") / "m", labels)
    read = masks.read(path, STRICT)
    assert read.labels.dtype == np.uint8
    np.testing.assert_array_equal(read.labels, labels)


def paint_png(path, pixels):
    return save(path.with_suffix(".png"), pixels)


def paint_tiff(path, pixels):
    tifffile.imwrite(path.with_suffix(".tif"), pixels, photometric="rgb")
    return path.with_suffix(".tif")


def paint_xcf(path, pixels):
    return xcf_writer.write(path.with_suffix(".xcf"), [("labels", pixels, 0.5)])


@pytest.mark.parametrize("paint", [paint_png, paint_tiff, paint_xcf])
@settings(max_examples=8, deadline=None)
@given(labels=MAPS, wrong=st.tuples(*[st.integers(0, 255)] * 3), data=st.data())
def test_one_wrong_pixel_is_found_at_its_place(tmp_path_factory, paint, labels, wrong, data):
    if list(wrong) in classes.COLOURS.tolist():
        return
    y = data.draw(st.integers(0, labels.shape[0] - 1))
    x = data.draw(st.integers(0, labels.shape[1] - 1))
    pixels = classes.COLOURS[labels]
    pixels[y, x] = wrong
    path = paint(tmp_path_factory.mktemp("m") / "m", pixels)
    with pytest.raises(masks.MaskError) as caught:
        masks.read(path, STRICT)
    (foreign,) = caught.value.colours
    assert (foreign.colour, foreign.pixels, foreign.x, foreign.y) == (wrong, 1, x, y)
    assert f"(x, y) = ({x}, {y})" in str(caught.value)


def test_look_up_is_exact_in_any_block(monkeypatch):
    labels = np.random.default_rng(0).integers(0, 3, (301, 97)).astype(np.uint8)
    pixels = classes.COLOURS[labels]
    pixels[300, 96] = (68, 1, 85)
    labels[300, 96] = UNKNOWN
    for block in (1, 1000, 1 << 17):
        monkeypatch.setattr(masks, "_BLOCK", block)
        np.testing.assert_array_equal(masks.look_up(pixels), labels)
        np.testing.assert_array_equal(masks.look_up(np.dstack([pixels, pixels])[..., :4]), labels)


def test_repairs_work_beside_an_alpha_channel(tmp_path):
    pixels = rgba(MAP)
    pixels[0, 0, 0] += 3
    path = save(tmp_path / "m.png", pixels)
    assert "slightly wrong colour" in message(masks.read, path, STRICT)
    read = masks.read(path, Rules(snap=3))
    assert read.labels.tolist() == MAP.tolist() and read.snapped == 1


def test_more_classes_and_several_colours_of_one(tmp_path):
    colours = np.array([[0, 0, 0], [9, 9, 9], [255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
    ids = np.array([0, 1, 2, 3, 2], np.uint8)
    of_classes = ("#000000",), ("#090909",), ("#ff0000", "#0000ff"), ("#00ff00",)
    own = classes.Classes(("air", "flesh", "bone", "lead"), of_classes)
    palette = palettes.of_classes("mine", own)
    drawn = np.array([[0, 1, 2], [3, 4, 4]], np.uint8)
    path = save(tmp_path / "m.png", colours[drawn])
    assert masks.read(path, Rules(palette)).labels.tolist() == [[0, 1, 2], [3, 2, 2]]
    write_ids(path, ids[drawn])
    assert masks.read(path, Rules(palette)).labels.tolist() == [[0, 1, 2], [3, 2, 2]]
    assert "1 pixels exceed 2, the first at (x, y) = (0, 1)" in message(masks.read, path, STRICT)


def test_ids_are_told_from_greyscale_pictures(tmp_path):
    assert masks.read(save(tmp_path / "ids.png", MAP), STRICT).labels.tolist() == MAP.tolist()
    # Only PNG: a bilevel TIFF would read as ids 0 and 1. Black and white PNGs read as 0 and 255.
    tifffile.imwrite(tmp_path / "m.tif", MAP)
    assert "greyscale" in message(masks.read, tmp_path / "m.tif", STRICT)
    Image.fromarray(MAP > 0).save(tmp_path / "bilevel.png")
    assert "greyscale" in message(masks.read, tmp_path / "bilevel.png", STRICT)
    Image.fromarray(np.dstack([MAP, MAP]), "LA").save(tmp_path / "la.png")
    assert "greyscale" in message(masks.read, tmp_path / "la.png", STRICT)


@pytest.mark.parametrize("rules", [Rules(snap=72), Rules(snap=0), Rules(transparent="air")])
def test_rules_that_do_not_fit_the_palette(rules):
    with pytest.raises(InputError):
        masks.read(GIMP / "pencil.png", rules)


def test_the_name_of_a_file_plays_no_part(tmp_path):
    path = shutil.copy(GIMP / "class-layers.xcf", tmp_path / "mask.png")
    assert np.array_equal(masks.read(path, STRICT).labels, TRUTH)
    assert "no such file" in message(masks.read, tmp_path / "none.xcf", STRICT)


def test_transparent_pixels_become_what_the_rules_say(tmp_path):
    alpha = np.full(MAP.shape, 255, np.uint8)
    alpha[0, 0] = alpha[1, 2] = 0
    path = save(tmp_path / "hole.png", rgba(MAP, 255) * (alpha[..., None] > 0))
    labels = masks.read(path, Rules(transparent="bone")).labels
    assert labels.tolist() == [[2, 1, 2], [2, 2, 2]]


def test_rules_may_leave_pixels_unlabelled():
    assert STRICT.classes.ignored is None
    assert Rules(transparent="bone", rest="open beam").classes.ignored is None
    assert Rules(transparent="ignore").classes.ignored == ()
    assert Rules(rest="ignore").classes.ignored == ()


def test_unlabelled_pixels_have_a_colour_in_every_viewer(tmp_path):
    own = classes.Classes(("lung", "heart"), (("#000001",), ("#ff0000",)), ("#ffff00",))
    labels = np.array([[0, 1, 255]], np.uint8)
    with Image.open(write_mask(tmp_path / "x.png", labels, classes=own)) as image:
        shown = np.asarray(image.convert("RGB"))
        palette = np.reshape(image.getpalette(), (-1, 3))
    assert shown.tolist() == [[[0, 0, 1], [255, 0, 0], [255, 255, 0]]]
    assert len(palette) == 256 and (palette[2:] == [255, 255, 0]).all()


def test_maps_of_ids_may_hold_unlabelled_pixels(tmp_path):
    own = classes.Classes(("lung", "heart"), (("#000001",), ("#ff0000",)), ("#ffff00",))
    rules = Rules(palettes.of_classes("own", own))
    labels = np.array([[0, 1, 255]], np.uint8)
    read = masks.read(save(tmp_path / "ids.png", labels), rules).labels
    assert read.tolist() == labels.tolist()
    with pytest.raises(InputError, match="greyscale picture"):
        masks.read(save(tmp_path / "ids.png", labels + np.uint8(1)), rules)


def test_the_authors_tolerance_is_a_hundred_levels():
    levels = np.uint8([[100, 101]])[..., np.newaxis].repeat(3, axis=-1)
    assert by_tolerance(levels, np.zeros((2, 3), np.uint8)).tolist() == [[1, 0]]


def test_a_project_refuses_a_picture_of_another_size(tmp_path):
    with pytest.raises(ValueError, match="an image of"):
        masks.write_project(tmp_path / "x.xcf", np.zeros((2, 4, 1), np.float32), MAP)
    assert not (tmp_path / "x.xcf").exists()
