import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from xnet_study.certainty import robustness
from xnet_tf import metrics
from xnet_tf.files import InputError, read_json
from xnet_tf.metrics import counts_of


@pytest.fixture(scope="module")
def population(data_folder, tmp_path_factory):
    """An evaluation population and its shifted copies, all of the tiny data set."""
    root = tmp_path_factory.mktemp("population")
    for name in ("evaluation", *(f"evaluation-{end}" for end in robustness.RENDERED.values())):
        shutil.copytree(data_folder, root / name)
    for path in (root / "evaluation-noise" / "images").iterdir():  # all black
        Image.fromarray(np.zeros((72, 72), np.uint16)).save(path)
    manifest = root / "evaluation-noise" / "manifest.csv"  # the first ten alone
    manifest.write_text("\n".join(manifest.read_text().splitlines()[:11]) + "\n")
    return root


@pytest.fixture(scope="module")
def results(population, trained_run, tmp_path_factory):
    folder, profile = trained_run
    copy = shutil.copytree(folder, tmp_path_factory.mktemp("runs") / profile.name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XNET_RUNS", str(copy.parent))
        return robustness.evaluate(population, profile)


def test_every_condition_counts_every_image(results):
    table = pd.read_csv(results / "population.csv")
    conditions = [robustness.PLAIN, *robustness.CHANGED, *robustness.RENDERED]
    assert list(dict.fromkeys(table["condition"])) == conditions
    images = table.groupby("condition")["image"].nunique()
    assert images.pop("a tenth of the dose") == 10
    assert (images == 24).all()
    assert (counts_of(table).sum(axis=(1, 2)) == 72 * 72).all()


def test_scores_follow_from_the_counts(results):
    counts = pd.read_csv(results / "population.csv")
    scores = pd.read_csv(results / "robustness.csv").query("score == 'macro F1'")
    scores = scores.set_index("condition")
    for condition, group in counts.groupby("condition"):
        expected = metrics.macro_f1(counts_of(group).sum(axis=0))
        assert scores.loc[condition, "value"] == pytest.approx(expected, rel=1e-5)
    groups = {name: group.set_index("image") for name, group in counts.groupby("condition")}
    dark = groups["a tenth of the dose"]
    assert scores.loc["a tenth of the dose", "subjects"] == dark["subject"].nunique() < 12
    same = metrics.macro_f1(counts_of(groups["plain"].loc[dark.index]).sum(axis=0))
    fall = scores.loc["a tenth of the dose", "value"] - same
    assert scores.loc["a tenth of the dose", "difference"] == pytest.approx(fall, abs=1e-5)
    assert fall < -0.2, "black pictures cannot be read"
    assert scores.loc["tube voltage x 0.8", "difference"] == 0, "the same pictures"


def test_the_record_names_weights_and_population(results):
    record = read_json(results / "robustness.json")
    weights = read_json(results.parent / "weights" / "xnet.json")
    assert record["weights_sha256"] == weights["sha256"]
    assert record["images"] == 24 and record["subjects"] == 12
    assert record["versions"]["tensorflow"]


def test_missing_and_foreign_folders_are_refused(population, tiny_profile, tmp_path):
    with pytest.raises(InputError, match=r"evaluation: is missing.*make population"):
        robustness.evaluate(tmp_path, tiny_profile)
    copy = tmp_path / "population"
    shutil.copytree(population, copy)
    manifest = copy / "evaluation-gain" / "manifest.csv"
    header, _, *others = manifest.read_text().splitlines()
    manifest.write_text("\n".join([header, *others]) + "\n")
    with pytest.raises(InputError, match=r"evaluation-gain: holds other pictures"):
        robustness.evaluate(copy, tiny_profile)


def picture():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:80, :100]
    truth = ((x - 60) ** 2 + (y - 40) ** 2 < 400).astype(np.uint8)
    grey = np.where(truth == 1, 0.3, 0.9) + rng.normal(0, 0.01, truth.shape)
    return grey[..., None].astype(np.float32), truth


@pytest.mark.parametrize("name", robustness.CHANGED)
def test_changes_keep_what_a_picture_is(name):
    image, truth = picture()
    changed, kept = robustness.CHANGED[name](image, truth)
    assert changed.shape == image.shape and changed.dtype == np.float32
    assert changed.min() >= 0 and changed.max() <= 1
    assert kept.dtype == np.uint8 and set(np.unique(kept)) <= {0, 1}
    if name != "inverted, polarity found":  # a disc is no radiograph: the finder may err
        assert changed[kept == 0].mean() > changed[kept == 1].mean(), "the open beam stays bright"


def test_turning_moves_picture_and_label_together():
    image, truth = picture()
    changed, kept = robustness.rotated(image, truth)
    assert (kept != truth).any()
    assert np.mean((changed[..., 0] < 0.6) == (kept == 1)) > 0.99
