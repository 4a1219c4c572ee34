import pandas as pd
import pytest

from xnet_study.baselines import networks
from xnet_study.comparison import tasks
from xnet_tf import dataset, profiles
from xnet_tf.files import InputError


@pytest.fixture(scope="module")
def plan():
    return tasks.plan(dataset.load())


def test_every_task_has_its_own_folder(plan):
    assert len({task.slug for task in plan}) == len(plan)
    assert all(task.slug.replace("-", "").isalnum() for task in plan)


def test_small_data_sets_are_not_divided_anew():
    rows = {"body_part": ["hand"] * 3, "subject": ["a", "b", "c"]}
    plan = tasks.plan(dataset.Dataset(None, pd.DataFrame(rows), {}))
    assert not any(task.fold for task in plan)
    assert sum(task.family == "network" for task in plan) == 3 * len(networks.NETWORKS)


def test_trainings_are_as_many_as_budgeted(plan):
    trained = [task for task in plan if task.family == "network"]
    assert len(trained) == 40
    assert sum(task.fold is None for task in trained) == 3 * len(networks.NETWORKS)
    assert sum(task.fold["kind"] == "region group" for task in trained if task.fold) == 7
    assert sum(task.fold["kind"] == "subjects" for task in trained if task.fold) == 15


def test_what_is_wanted_most_comes_first(plan):
    order = [task.slug for task in plan]
    wanted = ["constant", "multi-otsu-overall", "xnet-seed1", "deeplab-seed1", "xnet-seed2"]
    wanted += ["deeplab-seed3", "xnet-without-head-and-neck", "xnet-fold1", "segnet-fold5"]
    assert [order.index(slug) for slug in wanted] == sorted(order.index(slug) for slug in wanted)
    assert order[0] == "constant" and order[-1] == "segnet-fold5"


def test_classical_methods_are_tuned_in_three_ways(plan):
    variants = {task.slug: task.variant for task in plan if task.key == "multi-otsu"}
    assert variants == {
        "multi-otsu-overall": "overall",
        "multi-otsu-by-part": "by part",
        "multi-otsu-oracle": "oracle",
    }


def test_tasks_are_chosen_by_name_or_pattern(plan):
    chosen = tasks.select(plan, ("unet-seed*", "constant"))
    assert [t.slug for t in chosen] == ["constant", "unet-seed1", "unet-seed2", "unet-seed3"]
    assert tasks.select(plan, ()) == plan
    with pytest.raises(InputError, match="no task is called 'lenet-seed1'"):
        tasks.select(plan, ("xnet-seed1", "lenet-seed1"))


def test_networks_see_equally_many_images(plan):
    quick = profiles.get("quick")
    settings = {
        t.slug: tasks.budget(quick, t, 19, 19) for t in plan if t.family == "network" and not t.fold
    }
    assert {(s.epochs, s.coarse_epochs, s.images_per_part) for s in settings.values()} == {
        (33, 25, 12)
    }
    assert {s.filters[0] for s in settings.values()} == {16}
    assert settings["segnet-seed2"].network == "segnet" and settings["segnet-seed2"].seed == 2
    assert settings["xnet-seed1"].name == "quick/comparison/xnet-seed1"
    left_out = next(t for t in plan if t.slug == "xnet-without-hand-and-forearm")
    assert tasks.budget(quick, left_out, 15, 19).images_per_part * 15 == pytest.approx(228, abs=8)
