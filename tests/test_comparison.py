"""The command that does the whole comparison. A single network, a toy, is trained here, once."""

import dataclasses
import functools
import pickle
import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import build_toy
from PIL import Image

from xnet_study.baselines import classical, tuning
from xnet_study.comparison import coverage, fitting, runner, tasks
from xnet_study.comparison.study import Study
from xnet_tf import cli, dataset, inference, metrics, model, preprocessing, runs, training
from xnet_tf.files import InputError, read_json, write_json
from xnet_tf.metrics import counts_of
from xnet_tf.profiles import Profile
from xnet_tf.weights import load_weights

ONLY = ("constant", "multi-otsu-*", "xnet-seed1", "xnet-without-leg")
SIZE = 24


@pytest.fixture(scope="module")
def profile():
    return Profile(
        "tiny",
        image_size=SIZE,
        filters=(4, 4, 4, 4),
        augmentation="none",
        images_per_part=4,
        batch_size=8,
        epochs=2,
        optimizer="adam",
    )


@pytest.fixture(scope="module")
def data(data_folder, tmp_path_factory):
    """The tiny data set with other subjects: each has one body part only; legs are narrow."""
    folder = shutil.copytree(data_folder, tmp_path_factory.mktemp("data") / "data")
    for path in folder.rglob("leg-*.png"):
        Image.open(path).crop((0, 0, 54, 72)).save(path)
    manifest = pd.read_csv(folder / "manifest.csv")
    manifest["subject"] = manifest["body_part"] + (manifest.index // 4).astype(str)
    manifest.to_csv(folder / "manifest.csv", index=False)
    return dataset.load(folder)


@pytest.fixture(autouse=True, scope="module")
def only_one_network_is_trained_and_coverage_is_quick():
    """A toy is XNet; where parts are left out and for other seeds its one training stands in."""
    train = training.train

    def train_or_take(data, profile, folder):
        original = folder.parent / "xnet-seed1"
        if folder.name in ("unet-seed1", "segnet-seed1"):
            raise FloatingPointError("the validation loss was never finite")
        if folder == original:
            return train(data, profile, folder)
        for name in ("weights", "results"):
            shutil.copytree(original / name, folder / name, dirs_exist_ok=True)
        weights = folder / "weights" / "xnet.npz"
        return training.Trained(load_weights(weights), None, weights)

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(model.NETWORKS, "xnet", build_toy)
        patch.setattr(training, "train", train_or_take)
        quick = functools.partial(coverage.write, repetitions=2, resamples=20)
        patch.setattr(coverage, "write", quick)
        yield


@pytest.fixture(scope="module")
def done(data, profile, tmp_path_factory):
    """A few tasks of each kind, without a population."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XNET_RUNS", str(tmp_path_factory.mktemp("runs")))
        yield runner.compare(data, profile, tmp_path_factory.mktemp("none"), ONLY)


@pytest.fixture
def copy(done, profile, tmp_path, monkeypatch):
    """What is done, where it may be changed."""
    monkeypatch.setenv("XNET_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(training, "fit", None)  # nothing is trained again
    return shutil.copytree(done, tmp_path / "runs" / profile.name / "comparison")


@pytest.fixture
def population(data_folder, tmp_path):
    shutil.copytree(data_folder, tmp_path / "population" / "evaluation")
    return tmp_path / "population"


def task_of(data, slug):
    (task,) = tasks.select(tasks.plan(data), (slug,))
    return task


def stamps(root):
    return {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}


def test_every_task_leaves_its_folder(done, data):
    slugs = {path.name for path in done.iterdir()} - {"tuning"}
    assert slugs == {task.slug for task in tasks.select(tasks.plan(data), ONLY)}
    for slug in slugs:
        record = read_json(done / slug / "record.json")
        counts = pd.read_csv(done / slug / "counts.csv")
        assert record["slug"] == slug and record["milliseconds_per_image"] > 0
        assert set(counts["subset"]) == {"validation", "test"}
        pixels = counts["body_part"].map({"arm": SIZE**2, "leg": SIZE**2 * 3 // 4})
        assert (counts_of(counts).sum(axis=(1, 2)) == pixels).all(), "of the picture alone"
        assert len(pd.read_csv(done / slug / "surfaces.csv")) == 3 * len(counts)


def test_a_network_leaves_weights_history_and_curves(done, data):
    folder = done / "xnet-seed1"
    record, weights = read_json(folder / "record.json"), read_json(folder / "weights" / "xnet.json")
    assert record["weights_sha256"] == weights["sha256"]
    assert record["data"] == data.fingerprint() == weights["data"]
    assert record["profile"]["network"] == "xnet" and record["profile"]["epochs"] == 1
    assert len(pd.read_csv(folder / "history.csv")) == 1
    assert set(pd.read_csv(folder / "auc.csv")["subset"]) == {"validation", "test"}
    with np.load(folder / "scores.npz") as scores:
        assert scores["test"].shape == (len(data.split["test"]), 3, 2, 256)


def test_tables_are_written_as_soon_as_xnet_is_there(done):
    results = done.parent / "results"
    names = {path.name for path in results.iterdir()}
    assert {"table3.csv", "table3-differences.csv", "coverage.csv"} <= names
    methods = pd.read_csv(results / "table3.csv")["method"]
    assert set(methods) == {"XNet", "multi-Otsu", "constant predictor"}


def test_held_out_images_are_what_is_scored(done, data):
    counts = pd.read_csv(done / "xnet-without-leg" / "counts.csv").query("subset == 'test'")
    assert set(counts["body_part"]) == {"leg"} and len(counts) == 12
    record = read_json(done / "xnet-without-leg" / "record.json")
    assert record["fold"] == {"kind": "region group", "name": "leg", "parts": ["leg"]}
    assert record["profile"]["images_per_part"] == 8, "as many images, of one part"
    assert record["data"] != data.fingerprint() == record["divided_from"]


def test_networks_see_pictures_as_segment_shows_them(done, data):
    network = load_weights(done / "xnet-seed1" / "weights" / "xnet.npz")
    counts = pd.read_csv(done / "xnet-seed1" / "counts.csv").query("subset == 'test'")
    shown = data.manifest.loc[counts["image"]]
    assert "leg" in set(shown["body_part"])
    for row in shown.itertuples():
        image, truth = dataset.read_pair(data.folder, row)
        size = (SIZE, SIZE * 3 // 4 if row.body_part == "leg" else SIZE)
        small = preprocessing.resize_area(image, *size)
        labels = inference.segment(network, small, working_size=SIZE, quality="normal").labels
        expected = metrics.confusion(preprocessing.resize_nearest(truth, *size), labels)
        np.testing.assert_array_equal(counts_of(counts[counts["image"] == row.Index])[0], expected)


def test_the_constant_is_the_commonest_class_of_the_pictures(data):
    """A third of the square is the picture, all flesh; bone fills it up."""
    maps = np.full((1, 30, 30), 2, np.uint8)
    maps[:, :, :10] = 1
    arrays = dataset.Arrays(maps[..., None], maps, data.manifest[:1], np.array([[30, 10]]))
    assert fitting.fit_constant(arrays).record == {"settings": {"class": 1}}


def test_the_oracle_bounds_what_tuning_reaches(done):
    def score(variant):
        counts = counts_of(pd.read_csv(done / f"multi-otsu-{variant}" / "counts.csv"))
        return metrics.macro_f1(counts).mean()

    assert score("oracle") >= max(score("overall"), score("by-part"))
    settings = read_json(done / "multi-otsu-by-part" / "record.json")["settings"]
    assert set(settings) == {"arm", "leg"}


def test_finished_tasks_are_not_done_again(copy, data, profile, tmp_path, monkeypatch):
    monkeypatch.setattr(fitting, "fit", None)
    before = stamps(copy)
    runner.compare(data, profile, tmp_path, ONLY)
    assert stamps(copy) == before
    status = runner.listing(data, profile, tmp_path).set_index("task")["status"]
    assert status["xnet-seed1"] == "finished" and status["xnet-seed2"] == "to do"


def test_a_population_is_scored_later_without_training(copy, data, profile, population):
    status = runner.listing(data, profile, population).set_index("task")["status"]
    assert status["xnet-seed1"] == "population to be scored"
    assert status["multi-otsu-oracle"] == "finished"
    runner.compare(data, profile, population, ONLY)
    images = {}
    for slug in ("constant", "xnet-seed1", "xnet-without-leg", "multi-otsu-oracle"):
        counts = pd.read_csv(copy / slug / "counts.csv")
        images[slug] = (counts["subset"] == "evaluation").sum()
    assert list(images.values()) == [24, 24, 12, 0]
    before = stamps(copy)
    runner.compare(data, profile, population, ONLY)
    assert stamps(copy) == before


def test_folds_of_subjects_and_bounds_are_not_scored_on_the_population(data, profile, population):
    study = Study.of(data, profile, population)
    for slug, number in (("xnet-fold2", None), ("otsu-oracle", None), ("otsu-overall", 24)):
        shown = study.population_of(task_of(data, slug))
        assert (shown and len(shown.split["evaluation"])) == number


def test_a_population_without_the_parts_left_out_is_not_waited_for(copy, data, profile, population):
    manifest = pd.read_csv(population / "evaluation" / "manifest.csv")
    arms = manifest[manifest["body_part"] == "arm"]
    arms.to_csv(population / "evaluation" / "manifest.csv", index=False)
    status = runner.listing(data, profile, population).set_index("task")["status"]
    assert status["xnet-without-leg"] == "finished"
    assert status["constant"] == "population to be scored"


def test_killed_before_its_record_a_task_is_scored_again_but_not_trained(
    copy, data, profile, tmp_path
):
    whole = pd.read_csv(copy / "xnet-seed1" / "counts.csv")
    (copy / "xnet-seed1" / "record.json").unlink()
    whole.head(3).to_csv(copy / "xnet-seed1" / "counts.csv", index=False)
    runner.compare(data, profile, tmp_path, ("xnet-seed1",))
    pd.testing.assert_frame_equal(pd.read_csv(copy / "xnet-seed1" / "counts.csv"), whole)


@pytest.mark.slow
def test_two_processes_do_what_one_does(data, profile, tmp_path, monkeypatch, done):
    monkeypatch.setenv("XNET_RUNS", str(tmp_path))
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "2")  # so that it is as it was afterwards
    only = ("constant", "multi-otsu-overall", "multi-otsu-oracle")
    root = runner.compare(data, profile, tmp_path, only, jobs=2)
    for slug in only:
        table, alone = (pd.read_csv(folder / slug / "counts.csv") for folder in (root, done))
        pd.testing.assert_frame_equal(table, alone)


def test_another_process_is_sent_all_that_a_task_needs(data, profile, population, done):
    study = Study.of(data, profile, population)
    sent, task = pickle.loads(pickle.dumps((study, task_of(data, "xnet-without-leg"))))
    assert sent.folder == done and sent.record(task) == study.record(task) is not None
    assert len(sent.arrays(sent.population_of(task), "evaluation").images) == 12


def test_other_settings_are_another_result(done, data, profile, tmp_path):
    other = dataclasses.replace(profile, l2=1e-3)
    status = runner.listing(data, other, tmp_path).set_index("task")["status"]
    assert status["xnet-seed1"] == "to do" and status["constant"] == "finished"


def test_trainings_that_diverge_stop_no_other_and_no_table(copy, data, profile, tmp_path):
    table = copy.parent / "results" / "table3.csv"
    with pytest.raises(InputError, match=r"^unet-seed1: .* never finite; segnet-seed1: .* finite$"):
        runner.compare(data, profile, tmp_path, ("unet-seed1", "segnet-seed1", "xnet-seed2"))
    assert (copy / "xnet-seed2" / "record.json").is_file()
    assert set(pd.read_csv(table).query("method == 'XNet'")["seeds"]) == {2}


def test_the_command_lists_runs_and_reports_what_diverged(
    data_folder, tmp_path, monkeypatch, capfd
):
    monkeypatch.setenv("XNET_RUNS", str(tmp_path))
    words = ["compare", "--profile", "smoke", "--data", str(data_folder)]
    words += ["--population", str(tmp_path)]
    assert cli.main([*words, "--only", "constant"]) == 0
    assert "[1/1] constant: done" in capfd.readouterr().out
    assert cli.main([*words, "--list"]) == 0
    listed = capfd.readouterr().out
    assert "finished" in listed and "deeplab-seed3" in listed
    assert (runs.folder(Profile("smoke")) / "comparison" / "constant").is_dir()
    assert cli.main([*words, "--only", "lenet"]) == 2
    assert capfd.readouterr().err.count("\n") == 1
    assert cli.main([*words, "--only", "unet-seed1"]) == 2
    assert "unet-seed1: the validation loss was never" in capfd.readouterr().err


def test_three_subjects_of_one_part_are_listed_and_scored(data_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("XNET_RUNS", str(tmp_path))
    folder = shutil.copytree(data_folder, tmp_path / "data")
    manifest = pd.read_csv(folder / "manifest.csv").query("body_part == 'arm'").head(3)
    manifest.assign(subject=["NA", "None", "null"]).to_csv(folder / "manifest.csv", index=False)
    words = ["compare", "--profile", "smoke", "--data", str(folder), "--population", str(tmp_path)]
    assert cli.main([*words, "--list"]) == 0
    assert cli.main([*words, "--only", "constant"]) == 0


METHODS = {slug: classical.METHODS[slug] for slug in ("otsu", "multi-otsu")}


def test_tables_of_tuning_are_made_of_what_was_stored(data, profile, tmp_path, monkeypatch):
    monkeypatch.setenv("XNET_RUNS", str(tmp_path))
    monkeypatch.setattr(classical, "METHODS", METHODS)
    results = tmp_path / profile.name / "results"
    files = results / "classical-tuning.csv", results / "classical-validation.csv"
    root = runner.compare(data, profile, tmp_path, ("otsu-overall",))
    write_json(root / "tuning" / "of-old.json", {"identity": ""})
    runner.compare(data, profile, tmp_path, ("otsu-by-part",))
    assert not results.exists(), "one method is not tuned yet; what else lies there does not count"
    runner.compare(data, profile, tmp_path, ("multi-otsu-overall",))
    written = [path.read_bytes() for path in files]
    assert set(pd.read_csv(files[0])["slug"]) == set(METHODS)
    values = pd.read_csv(files[1])
    assert set(values["image"]) == set(data.split["validation"])
    # The comparison's own score of the same choice on the same images.
    overall = values.query("slug == 'otsu' and variant == 'overall'").set_index("image")
    counts = pd.read_csv(root / "otsu-overall" / "counts.csv").query("subset == 'validation'")
    expected = metrics.macro_f1(counts_of(counts))
    np.testing.assert_allclose(overall["macro_f1"][counts["image"]], expected, rtol=1e-5)
    # As a kill between the two would leave it.
    files[1].unlink()
    monkeypatch.setattr(tuning, "tune", None)
    runner.compare(data, profile, tmp_path, ("otsu-overall",))
    assert [path.read_bytes() for path in files] == written


def test_methods_are_tuned_anew_at_another_size(done, data, profile):
    method = classical.METHODS["multi-otsu"]
    assert Study(data, profile, None).tuning(method) is not None
    assert Study(data, dataclasses.replace(profile, image_size=40), None).tuning(method) is None
