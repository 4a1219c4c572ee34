"""The command that does the whole comparison, with a toy in place of every network."""

import dataclasses
import pickle
import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import build_toy
from PIL import Image

from xnet_study.baselines import classical
from xnet_study.comparison import fitting, runner, tables
from xnet_study.comparison.ledger import Ledger
from xnet_study.comparison.study import DIVERGED, FINISHED, TO_DO, WAITS, Study
from xnet_tf import cli, dataset, inference, metrics, model, preprocessing, runs, training
from xnet_tf.files import InputError, read_json
from xnet_tf.profiles import Profile
from xnet_tf.weights import load_weights

METHODS = {slug: classical.METHODS[slug] for slug in ("otsu", "multi-otsu")}
RATES = tuple(f"xnet-third-seed1-rate{rate}" for rate in ("1-3", "1", "3"))
ONLY = (
    *("constant", "otsu-overall", "multi-otsu-*", "best-images15-draw1", *RATES, "xnet-seed1"),
    *("xnet-third-seed1", "xnet-third-without-leg-*"),
)
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
        learning_rate=1e-2,
    )


@pytest.fixture(scope="module")
def data(data_folder, tmp_path_factory):
    """The tiny data set with other subjects: each has one body part only; legs are narrow."""
    folder = shutil.copytree(data_folder, tmp_path_factory.mktemp("data") / "data")
    for path in folder.rglob("leg-*.png"):
        Image.open(path).crop((0, 0, 54, 72)).save(path)
    manifest = pd.read_csv(folder / "manifest.csv")
    manifest["subject"] = manifest["body_part"] + manifest["subject"]
    manifest.to_csv(folder / "manifest.csv", index=False)
    return dataset.load(folder)


@pytest.fixture(scope="module")
def population(data, tmp_path_factory):
    """Three folders of other images, as far as names say."""
    root = tmp_path_factory.mktemp("population")
    for name in ("evaluation", "choice", "learning"):
        copies = 9 if name == "learning" else 1
        table = data.manifest.reset_index()
        rows = []
        for k in range(copies):
            part = table.assign(subject=f"{name}{k}-" + table["subject"])
            for column in ("image", "mask"):
                part[column] = table[column].str.replace("/", f"/{name}{k}-")
                for old, new in zip(table[column], part[column], strict=True):
                    (root / name / new).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(data.folder / old, root / name / new)
            rows.append(part)
        pd.concat(rows).to_csv(root / name / "manifest.csv", index=False)
    return root


@pytest.fixture(scope="module", autouse=True)
def toys():
    """XNet is a toy, and there are two classical methods."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(model.NETWORKS, "xnet", build_toy)
        patch.setattr(classical, "METHODS", METHODS)
        yield


@pytest.fixture(scope="module")
def study(data, profile, population, tmp_path_factory):
    return Study(
        data, profile, population, Ledger(tmp_path_factory.mktemp("ledger") / "comparison")
    )


@pytest.fixture(scope="module")
def done(study, tmp_path_factory):
    """The ledger of a few tasks of each kind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XNET_RUNS", str(tmp_path_factory.mktemp("runs")))
        runner.compare(study, ONLY)
        yield study.ledger


@pytest.fixture
def copied(done, study, tmp_path):
    """The same study with a ledger that may be changed."""
    shutil.copytree(done.folder, tmp_path / "comparison")
    return dataclasses.replace(study, ledger=Ledger(tmp_path / "comparison"))


def task_of(study, slug):
    return next(task for task in study.tasks if task.slug == slug)


def test_every_task_leaves_its_entry_however_it_waited(done, study):
    found = {entry.task.slug: entry for entry in done.entries()}
    assert len(found) == 12 and {"xnet-third-without-leg-seed1", "best-images15-draw1"} < set(found)
    pixels = {"arm": SIZE**2, "leg": SIZE**2 * 3 // 4}
    for entry in found.values():
        assert tuple(entry.subsets) == entry.task.subsets
        for subset in entry.subsets:
            confusion, surfaces, _ = entry.arrays(subset)
            expected = done.images(subset)["body_part"].map(pixels)
            np.testing.assert_array_equal(confusion.sum(axis=(1, 2)), expected)
            assert surfaces.shape == (len(expected), 3, 3)
    assert "evaluation" not in found[RATES[0]].subsets
    assert all(study.status(entry.task) == FINISHED for entry in found.values())


def test_the_rate_that_was_best_on_choice_is_taken(done):
    rate, scores = done.chosen_rate("xnet")
    assert set(scores) == set(RATES)
    best = max(scores, key=scores.get)
    assert best == f"xnet-third-seed1-rate{rate.replace('/', '-')}"
    record = done.entry("xnet-seed1").record
    factor = {"1/3": 1 / 3, "1": 1, "3": 3}[rate]
    assert record["profile"]["learning_rate"] == pytest.approx(1e-2 * factor)
    assert record["chosen"] == scores, "the choice names the rows that made it"
    same = done.entry("xnet-third-seed1").record["weights_sha256"]
    assert same == done.entry(best).record["weights_sha256"], "one training"
    costs = [done.entry(slug).record["core_seconds"] for slug in ("xnet-third-seed1", best)]
    assert costs[0] == costs[1] > 0


def test_a_network_leaves_history_settings_and_pictures(done, data):
    entry = done.entry("xnet-seed1")
    record = entry.record
    assert len(pd.read_csv(entry.folder / "history.csv")) == 2
    assert record["profile"]["precision"] == "float32" and record["core_seconds"] > 0
    assert record["made_from"]["data"] == data.fingerprint()
    assert record["training"]["images"] == len(data.split["train"])
    assert len(entry.pictures()) == len(data.split["test"]) == 4


def test_tasks_have_fewer_or_more_images(study, done, data):
    whole = len(data.split["train"])
    for slug, number in (("xnet-images15-seed2", 15), ("unet-plus200-seed1", 200 + whole)):
        task = task_of(study, slug)
        assert len(study.data(task).split["train"]) == number
    assert (study.folder / f"data-plus200-{data.fingerprint()[:8]}" / "manifest.csv").is_file()


def test_parts_left_out_are_not_trained_on_and_as_many_images_are_shown(done):
    record = done.entry("xnet-third-without-leg-seed1").record
    assert (
        record["training"]["images"] < done.entry("xnet-third-seed1").record["training"]["images"]
    )
    assert record["profile"]["images_per_part"] == 8


def test_networks_see_pictures_as_segment_shows_them(done, data, study):
    name = read_json(done.folder / "xnet-seed1" / "record.json")["profile"]["name"]
    network = load_weights(runs.root() / name / "weights" / "xnet.npz")
    confusion, _, _ = done.entry("xnet-seed1").arrays("test")
    for counts, image in zip(confusion, done.images("test")["image"], strict=True):
        row = next(data.manifest.loc[[image]].itertuples())
        picture, truth = dataset.read_pair(data.folder, row)
        size = (SIZE, SIZE * 3 // 4 if row.body_part == "leg" else SIZE)
        small = preprocessing.resize_area(picture, *size)
        labels = inference.segment(network, small, working_size=SIZE, quality="normal").labels
        expected = metrics.confusion(preprocessing.resize_nearest(truth, *size), labels)
        np.testing.assert_array_equal(counts, expected)


def test_the_constant_is_the_commonest_class_of_the_pictures(data):
    """A third of the square is the picture, all flesh; bone fills it up."""
    maps = np.full((1, 30, 30), 2, np.uint8)
    maps[:, :, :10] = 1
    arrays = dataset.Arrays(maps[..., None], maps, data.manifest[:1], np.array([[30, 10]]))
    assert fitting.fit_constant(arrays).record == {"settings": {"class": 1}}


def test_the_oracle_bounds_what_tuning_reaches(done):
    def score(variant):
        return metrics.macro_f1(done.entry(f"multi-otsu-{variant}").arrays("test")[0]).mean()

    assert score("oracle") >= max(score("overall"), score("by-part"))
    assert set(done.entry("multi-otsu-by-part").record["settings"]) == {"arm", "leg"}


def test_the_best_classical_method_on_choice_is_tuned_on_fewer_images(done):
    key, scores = done.best_classical(2)
    assert set(scores) == {"otsu-overall", "multi-otsu-overall"}
    record = done.entry("best-images15-draw1").record
    assert record["key"] == key == max(scores, key=scores.get).removesuffix("-overall")
    assert record["training"]["images"] == 15


def test_what_is_in_the_ledger_is_never_done_again(copied, monkeypatch, tmp_path):
    monkeypatch.setenv("XNET_RUNS", str(tmp_path / "none"))
    monkeypatch.setattr(fitting, "fit", None)
    runner.compare(copied, ONLY)
    status = runner.listing(copied).set_index("task")["status"]
    assert status["xnet-seed1"] == FINISHED and status["xnet-seed2"] == TO_DO
    assert status["unet-seed1"] == WAITS, "its learning rate is not chosen"


def test_killed_before_its_record_a_task_is_scored_again_but_not_trained(copied, monkeypatch):
    monkeypatch.setattr(training, "fit", None)
    before = copied.ledger.entry("xnet-seed1").arrays("evaluation")[0]
    (copied.ledger.folder / "xnet-seed1" / "record.json").unlink()
    runner.compare(copied, ("xnet-seed1",))
    after = copied.ledger.entry("xnet-seed1").arrays("evaluation")[0]
    np.testing.assert_array_equal(before, after)


def test_when_a_task_is_wanted_and_what_it_is_called_changes_no_result(study):
    task = task_of(study, RATES[0])
    later = dataclasses.replace(task, stage="B", method="X-Net")
    assert study.identity(later) == study.identity(task)


def test_other_settings_or_data_are_another_result(copied, population, tmp_path):
    other = dataclasses.replace(copied, profile=dataclasses.replace(copied.profile, l2=1e-3))
    assert other.status(task_of(other, RATES[0])) == TO_DO
    assert other.status(task_of(other, "xnet-seed1")) == WAITS, "trials of other settings"
    assert other.status(task_of(other, "constant")) == FINISHED
    elsewhere = shutil.copytree(population, tmp_path / "population")
    shutil.copyfile(
        *[next((elsewhere / "choice" / "masks").glob(f"*{k}.png")) for k in ("00", "02")]
    )
    changed = dataclasses.replace(copied, population=elsewhere)
    assert changed.status(task_of(changed, "constant")) == TO_DO


def test_after_so_many_minutes_nothing_is_begun(copied, monkeypatch, capsys):
    (copied.ledger.folder / "constant" / "record.json").unlink()
    monkeypatch.setattr(fitting, "fit", None)
    runner.compare(copied, ("constant",), minutes=1e-9)
    assert "[1/1] constant: left for the next time" in capsys.readouterr().out


def test_trainings_that_diverge_are_recorded_and_stop_no_other(copied, monkeypatch):
    def diverging(study, task):
        if task.slug == "xnet-seed2":
            raise FloatingPointError("the validation loss was never finite")
        return fit(study, task)

    fit = fitting.fit
    monkeypatch.setattr(fitting, "fit", diverging)
    (copied.ledger.folder / "constant" / "record.json").unlink()
    with pytest.raises(InputError, match=r"^xnet-seed2: the validation loss was never finite$"):
        runner.compare(copied, ("xnet-seed2", "constant"))
    assert copied.status(task_of(copied, "xnet-seed2")) == DIVERGED
    assert copied.status(task_of(copied, "constant")) == FINISHED
    runner.compare(copied, ("xnet-seed2",))  # not again


def test_another_process_is_sent_all_that_a_task_needs(study, done):
    sent, task = pickle.loads(pickle.dumps((study, task_of(study, "xnet-third-without-leg-seed1"))))
    assert sent.status(task) == FINISHED


@pytest.mark.slow
def test_two_processes_do_what_one_does(study, done, tmp_path, monkeypatch):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "2")  # so that it is as it was afterwards
    other = dataclasses.replace(study, ledger=Ledger(tmp_path / "comparison"))
    only = ("constant", "multi-otsu-overall", "multi-otsu-oracle")
    runner.compare(other, only, jobs=2)
    for slug in only:
        both = [ledger.entry(slug).arrays("test")[0] for ledger in (other.ledger, done)]
        np.testing.assert_array_equal(*both)


def test_tables_are_made_of_the_ledger_alone(copied, tmp_path):
    names = {path.name for path in tables.write(copied.ledger, tmp_path / "results")}
    assert {"table3.csv", "table3.json", "table3-unseen.csv", "classical-tuning.csv"} <= names
    unseen = pd.read_csv(tmp_path / "results" / "table3-unseen.csv")
    assert set(unseen["group"]) == {"leg"} and set(unseen["images"]) == {12}
    sizes = pd.read_csv(tmp_path / "results" / "table3-images.csv")
    own = sizes["method"] == "XNet"
    assert set(sizes.loc[own, "images"]) == {16}
    assert set(sizes.loc[~own, "images"]) == {15, 16}, "the best classical method"


def test_the_command_lists_runs_and_makes_tables(
    data_folder, population, done, tmp_path, monkeypatch, capfd
):
    monkeypatch.setenv("XNET_RUNS", str(tmp_path))
    words = ["compare", "--profile", "smoke", "--data", str(data_folder)]
    words += ["--population", str(population)]
    assert cli.main([*words, "--only", "constant", "--minutes", "5"]) == 0
    assert "[1/1] constant: finished" in capfd.readouterr().out
    assert cli.main([*words, "--list"]) == 0
    listed = capfd.readouterr().out
    assert "finished" in listed and "deeplab-seed3" in listed
    ledger = runs.folder(Profile("smoke")) / "results" / "comparison"
    assert (ledger / "constant" / "record.json").is_file()
    for more in (["--only", "lenet"], ["--tables"], ["--population", str(tmp_path)]):
        assert cli.main([*words, *more]) == 2
        assert capfd.readouterr().err.count("\n") == 1
    copy = shutil.copytree(done.folder, tmp_path / "results" / "comparison")
    assert cli.main([*words, "--ledger", str(copy), "--tables"]) == 0
    assert (tmp_path / "results" / "table3-budgets.csv").is_file()


def test_the_released_ledger_is_that_of_quick_on_the_repositorys_data(data):
    quick = Profile("quick")
    assert Ledger.of(quick, dataset.load()).folder == runs.REPOSITORY / "results" / "comparison"
    assert Ledger.of(quick, data).folder == runs.folder(quick) / "results" / "comparison"
