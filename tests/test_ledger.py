import dataclasses
import subprocess
import sys

import compared_folders as made
import numpy as np
import pandas as pd
import pytest

from xnet_study.comparison import compared
from xnet_study.comparison.ledger import Ledger
from xnet_study.comparison.scoring import Scored
from xnet_study.comparison.tasks import Task
from xnet_tf.files import InputError, write_json


def test_what_is_added_is_read_back(tmp_path):
    ledger = Ledger(tmp_path)
    entry = made.write(ledger, "XNet", 0.1, key="xnet", changes={"l2": 0.0}, slug="xnet-a")
    found = ledger.entry("xnet-a")
    assert found.task == Task("xnet-a", "XNet", "network", "xnet", changes={"l2": 0.0})
    confusion, surfaces, levels = found.arrays("test")
    np.testing.assert_array_equal(confusion, made.counts(22, 0.1, 0))
    assert np.isnan(surfaces[0, :, 2]).all() and levels.shape == (3, 2, 256)
    assert found.areas("test").tolist() == [0.87] * 3 and found.areas("choice") is None
    assert len(pd.read_csv(entry.folder / "history.csv")) == 2
    assert found.pictures() == {} == ledger.shown()


def test_a_training_of_the_real_size_leaves_less_than_60_kilobytes(tmp_path):
    """623 images of 200 x 200 pixels and more of noise than real scores have."""
    ledger, rng = Ledger(tmp_path), np.random.default_rng(0)
    scored = {}
    for subset, number in (("validation", 23), ("test", 22), ("evaluation", 600)):
        confusion = rng.multinomial(40_000, rng.dirichlet([9, 1, 1] * 3), number)
        surfaces = rng.random((number, 3, 3)).astype(np.float16)
        levels = rng.integers(0, 40_000, (3, 2, 256)) * (rng.random((3, 2, 256)) < 0.7)
        scored[subset] = Scored(
            confusion.reshape(-1, 3, 3), surfaces, levels, np.full(3, 0.9), 1.0, []
        )
    numbers = pd.DataFrame(rng.random((100, 4)), columns=list("abcd"))
    entry = ledger.add(Task("x", "XNet", "network"), {"task": {}}, scored, numbers)
    assert sum(path.stat().st_size for path in entry.folder.iterdir()) < 60_000


def test_an_entry_without_its_record_is_unfinished(tmp_path):
    ledger = Ledger(tmp_path)
    entry = made.write(ledger, "XNet", slug="xnet")
    (entry.folder / "record.json").unlink()
    assert ledger.entry("xnet") is None and ledger.entries() == []


@pytest.mark.parametrize("name", ["NA", "None", "null", "007"])
def test_subjects_and_parts_may_have_any_name(name, tmp_path):
    ledger = Ledger(tmp_path)
    manifest = pd.DataFrame({"body_part": name, "subject": name}, index=["images/a.png"])
    for subset in ("test", "evaluation"):
        ledger.name_images(subset, manifest)
    assert ledger.images("test")[["body_part", "subject"]].to_numpy().tolist() == [[name, name]]


def test_other_images_of_a_subset_are_refused(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.name_images("test", made.images("test"))
    ledger.name_images("test", made.images("test"))
    with pytest.raises(InputError, match="names other images of test"):
        ledger.name_images("test", made.images("test").iloc[1:])


def test_the_best_rate_is_taken_when_all_were_tried_and_none_that_diverged(tmp_path):
    ledger = Ledger(tmp_path)

    def trial(rate, wrong):
        about = {"key": "xnet", "rate": rate, "slug": f"xnet-third-rate{rate.replace('/', '-')}"}
        return made.write(ledger, "XNet", wrong, ("validation", "choice"), **about)

    trial("1/3", 0.3)
    trial("1", 0.2)
    assert ledger.chosen_rate("xnet")[0] is None, "one is still to be tried"
    best = trial("3", 0.1)
    assert ledger.chosen_rate("xnet")[0] == "3"
    write_json(best.folder / "record.json", {**best.record, "diverged": True})
    rate, scores = ledger.chosen_rate("xnet")
    assert rate == "1" and set(scores) == {"xnet-third-rate1-3", "xnet-third-rate1"}
    assert ledger.chosen_rate("unet") == (None, {})


def test_the_best_classical_method_is_chosen_on_choice_not_on_what_judges(tmp_path):
    ledger = Ledger(tmp_path)
    about = {"family": "region", "variant": "overall"}
    seen = (*made.SUBSETS, "choice")
    for key, wrong in (("watershed", 0.2), ("otsu", 0.3)):
        made.write(ledger, key, wrong, seen, key=key, slug=f"{key}-overall", **about)
    assert ledger.best_classical(3)[0] is None
    key, scores = ledger.best_classical(2)
    assert key == "watershed" and scores["otsu-overall"] == pytest.approx(0.7, abs=0.02)


def test_entries_of_other_data_or_sizes_are_refused(tmp_path):
    ledger = Ledger(tmp_path)
    made.write(ledger, "XNet", slug="xnet")
    other = made.write(ledger, "U-Net", slug="unet")
    for change in ({"made_from": {"data": "3" * 64}}, {"image_size": 64}):
        write_json(other.folder / "record.json", other.record | change)
        with pytest.raises(InputError, match="from other data, or another size of them, than"):
            compared.read(ledger)


def test_what_is_compared_is_trained_alike(compared_ledger):
    methods = compared.read(compared_ledger)
    assert [(m.title, len(m.entries)) for m in methods if m.family == "network"] == [
        ("DeepLabV3+", 1),
        ("U-Net", 3),
        ("XNet", 3),
    ]
    (three,) = (m for m in compared.read(compared_ledger, budget="3") if m.name == "XNet")
    assert [e.task.budget for e in three.entries] == ["3"]


def test_tables_need_no_tensorflow(compared_ledger):
    script = (
        "import sys; sys.modules['tensorflow'] = sys.modules['keras'] = None; "
        "from xnet_study.comparison import compared; "
        "from xnet_study.comparison.ledger import Ledger; from pathlib import Path; "
        "from xnet_study.comparison import tables, coverage; "
        "assert compared.xnet(compared.read(Ledger(Path(sys.argv[1])))).subsets"
    )
    subprocess.run([sys.executable, "-c", script, str(compared_ledger.folder)], check=True)


def test_tasks_survive_the_record(tmp_path):
    task = Task("x", "XNet", "network", "xnet", changes={"filters": (1, 2)}, budget="1/3")
    entry = Ledger(tmp_path).add(task, {"task": dataclasses.asdict(task)}, {})
    assert entry.diverged and Ledger(tmp_path).entry("x").task.budget == "1/3"
