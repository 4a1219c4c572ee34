"""The paper's width and settings beside the profile's."""

import dataclasses

import pandas as pd
import pytest
from made_counts import counts

from xnet_study.ablations import width
from xnet_tf import profiles


def test_one_thing_differs_from_the_profile_at_a_time():
    quick = profiles.get("quick")
    wanted = width.networks(quick)
    assert next(iter(wanted)) == "width 16"
    assert wanted.pop("width 16") is quick
    changed = {
        name: {
            field.name
            for field in dataclasses.fields(profile)
            if getattr(profile, field.name) != getattr(quick, field.name)
        }
        for name, profile in wanted.items()
    }
    assert changed == {
        "width 64": {"name", "filters", "precision"},
        "width 16, authors' settings": {"name", *width.LEARNING},
    }
    assert len({profile.name for profile in wanted.values()} | {quick.name}) == 3


def test_a_curve_counts_images_and_core_seconds(tiny_profile):
    profile = dataclasses.replace(
        tiny_profile, image_size=32, coarse_size=16, coarse_epochs=2, epochs=4, batch_size=4
    )
    history = pd.DataFrame({"epoch": [1, 2, 3], "val_accuracy": 0.5, "val_loss": 1.0})
    table = width.curve(profile, history, steps=10, costs={16: 0.1, 32: 0.5})
    assert table["images"].to_list() == [40, 80, 120]
    assert table["core_seconds"].to_list() == pytest.approx([1, 2, 7])


def test_a_step_costs_more_at_a_larger_size(tiny_profile):
    profile = dataclasses.replace(
        tiny_profile, image_size=96, coarse_size=16, coarse_epochs=1, epochs=2
    )
    costs = width.step_costs(profile)
    assert 0 < costs[16] < costs[96]


def test_networks_are_compared_with_the_profiles():
    shares = {"width 16": (0.55, 0.65), "width 64": (0.7, 0.7)}
    tables = {
        name: [counts(share, "subset", ("test",)) for share in of_seeds]
        for name, of_seeds in shares.items()
    }
    rows = width.score_table(tables).query("score == 'macro F1'").set_index("network")
    assert rows["difference"]["width 64"] == pytest.approx(0.1, abs=0.01)
    assert pd.isna(rows["difference"]["width 16"])
    seeds = rows.loc["width 16", ["lowest_seed", "highest_seed"]].to_list()
    assert seeds == pytest.approx([0.55, 0.65], abs=0.01)
