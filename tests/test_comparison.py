import dataclasses
import functools
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from xnet_study.baselines import classical, networks, tuning
from xnet_study.comparison import coverage, runner, tasks
from xnet_tf import cli, dataset, inference, metrics, preprocessing, runs, training
from xnet_tf.files import InputError, read_json, write_json
from xnet_tf.metrics import counts_of

ONLY = ("constant", "multi-otsu-*", "unet-seed1", "xnet-without-leg", "segnet-fold2")


@pytest.fixture(scope="module")
def profile(tiny_profile):
    return dataclasses.replace(tiny_profile, epochs=2, images_per_part=4)


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


@pytest.fixture(scope="module")
def done(data, profile, tmp_path_factory):
    """A few tasks of each kind, without a population."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XNET_RUNS", str(tmp_path_factory.mktemp("runs")))
        yield runner.compare(data, profile, tmp_path_factory.mktemp("none"), ONLY)


@pytest.fixture
def population(data_folder, tmp_path):
    shutil.copytree(data_folder, tmp_path / "population" / "evaluation")
    return tmp_path / "population"


@pytest.fixture
def quick_coverage(monkeypatch):
    quick = functools.partial(coverage.write, repetitions=4, resamples=20)
    monkeypatch.setattr(runner.coverage, "write", quick)


def stamps(root):
    return {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}


def test_every_task_leaves_its_folder(done, data):
    slugs = {path.name for path in done.iterdir()} - {"tuning"}
    assert slugs == {task.slug for task in tasks.select(tasks.plan(data), ONLY)}
    for slug in slugs:
        record, counts = (
            read_json(done / slug / "record.json"),
            pd.read_csv(done / slug / "counts.csv"),
        )
        assert record["slug"] == slug and record["milliseconds_per_image"] > 0
        assert set(counts["subset"]) == {"validation", "test"}
        pixels = counts["body_part"].map({"arm": 32 * 32, "leg": 32 * 24})
        assert (counts_of(counts).sum(axis=(1, 2)) == pixels).all(), "of the picture alone"
        assert len(pd.read_csv(done / slug / "surfaces.csv")) == 3 * len(counts)


def test_a_network_leaves_weights_history_and_curves(done, data):
    record = read_json(done / "unet-seed1" / "record.json")
    weights = read_json(done / "unet-seed1" / "weights" / "unet.json")
    assert record["weights_sha256"] == weights["sha256"]
    assert record["data"] == data.fingerprint() == weights["data"]
    assert record["profile"]["network"] == "unet" and record["profile"]["epochs"] == 1
    assert len(pd.read_csv(done / "unet-seed1" / "history.csv")) == 1
    assert set(pd.read_csv(done / "unet-seed1" / "auc.csv")["subset"]) == {"validation", "test"}
    with np.load(done / "unet-seed1" / "scores.npz") as scores:
        assert scores["test"].shape == (len(data.split["test"]), 3, 2, 256)


def test_held_out_images_are_what_is_scored(done, data):
    counts = pd.read_csv(done / "xnet-without-leg" / "counts.csv").query("subset == 'test'")
    assert set(counts["body_part"]) == {"leg"} and len(counts) == 12
    record = read_json(done / "xnet-without-leg" / "record.json")
    assert record["fold"] == {"kind": "region group", "name": "leg", "parts": ["leg"]}
    assert record["profile"]["images_per_part"] == 8, "as many images, of one part"
    assert record["data"] != data.fingerprint() == record["divided_from"]


def test_networks_see_pictures_as_segment_shows_them(done, data):
    model = networks.load_weights(done / "xnet-without-leg" / "weights" / "xnet.npz")
    counts = pd.read_csv(done / "xnet-without-leg" / "counts.csv").query("subset == 'test'")
    assert len(counts) == 12
    for row in data.manifest.loc[counts["image"]].itertuples():
        image, truth = dataset.read_pair(data.folder, row)
        small = preprocessing.resize_area(image, 32, 24)
        found = inference.segment(model, small, working_size=32, quality="normal").labels
        expected = metrics.confusion(preprocessing.resize_nearest(truth, 32, 24), found)
        own = counts_of(counts[counts["image"] == row.Index])[0]
        np.testing.assert_array_equal(own, expected)


def test_the_constant_is_the_commonest_class_of_the_pictures(data, profile, tmp_path, monkeypatch):
    """A third of the square is the picture, all flesh; bone fills it up."""
    maps = np.full((1, 30, 30), 2, np.uint8)
    maps[:, :, :10] = 1
    arrays = dataset.Arrays(maps[..., None], maps, data.manifest[:1], np.array([[30, 10]]))
    bench = runner.Bench(data, profile, tmp_path)
    monkeypatch.setattr(bench, "arrays", lambda data, subset: arrays)
    (task,) = tasks.select(tasks.plan(data), ("constant",))
    assert bench.make(task, data).record == {"settings": {"class": 1}}


def test_the_oracle_bounds_what_tuning_reaches(done):
    def score(variant):
        counts = counts_of(pd.read_csv(done / f"multi-otsu-{variant}" / "counts.csv"))
        return metrics.macro_f1(counts).mean()

    assert score("oracle") >= max(score("overall"), score("by-part"))
    settings = read_json(done / "multi-otsu-by-part" / "record.json")["settings"]
    assert set(settings) == {"arm", "leg"}


def test_finished_tasks_are_not_done_again(done, data, profile, tmp_path):
    before = stamps(done)
    runner.compare(data, profile, tmp_path, ONLY)
    assert stamps(done) == before
    status = runner.listing(data, profile, tmp_path).set_index("task")["status"]
    assert status["unet-seed1"] == "finished" and status["unet-seed2"] == "to do"


def test_a_population_is_scored_later_without_training(
    done, data, profile, population, tmp_path, monkeypatch
):
    copy = shutil.copytree(done, tmp_path / "runs" / profile.name / "comparison")
    monkeypatch.setenv("XNET_RUNS", str(tmp_path / "runs"))
    status = runner.listing(data, profile, population).set_index("task")["status"]
    assert status["unet-seed1"] == "population to be scored"
    assert status["multi-otsu-oracle"] == status["segnet-fold2"] == "finished"
    weights = (copy / "unet-seed1" / "weights" / "unet.npz").stat().st_mtime_ns
    monkeypatch.setattr(training, "fit", None)
    runner.compare(data, profile, population, ONLY)
    assert (copy / "unet-seed1" / "weights" / "unet.npz").stat().st_mtime_ns == weights
    images = {}
    for slug in ("constant", "unet-seed1", "xnet-without-leg", "segnet-fold2", "multi-otsu-oracle"):
        counts = pd.read_csv(copy / slug / "counts.csv")
        images[slug] = (counts["subset"] == "population").sum()
    assert list(images.values()) == [24, 24, 12, 0, 0]
    before = stamps(copy)
    runner.compare(data, profile, population, ONLY)
    assert stamps(copy) == before


def test_a_population_without_the_parts_left_out_is_not_waited_for(
    done, data, profile, population, tmp_path, monkeypatch
):
    manifest = pd.read_csv(population / "evaluation" / "manifest.csv")
    arms = manifest[manifest["body_part"] == "arm"]
    arms.to_csv(population / "evaluation" / "manifest.csv", index=False)
    shutil.copytree(done, tmp_path / "runs" / profile.name / "comparison")
    monkeypatch.setenv("XNET_RUNS", str(tmp_path / "runs"))
    status = runner.listing(data, profile, population).set_index("task")["status"]
    assert status["xnet-without-leg"] == "finished"
    assert status["constant"] == "population to be scored"
    before = stamps(tmp_path / "runs")
    runner.compare(data, profile, population, ("xnet-without-leg",))
    assert stamps(tmp_path / "runs") == before


def test_killed_before_its_record_a_task_is_scored_again_but_not_trained(
    done, data, profile, tmp_path, monkeypatch
):
    copy = shutil.copytree(done, tmp_path / profile.name / "comparison")
    monkeypatch.setenv("XNET_RUNS", str(tmp_path))
    monkeypatch.setattr(training, "fit", None)
    whole = pd.read_csv(copy / "unet-seed1" / "counts.csv")
    (copy / "unet-seed1" / "record.json").unlink()
    whole.head(3).to_csv(copy / "unet-seed1" / "counts.csv", index=False)
    runner.compare(data, profile, tmp_path, ("unet-seed1",))
    pd.testing.assert_frame_equal(pd.read_csv(copy / "unet-seed1" / "counts.csv"), whole)


def test_two_processes_do_what_one_does(data, profile, tmp_path, monkeypatch, done):
    monkeypatch.setenv("XNET_RUNS", str(tmp_path))
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "2")  # so that it is as it was afterwards
    only = ("constant", "multi-otsu-overall", "multi-otsu-oracle")
    root = runner.compare(data, profile, tmp_path, only, jobs=2)
    for slug in only:
        table, alone = (pd.read_csv(folder / slug / "counts.csv") for folder in (root, done))
        pd.testing.assert_frame_equal(table, alone)


def test_other_settings_are_another_result(done, data, profile, tmp_path):
    other = dataclasses.replace(profile, l2=1e-3)
    status = runner.listing(data, other, tmp_path).set_index("task")["status"]
    assert status["unet-seed1"] == "to do" and status["constant"] == "finished"


def test_a_training_that_diverges_stops_no_other(data, profile, tmp_path, monkeypatch):
    monkeypatch.setenv("XNET_RUNS", str(tmp_path))
    wild = dataclasses.replace(profile, learning_rate=1e30)
    with pytest.raises(InputError, match=r"xnet-seed1: the validation loss was never finite"):
        runner.compare(data, wild, tmp_path, ("xnet-seed1", "xnet-fold1"))
    assert (tmp_path / profile.name / "comparison" / "xnet-fold1").is_dir()


def diverge_at(network):
    """Return a training that diverges for one network."""
    train = training.train

    def train_or_fail(data, profile, folder):
        if profile.network == network:
            raise FloatingPointError("the validation loss was never finite")
        return train(data, profile, folder)

    return train_or_fail


def test_tables_are_written_though_one_training_diverged(
    data, profile, tmp_path, monkeypatch, quick_coverage
):
    monkeypatch.setenv("XNET_RUNS", str(tmp_path))
    monkeypatch.setattr(training, "train", diverge_at("unet"))
    with pytest.raises(InputError, match=r"^unet-seed1: the validation loss was never finite$"):
        runner.compare(data, profile, tmp_path, ("constant", "xnet-seed1", "unet-seed1"))
    table = pd.read_csv(tmp_path / profile.name / "results" / "table3.csv")
    assert set(table["method"]) == {"XNet", "constant predictor"}


def test_the_command_reports_a_diverged_training(data_folder, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("XNET_RUNS", str(tmp_path))
    monkeypatch.setattr(training, "train", diverge_at("unet"))
    words = ["compare", "--profile", "smoke", "--data", str(data_folder), "--only", "unet-seed1"]
    assert cli.main([*words, "--population", str(tmp_path)]) == 2
    assert "xnet_tf: unet-seed1: the validation loss was never" in capfd.readouterr().err


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
    own = values.query("slug == 'otsu' and variant == 'overall'").set_index("image")["macro_f1"]
    counts = pd.read_csv(root / "otsu-overall" / "counts.csv").query("subset == 'validation'")
    expected = metrics.macro_f1(counts_of(counts))
    np.testing.assert_allclose(own[counts["image"]], expected, rtol=1e-5)
    # As a kill between the two would leave it.
    files[1].unlink()
    monkeypatch.setattr(tuning, "tune", None)
    runner.compare(data, profile, tmp_path, ("otsu-overall",))
    assert [path.read_bytes() for path in files] == written


def test_methods_are_tuned_anew_at_another_size(done, data, profile, tmp_path):
    bench = runner.Bench(data, profile, tmp_path)
    bench.root = done
    method = classical.METHODS["multi-otsu"]
    assert bench.examined(method) is not None
    other = runner.Bench(data, dataclasses.replace(profile, image_size=40), tmp_path)
    other.root = done
    assert other.examined(method) is None


def test_the_command_lists_and_runs(data_folder, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("XNET_RUNS", str(tmp_path))
    words = ["compare", "--profile", "smoke", "--data", str(data_folder)]
    words += ["--population", str(tmp_path)]
    assert cli.main([*words, "--only", "constant"]) == 0
    assert "[1/1] constant: done" in capfd.readouterr().out
    assert cli.main([*words, "--list"]) == 0
    listed = capfd.readouterr().out
    assert "finished" in listed and "deeplab-seed3" in listed
    assert (runs.folder(runner.Profile("smoke")) / "comparison" / "constant").is_dir()
    assert cli.main([*words, "--only", "lenet"]) == 2
    assert capfd.readouterr().err.count("\n") == 1


def test_tables_are_written_as_soon_as_xnet_is_there(
    done, data, profile, tmp_path, monkeypatch, quick_coverage
):
    assert not (done.parent / "results").exists()
    monkeypatch.setenv("XNET_RUNS", str(tmp_path))
    root = runner.compare(data, profile, tmp_path, ("constant", "xnet-seed1"))
    names = {path.name for path in (root.parent / "results").iterdir()}
    assert {"table3.csv", "table3-differences.csv", "coverage.csv"} <= names
    table = pd.read_csv(root.parent / "results" / "table3.csv")
    assert {"XNet", "constant predictor"} == set(table["method"])
