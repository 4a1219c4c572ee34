import dataclasses

import pytest

from xnet_study.baselines import classical, networks
from xnet_study.comparison import images, tasks
from xnet_tf import profiles
from xnet_tf.files import InputError

QUICK = dataclasses.replace(profiles.get("quick"), l2=1e-6)


@pytest.fixture(scope="module")
def plan():
    return tasks.plan(QUICK, images.REGION_GROUPS)


def count(plan, **wanted):
    return sum(all(getattr(t, k) == v for k, v in wanted.items()) for t in plan)


def test_every_task_has_its_own_folder(plan):
    assert len({task.slug for task in plan}) == len(plan)
    assert all(task.slug.replace("-", "").isalnum() for task in plan)


def test_stage_a_is_what_is_wanted(plan):
    trained = [t for t in plan if t.is_network and t.stage == "A"]
    plain = {"rate": "", "left_out": "", "changes": {}, "images": 0, "added": 0}
    numbers = {
        (key, budget): count(trained, key=key, budget=budget, **plain)
        for key in networks.NETWORKS
        for budget in ("1", "3", "9")
    }
    assert {k: n for k, n in numbers.items() if n} == {
        **{("xnet", "1"): 5, ("unet", "1"): 5, ("segnet", "1"): 3, ("deeplab", "1"): 3},
        **{("simple-segnet", "1"): 2, ("unet-as-wired", "1"): 1},
        **{("xnet", "3"): 2, ("unet", "3"): 2, ("segnet", "3"): 1, ("deeplab", "3"): 1},
        **{("xnet", "9"): 1, ("unet", "9"): 1},
    }
    for rate in tasks.RATES:
        assert count(trained, rate=rate, budget="1/3") == len(networks.NETWORKS)
    assert sum(bool(t.images) for t in trained) == 3 * 2 * 2
    assert sum(bool(t.added) for t in trained) == 2 * 2
    assert sum(bool(t.left_out) for t in trained) == 7 * 2
    assert sum(bool(t.changes) for t in trained) == 4 * 2, "two losses, two factors of L2"
    assert count(trained, key="xnet", budget="1/3", **plain) == 2
    assert len(trained) == 86


def test_nothing_is_chosen_on_what_judges(plan):
    for task in plan:
        if task.rate:
            assert task.subsets == ("validation", "choice")
        elif task.is_network:
            assert task.subsets == ("validation", "test", "evaluation")


def test_classical_methods_are_tuned_in_three_ways_and_the_best_on_fewer_images(plan):
    assert sum(task.family not in ("network", "constant") for task in plan) == (
        3 * len(classical.METHODS) + 6
    )
    assert count(plan, key=tasks.BEST, images=15) == 2


def test_tasks_are_chosen_by_name_or_pattern(plan):
    chosen = tasks.select(plan, ("unet-seed*", "constant"))
    assert [t.slug for t in chosen] == ["constant", *(f"unet-seed{k}" for k in range(1, 6))]
    assert {task.stage for task in tasks.select(plan, ())} == {"A"}
    with pytest.raises(InputError, match="no task is called 'lenet-seed1'"):
        tasks.select(plan, ("xnet-seed1", "lenet-seed1"))


@pytest.mark.parametrize(
    ("budget", "epochs", "coarse"), [("1/3", 33, 26), ("1", 100, 78), ("9", 900, 702)]
)
def test_budgets_are_epochs(budget, epochs, coarse):
    short = tasks.shortened(profiles.get("quick"), budget)
    assert (short.epochs, short.coarse_epochs, short.patience) == (epochs, coarse, epochs)


def test_settings_are_the_profiles_but_for_what_is_asked(plan):
    by_slug = {task.slug: task for task in plan}
    usual = tasks.settings(QUICK, by_slug["unet-seed2"], "1")
    assert (usual.network, usual.seed, usual.precision) == ("unet", 2, "float32")
    changed = {k for k, v in usual.as_dict().items() if v != QUICK.as_dict()[k]}
    assert changed == {"name", "network", "seed"}
    faster = tasks.settings(QUICK, by_slug["xnet-third-loss-lovasz-seed1"], "3")
    assert faster.learning_rate == pytest.approx(3 * QUICK.learning_rate)
    assert faster.loss == "lovasz"
    few = tasks.settings(QUICK, by_slug["xnet-images15-seed1"], "1", share=15 / 19)
    assert few.images_per_part * 15 == pytest.approx(12 * 19, abs=8), "equally many images"


def test_a_trial_and_what_its_rate_is_chosen_for_are_one_training(plan):
    trial, final = (
        next(t for t in plan if t.slug == slug)
        for slug in ("xnet-third-seed1-rate1-3", "xnet-third-seed1")
    )
    assert tasks.settings(QUICK, trial, "1/3") == tasks.settings(QUICK, final, "1/3")
