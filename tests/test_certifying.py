"""What is certified is what `xnet segment --target-fdr` does."""

# ruff: noqa: F811 - fixtures are imported by their names

import numpy as np
import pandas as pd
import pytest
import segment_fakes as fakes
from picture_files import limb
from PIL import Image
from test_cli import segment, weights  # noqa: F401

from xnet_io import radiographs, segment_runs
from xnet_io.segmenting import Method
from xnet_study import serving
from xnet_study.certainty import certifying, curves, operating, promises
from xnet_study.certainty.operating import AUTO, GIVEN, Point
from xnet_study.processing import Processing
from xnet_tf import calibration, dataset, thresholds
from xnet_tf.classes import Classes
from xnet_tf.files import read_json

TUNED = Processing(dilation=3, island=20)
ABOUT = {"guarded": "soft tissue", "simulated": True}


@pytest.fixture(scope="module")
def folder(data_folder, tmp_path_factory):
    """Four pictures: as they are, with the open beam dark (unknown to the manifest), and framed."""
    folder = tmp_path_factory.mktemp("population") / "calibration"
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    data = dataset.load(data_folder)
    rows = []
    for k, row in enumerate(data.manifest[:4].itertuples()):
        grey = np.asarray(Image.open(data_folder / row.Index))
        ids = dataset.read_mask(data_folder / row.mask)
        if k == 1:
            grey = grey.max() - grey
        if k == 2:  # unexposed margins
            grey, ids = (np.pad(a, ((9, 5), (0, 12))) for a in (grey, ids))
        Image.fromarray(grey).save(folder / "images" / f"{k}.png")
        Image.fromarray(ids).save(folder / "masks" / f"{k}.png")
        about = {"body_part": row.body_part, "subject": f"s{k}", "source": "", "polarity": "bright"}
        rows.append({"image": f"images/{k}.png", "mask": f"masks/{k}.png", **about})
    pd.DataFrame(rows).to_csv(folder / "manifest.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def passed(folder, weights):
    return certifying.passed(serving.load(weights, "normal"), dataset.load(folder), TUNED)


def test_only_where_polarity_is_found_wrongly_the_certificates_differ(passed):
    inverted = passed[AUTO].inverted
    assert inverted.any() and not inverted.all(), "toys are hard to judge; else this tests nothing"
    assert not passed[GIVEN].inverted.any()
    same = (passed[AUTO].above == passed[GIVEN].above).all(axis=(1, 2))
    np.testing.assert_array_equal(same, ~inverted)


@pytest.mark.parametrize("polarity", [AUTO, GIVEN])
@pytest.mark.parametrize("post_process", [False, True])
def test_the_masks_of_segment_are_those_that_were_certified(
    polarity,
    post_process,
    folder,
    passed,
    weights,
    tmp_path,
):
    """At a threshold that something exceeds, on every picture, pixel for pixel by true class."""
    one = passed[polarity]
    above = one.at(post_process)
    position = int(np.flatnonzero(above.sum(axis=(0, 2)) > 100)[-1])
    point = Point(
        *(0.05, post_process, promises.at_position(position, post_process), 63),
        *("calibration", 4, 0.05, {}, polarity),
    )
    for path in (weights, weights.with_suffix(".json")):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    own = tmp_path / weights.name
    record = {"weights_sha256": read_json(own.with_suffix(".json"))["sha256"], "working_size": 200}
    operating.write(own, [point], TUNED, record | {"sets": {}, "versions": {}, **ABOUT})
    words = ["--target-fdr", "0.05", *(["--post-process"] if post_process else [])]
    words += ["--polarity", "auto" if polarity == AUTO else "bright"]
    assert segment(own, tmp_path / "out", folder / "images", *words) == 0
    for k, row in enumerate(one.manifest.itertuples()):
        (mask,) = (tmp_path / "out").rglob(f"{k}_mask.png")
        truth = dataset.read_mask(folder / row.mask)
        called = np.bincount(truth[np.asarray(Image.open(mask)) == 1], minlength=3)
        np.testing.assert_array_equal(called, above[k, position])
    (written,) = (tmp_path / "out").rglob("0_mask.json")
    assert ("found automatically" in read_json(written)["promise"]) == (polarity == AUTO)
    other = ["--polarity", "bright" if polarity == AUTO else "auto"]
    assert segment(own, tmp_path / "o", folder / "images", *words[:-2], *other) == 2


@pytest.mark.parametrize("guarded", [0, 1])
@pytest.mark.parametrize("first", ["open beam", "ground"])
def test_margins_are_counted_as_segment_leaves_them(first, guarded, tmp_path):
    """Open beam where it is a class, guarded or not; else segmented like the rest."""
    own = Classes((first, "flesh", "bone"), (("#000000",), ("#00ff00",), ("#ff0000",)))
    picture = np.pad(np.round(limb(60, 48) * 60000).astype(np.uint16), 9)
    Image.fromarray(picture).save(tmp_path / "limb.png")
    radiograph = radiographs.load(tmp_path / "limb.png", "bright")
    assert radiograph.image[radiograph.exposed].size < picture.size
    truth = np.random.default_rng(1).integers(0, 3, picture.shape).astype(np.uint8)
    counted, *_ = certifying.counts(fakes.by_grey, radiograph, truth, None, guarded, own)
    for position in (32, 60):  # the network's 0.8 exceeds the first, and none exceeds the other
        threshold = promises.at_position(position)
        decision = operating.Decision(threshold, guarded, Processing(), {})
        method = Method(fakes.load, decision, str(position), "bright", frozenset(), own)
        out = tmp_path / str(position)
        assert segment_runs.run([tmp_path / "limb.png"], out, method) == 0
        mask = np.asarray(Image.open(out / "limb_mask.png"))
        called = np.bincount(truth[mask == guarded], minlength=3)
        np.testing.assert_array_equal(counted[position], called)
        assert called.any() == (position == 32 or (guarded == 0 and own.has_open_beam))


def made(losses, parts):
    """Curves of pictures, one for each subject, with these false discovery proportions."""
    called = np.stack([1000 * losses, 1000 * (1 - losses), np.zeros_like(losses)], axis=-1)
    above = np.round(called).astype(np.int32)
    names = [f"s{k:03d}" for k in range(len(losses))]
    manifest = pd.DataFrame({"subject": names, "body_part": parts})
    return certifying.Curves(
        manifest, 1, above, above[:, ::4], np.full((len(losses), 3), 2000), None
    )


def test_points_name_the_loss_of_every_part_and_what_exceeds_the_target():
    number = len(thresholds.GRID)
    parts = np.tile(["hand", "head"], 300)
    falling = np.linspace(0.3, 0.0, number)
    losses = np.where(parts == "hand", 0.5, 1.5)[:, None] * falling
    sets = {name: made(losses, parts) for name in ("calibration", "evaluation")}
    points = {(p.target_fdr, p.processed): p for p in certifying.operating_points(sets, AUTO)}
    point = points[0.05, False]
    position = int(np.searchsorted(calibration.edge(thresholds.GRID), point.threshold - 1e-12))
    by_part = point.reached["mean_fdr_by_part"]
    assert by_part == pytest.approx(
        {"hand": 0.5 * falling[position], "head": 1.5 * falling[position]}, abs=1e-3
    )
    assert point.reached["mean_fdr"] == pytest.approx(falling[position], abs=1e-3)
    assert point.reached["mean_fdr"] <= 0.05
    assert point.reached["images_above_target"] == 0.5, "all heads"
    assert points[0.005, False].threshold is None, "614 subjects are needed"


def test_without_a_population_nothing_is_promised(weights, tmp_path):
    for path in (weights, weights.with_suffix(".json")):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    certifying.certify(tmp_path / weights.name, None, tmp_path, TUNED)
    assert operating.read(tmp_path / weights.name)[:2] == ([], TUNED)


def test_each_pictures_curves_are_kept(passed, tmp_path):
    one = passed[AUTO]
    certifying.save_images({"calibration": one}, tmp_path / curves.IMAGES)
    above, pixels, subjects, parts = curves.read_images(tmp_path, "calibration")
    np.testing.assert_array_equal(above, one.above)
    np.testing.assert_array_equal(pixels, one.pixels)
    assert subjects.tolist() == ["s0", "s1", "s2", "s3"] and len(parts) == 4
