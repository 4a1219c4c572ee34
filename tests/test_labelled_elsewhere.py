"""One data set, labelled by several tools, is one data set."""

import base64
import json
import shutil

import numpy as np
import pytest
from drawn_shapes import colours, draw, names, palette, write
from PIL import Image

from xnet_io import importing, masks, palettes, shapes
from xnet_io.masks import Rules
from xnet_tf import cli, dataset
from xnet_tf.files import InputError

COUNT = 4


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    """Three pictures with painted masks, and the data set that import makes of them."""
    folder = tmp_path_factory.mktemp("own")
    rules = Rules(palettes.load(write(folder / "own", COUNT, 3)))
    importing.import_masks(folder / "own", folder / "data", rules)
    return folder


def runs_of(mask):
    """Return rectangles (left, top, right, bottom), along pixel borders, that cover a mask."""
    found = []
    for y, row in enumerate(mask):
        edges = np.flatnonzero(np.diff(np.r_[0, row.astype(int), 0])).tolist()
        found += [(a, y, b, y + 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return found


def corners(left, top, right, bottom):
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def truth(folder):
    return {p.stem: np.asarray(Image.open(p)) for p in sorted((folder / "data/masks").iterdir())}


def export_cvat(folder, out):
    shutil.copytree(folder / "own" / "images", out / "JPEGImages")
    shutil.copytree(folder / "own" / "masks", out / "SegmentationClass")
    pairs = zip(names(COUNT), colours(COUNT).tolist(), strict=True)
    lines = [f"{name}:{','.join(map(str, colour))}::" for name, colour in pairs]
    text = "\n".join(["# label:color_rgb:parts:actions", *lines])
    (out / "labelmap.txt").write_text(text)


def export_labelme(folder, out, embedded=False):
    out.mkdir()
    for stem, labels in truth(folder).items():
        image = folder / "own" / "images" / f"{stem}.png"
        drawn = [
            {"label": names(COUNT)[k], "points": corners(*run), "shape_type": "polygon"}
            for k in range(1, COUNT)
            for run in runs_of(labels == k)
        ]
        content = {"shapes": drawn, "imagePath": f"..\\pictures\\{stem}.png"}
        content |= {"imageHeight": labels.shape[0], "imageWidth": labels.shape[1]}
        content["imageData"] = base64.b64encode(image.read_bytes()).decode() if embedded else None
        (out / f"{stem}.json").write_text(json.dumps(content))
        if not embedded:
            shutil.copy(image, out)


def export_coco(folder, out, encode):
    shutil.copytree(folder / "own" / "images", out / "images")
    (out / "annotations").mkdir()
    images, annotations = [], []
    for number, (stem, labels) in enumerate(truth(folder).items(), start=7):
        height, width = labels.shape
        images.append({"id": number, "file_name": f"{stem}.png", "height": height, "width": width})
        for k in range(1, COUNT):
            if (labels == k).any():
                about = {"id": len(annotations), "image_id": number, "category_id": 10 + k}
                annotations.append(about | {"segmentation": encode(labels == k)})
    categories = [{"id": 10 + k, "name": name} for k, name in enumerate(names(COUNT))]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (out / "annotations" / "instances_default.json").write_text(json.dumps(content))


def coco_polygons(mask):
    return [np.ravel(corners(*run)).tolist() for run in runs_of(mask)]


def coco_runs(mask):
    """COCO's run lengths: column by column, pixels without first."""
    flat = np.r_[0, mask.ravel(order="F").astype(int)]
    edges = np.r_[0, np.flatnonzero(np.diff(flat)), mask.size]
    return {"size": list(mask.shape), "counts": np.diff(edges).tolist()}


def coco_string(mask):
    from pycocotools import mask as coco

    packed = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": list(mask.shape), "counts": packed["counts"].decode()}


EXPORTS = {
    "CVAT": export_cvat,
    "labelme": export_labelme,
    "labelme, embedded": lambda folder, out: export_labelme(folder, out, embedded=True),
    "COCO polygons": lambda folder, out: export_coco(folder, out, coco_polygons),
    "COCO runs": lambda folder, out: export_coco(folder, out, coco_runs),
    "COCO string": lambda folder, out: export_coco(folder, out, coco_string),
}


@pytest.mark.parametrize("tool", EXPORTS)
def test_every_tool_gives_the_same_label_maps(painted, tmp_path, tool):
    if tool.startswith("COCO"):
        pytest.importorskip("pycocotools")
    EXPORTS[tool](painted, tmp_path / "export")
    words = ["--out", str(tmp_path / "data")]
    if tool != "CVAT":
        words += ["--rest", "ground", "--palette", str(painted / "own" / "palette.toml")]
    assert cli.main(["import-masks", str(tmp_path / "export"), *words]) == 0
    made, wanted = dataset.load(tmp_path / "data"), dataset.load(painted / "data")
    assert made.classes == wanted.classes
    assert made.manifest.index.tolist() == wanted.manifest.index.tolist()
    for one, other in zip(made.manifest.itertuples(), wanted.manifest.itertuples(), strict=True):
        pair = dataset.read_pair(made.folder, one, made.classes)
        for array, known in zip(
            pair, dataset.read_pair(wanted.folder, other, wanted.classes), strict=True
        ):
            np.testing.assert_array_equal(array, known)


def test_a_slanted_polygon_differs_at_its_border_alone():
    points = np.array([[3.2, 2.7], [27.9, 8.1], [12.4, 29.6]])
    filled = shapes._filled(points, (32, 32))
    y, x = np.mgrid[:32, :32] + 0.5
    sides = zip(points, np.roll(points, -1, axis=0), strict=True)
    distances = [
        ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / np.hypot(bx - ax, by - ay)
        for (ax, ay), (bx, by) in sides
    ]
    wanted, near = np.min(distances, axis=0) > 0, abs(np.min(distances, axis=0)) < 0.01
    np.testing.assert_array_equal(filled[~near], wanted[~near])


def test_later_shapes_lie_above_and_the_rest_may_have_no_label(painted, tmp_path):
    square = {"shape_type": "rectangle", "points": [[2, 2], [10, 6]]}
    drawn = [square | {"label": "disc"}, square | {"label": "Ring", "points": [[4, 2], [12, 6]]}]
    path = tmp_path / "a.json"
    about = {"imageHeight": 64, "imageWidth": 64, "imagePath": "", "imageData": None}
    path.write_text(json.dumps(about | {"shapes": drawn}))
    rules = Rules(palettes.load(painted / "own" / "palette.toml"), rest="ignore")
    labels = shapes.read(path, "a.png", (64, 64), rules).labels
    wanted = np.full((64, 64), 255)
    wanted[2:6, 2:4], wanted[2:6, 4:12] = 1, 3
    np.testing.assert_array_equal(labels, wanted)
    assert rules.classes.ignored == ()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"label": "lung"}, "shape 1 ('lung'): label lung: no class of the palette palette.toml"),
        ({"points": [[0, 0], [9, 0], [9, 65]]}, "reaches out of the picture, to (x, y) = (9, 65)"),
        ({"shape_type": "line"}, "is a line of 3 points"),
        ({"points": "none"}, "is not what labelme writes"),
        ({}, "no shape covers"),
    ],
)
def test_what_a_shape_cannot_be_is_one_line(painted, tmp_path, change, expected):
    shape = {"label": "disc", "points": [[0, 0], [9, 0], [9, 9]], "shape_type": "polygon"}
    content = {"imageHeight": 64, "imageWidth": 64, "shapes": [shape | change]}
    path = tmp_path / "a.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError) as caught:
        shapes.read(path, "a.png", (64, 64), Rules(palettes.load(painted / "own/palette.toml")))
    assert expected in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(InputError, match=r"is for 64 x 64 pixels, but a\.png has 32 x 64"):
        shapes.read(path, "a.png", (64, 32), Rules())


def test_a_palette_of_black_and_white_reads_masks_of_0_and_255(tmp_path):
    _, labels = draw(np.random.default_rng(1), 2)
    Image.fromarray(255 * labels).save(tmp_path / "m.png")
    with pytest.raises(InputError, match="name its grey values: import-masks --palette FILE"):
        masks.read_mask(tmp_path / "m.png")
    text = "[[class]]\nname='ground'\ncolour=[0, 0, 0]\n[[class]]\nname='disc'\n"
    (tmp_path / "p.toml").write_text(text + "colour=[255, 255, 255]\n")
    known = palettes.load(tmp_path / "p.toml")
    np.testing.assert_array_equal(masks.read_mask(tmp_path / "m.png", known), labels)


def test_unlabelled_pixels_and_back_to_gimp(tmp_path):
    (tmp_path / "p.toml").write_text(palette(3, ignore=True))
    known = palettes.load(tmp_path / "p.toml")
    grey, labels = draw(np.random.default_rng(1), 3)
    labels[:20] = 255
    path = masks.write_project(tmp_path / "m.xcf", grey[..., None] / 255, labels, known.classes)
    np.testing.assert_array_equal(masks.read_mask(path, known), labels)
    path = masks.write_mask(tmp_path / "m.png", labels, classes=known.classes)
    np.testing.assert_array_equal(masks.read_mask(path, known), labels)
    again = dataset.read_mask(path, known.classes)
    np.testing.assert_array_equal(again, labels)


def test_a_run_length_needs_pycocotools(painted, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pycocotools", None)
    export_coco(painted, tmp_path / "export", coco_runs)
    with pytest.raises(InputError, match=r"pip install 'xnet-tf\[coco\]'"):
        rules = Rules(palettes.load(painted / "own" / "palette.toml"), rest="ground")
        importing.import_masks(tmp_path / "export", tmp_path / "data", rules)


def test_transparent_pixels_may_have_no_label(tmp_path):
    _, labels = draw(np.random.default_rng(1), 3)
    painted = np.dstack([colours(3)[labels], np.full(labels.shape, 255, np.uint8)])
    painted[10:20, 10:20, 3] = 0
    labels[5:10, 5:25] = 0
    painted[5:10, 5:25, :3] = colours(3)[0]
    painted[9, 15, :3] = colours(3)[:2].mean(axis=0)  # a soft edge beside what is transparent
    Image.fromarray(painted).save(tmp_path / "m.png")
    (tmp_path / "p.toml").write_text(palette(3))
    rules = Rules(palettes.load(tmp_path / "p.toml"), relabel_edges=True, transparent="Ignore")
    labels[10:20, 10:20] = 255
    np.testing.assert_array_equal(masks.read(tmp_path / "m.png", rules).labels, labels)
    assert rules.classes.ignored == ()
