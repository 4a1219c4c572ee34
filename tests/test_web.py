"""The page that segments in a browser says what Python says; `make web` builds it."""

import json
import os
import shutil
import subprocess
from base64 import b64decode
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import pydicom
import pytest

import xnet_io
from xnet_io import engines, onnx_graph, radiographs, tiles
from xnet_study import real
from xnet_study.processing import Processing
from xnet_tf import classes, inference, runs, thresholds

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "build" / "web" / "xnet.html"
MODULES = ROOT / "docs" / "web" / "node_modules"
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (PAGE.is_file() and CHROMIUM), reason="needs `make web` and Chromium"),
]

PICTURES = (
    *("ankle-01", "clavicle-01", "foot-02", "hand-03", "head-05"),
    *("knee-01", "lumbar-spine-01", "neck-01", "pelvis-01", "thorax-01"),
)
SPINE = ("neck-01", "lumbar-spine-01", "pelvis-01")
THRESHOLDS = {"hand-03": 0.6, "knee-01": 0.35}
WRONG = {
    "empty.png": "is empty",
    "words.png": "is not PNG",
    "half.png": "damaged",
    "colour.png": "colour picture",
    "huge.png": "too large: 65536 x 65536",
    "huge.jpg": "too large: 65535 x 65535",
    "rle.dcm": "compressed in a way that is not read here",
}
"""What the page says of files that it does not take."""


def node(script, *words):
    """Run a script of docs/web/tests; return its output's lines."""
    done = subprocess.run(
        ["node", ROOT / "docs" / "web" / "tests" / script, *map(str, words)],
        capture_output=True,
        text=True,
        env=os.environ | {"CHROMIUM": CHROMIUM},
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Files by name, and the thresholds that are asked for."""
    folder = tmp_path_factory.mktemp("pictures")
    files = {name: ROOT / "data" / "images" / f"{name}.png" for name in PICTURES} | real.paths()
    files |= compressed(folder)
    letters = cv2.resize(cv2.imread(str(files["hand-03"]), cv2.IMREAD_GRAYSCALE), (900, 1200))
    cv2.rectangle(letters, (600, 1000), (880, 1150), 8, -1)
    cv2.putText(letters, "RECHTS", (610, 1060), cv2.FONT_HERSHEY_SIMPLEX, 1.5, 235, 3)
    cv2.imwrite(str(folder / "letters.png"), letters)
    files["letters.png"] = folder / "letters.png"
    spine = np.vstack([cv2.resize(cv2.imread(str(files[n]), -1), (400, 500)) for n in SPINE])
    for name, pixels in (("spine.png", spine), ("lying spine.png", np.rot90(spine))):
        cv2.imwrite(str(folder / name), pixels)
        files[name] = folder / name
    grey = cv2.imread(str(files["foot-02"]), cv2.IMREAD_UNCHANGED)
    dark = (255 - (grey >> 8)).astype(np.uint8)
    for name, pixels in (("dark.tif", dark), ("dark.bmp", dark), ("deep.tif", grey)):
        cv2.imwrite(str(folder / name), pixels)
        files[name] = folder / name
    (folder / "words.png").write_text("no picture")
    (folder / "half.png").write_bytes(files["hand-03"].read_bytes()[:20000])
    (folder / "empty.png").write_bytes(b"")
    cv2.imwrite(str(folder / "colour.png"), np.dstack([dark, dark // 2, dark]))
    huge = files["hand-03"].read_bytes()
    (folder / "huge.png").write_bytes(huge[:16] + b"\0\1\0\0" * 2 + huge[24:])
    jpeg = cv2.imencode(".jpg", dark)[1].tobytes()
    place = jpeg.index(b"\xff\xc0")
    (folder / "huge.jpg").write_bytes(jpeg[: place + 5] + b"\xff" * 4 + jpeg[place + 9 :])
    stored = pydicom.dcmread(files["lower leg"])
    stored.compress(pydicom.uid.RLELossless)
    stored.save_as(folder / "rle.dcm")
    return files, {name: folder / name for name in WRONG}


def compressed(folder):
    """Return real DICOM files in JPEG 2000, and in JPEG Lossless, by name."""
    files = {}
    for name, path in real.paths().items():
        for kind in ("J2KR", "J2KI"):
            files[f"{name}, {kind}"] = path.with_name(path.name.replace("UNCR", kind))
        stored = pydicom.dcmread(path)
        bits = stored.BitsAllocated
        frame = imagecodecs.jpeg8_encode(
            stored.pixel_array, lossless=True, predictor=1, bitspersample=bits
        )
        stored.PixelData = pydicom.encaps.encapsulate([frame])
        stored.file_meta.TransferSyntaxUID = pydicom.uid.JPEGLosslessSV1
        stored.save_as(folder / f"{path.stem}-lossless.dcm")
        files[f"{name}, lossless"] = folder / f"{path.stem}-lossless.dcm"
    folder = path.parent
    files |= {kind: folder / f"{kind}.dcm" for kind in ("JPEG-LL", "JPGLosslessP14SV1_1s_1f_8b")}
    return files


@pytest.fixture(scope="module")
def answers(files, tmp_path_factory):
    """What the page says of each file, its labels among it."""
    out = tmp_path_factory.mktemp("labels")
    usable, wrong = files
    words = [f"{path}={THRESHOLDS.get(name, '')}" for name, path in (usable | wrong).items()]
    lines = [json.loads(line) for line in node("labels.mjs", PAGE, out, *words)]
    assert [line for line in lines if "asked" in line or "failed" in line] == []
    said = dict(zip([*usable, *wrong], lines, strict=True))
    for k, name in enumerate(usable):
        shape = said[name]["rows"], said[name]["columns"]
        said[name]["labels"] = np.fromfile(out / f"{k}.raw", np.uint8).reshape(shape)
    return said


def segmented(network, path, threshold):
    radiograph = radiographs.load(path)
    image = radiograph.image[radiograph.exposed]
    probabilities = tiles.probabilities(
        lambda part: inference.segment(network, part, quality="normal").probabilities, image
    )
    labels = thresholds.decide(probabilities, threshold)
    given = np.take_along_axis(probabilities, labels[..., None].astype(int), -1)
    return radiograph, radiograph.widen(labels), given.mean(dtype=float)


def test_labels_and_polarity_are_those_of_python(files, answers):
    network = xnet_io.load_network()
    for name, path in files[0].items():
        radiograph, labels, _ = segmented(network, path, THRESHOLDS.get(name))
        assert answers[name]["polarity"] == radiograph.polarity, name
        assert answers[name]["certainty"] == pytest.approx(radiograph.certainty, abs=1e-3), name
        assert (answers[name]["labels"] == labels).mean() >= 0.999, name
        filled = any("burnt in" in warning for warning in radiograph.warnings)
        assert ("burnt in" in answers[name]["status"]) == filled, name
    assert "burnt in" in answers["letters.png"]["status"]


def test_numbers_are_those_of_the_same_weights(files, answers):
    half = engines.OnnxNetwork(onnx_graph.build(runs.USER_WEIGHTS, half=True))
    for name in ("hand-03", "knee-01", "pelvis-01"):
        said = answers[name]
        _, _, confidence = segmented(half, files[0][name], THRESHOLDS.get(name))
        assert said["confidence"] == pytest.approx(confidence, abs=1e-5)
        shares = np.bincount(said["labels"].ravel(), minlength=3) / said["labels"].size
        np.testing.assert_allclose(said["shares"], shares, atol=1e-6)
        assert said["shown"] == [f"{100 * share:.1f} %" for share in shares]


@pytest.mark.parametrize("name", WRONG)
def test_wrong_files_get_one_line(answers, name):
    assert answers[name]["status"].startswith(f"{name}: ")
    assert WRONG[name] in answers[name]["status"]


def test_a_picture_costs_little(files, tmp_path):
    """The page's process, once it has the network: seconds of computing, and memory in MB."""
    hand = cv2.imread(str(files[0]["hand-03"]), cv2.IMREAD_UNCHANGED)
    cv2.imwrite(str(tmp_path / "large.png"), cv2.resize(hand, (3000, 3000)))
    words = files[0]["foot-02"], files[0]["hand-03"], tmp_path / "large.png"
    _, second, large = (json.loads(line) for line in node("labels.mjs", PAGE, tmp_path, *words))
    assert second["computing"] < 5
    assert large["memory"] < 1000


def test_both_pages_are_used_by_the_keyboard_alone():
    page, explorer = map(json.loads, node("keyboard.mjs", PAGE.parent))
    assert page["threshold"] == pytest.approx(0.8)
    assert page["tissue"] < page["before"]
    assert page["saved"] == "hand-03_mask.png"
    assert (explorer["name"], explorer["threshold"], explorer["side"]) == ("knee-03", 0.53, 2)


def test_the_page_is_accessible_and_asks_nobody():
    assert node("pages.mjs", PAGE.parent) == ["2 pages"]


@pytest.mark.parametrize(("name", "threshold", "side"), [("knee-03", 0.62, 0), ("hand-08", 0.3, 6)])
def test_the_explorer_says_what_python_says(name, threshold, side):
    page = PAGE.with_name("explorer.html")
    said = json.loads(node("explorer.mjs", page, name, threshold, side)[0])
    example = next(
        image
        for image in json.loads(page.with_suffix(".json").read_text())["images"]
        if image["name"] == name
    )
    shape = example["rows"], example["columns"]
    probabilities = np.frombuffer(b64decode(example["probabilities"]), "<u2").reshape(*shape, 3)
    truth = np.frombuffer(b64decode(example["truth"]), np.uint8).reshape(shape)
    probabilities = probabilities / 65535
    labels = thresholds.decide(probabilities, threshold)
    labels = Processing(dilation=side)(labels, probabilities)
    called, tissue = labels == classes.SOFT_TISSUE, truth == classes.SOFT_TISSUE
    given = np.take_along_axis(probabilities, labels[..., None].astype(int), -1)
    assert said["recall"] == pytest.approx((called & tissue).sum() / tissue.sum(), abs=1e-6)
    assert said["fdr"] == pytest.approx((called & ~tissue).sum() / called.sum(), abs=1e-6)
    assert said["confidence"] == pytest.approx(given.mean(), abs=1e-6)
